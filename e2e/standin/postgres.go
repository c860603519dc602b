package standin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/tools/image"
)

// ErrNoPostgres says that this machine has no PostgreSQL to make an image of.
var ErrNoPostgres = errors.New("PostgreSQL is not installed here (apt-get install --no-install-recommends postgresql)")

// PostgresHome is where the server has its data.
const PostgresHome = "/var/lib/postgresql"

// Postgres is PostgreSQL at postgres:5432, with the database, the superuser
// and the password gatewright. It prints "database system is ready to accept
// connections" when it is, and keeps its data in the container.
//
// It is made of the packages of a Debian or Ubuntu that has them installed:
// the programs, what they load, and a shell, which initdb calls.
func Postgres(ctx context.Context) (image.Spec, error) {
	bin, err := postgresBin()
	if err != nil {
		return image.Spec{}, err
	}
	args := []string{"-bin", bin, "-data", PostgresHome, "-listen", "*"}
	s, err := program(ctx, "postgres-run", args, "5432/tcp")
	if err != nil {
		return s, err
	}
	version := filepath.Base(filepath.Dir(bin))
	for _, dir := range []string{filepath.Join(filepath.Dir(bin), "lib"), filepath.Join("/usr/share/postgresql", version)} {
		files, err := tree(dir, postgresNeeds)
		if err != nil {
			return s, err
		}
		s.Files = append(s.Files, files...)
	}
	for _, name := range []string{"postgres", "initdb", "pg_isready", "psql"} {
		s.Files = append(s.Files, image.File{Path: filepath.Join(bin, name), Mode: 0o755, From: filepath.Join(bin, name)})
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		return s, err
	}
	s.Files = append(s.Files, image.File{Path: "/bin/sh", Mode: 0o755, From: shell})
	libraries, err := loaded(s.Files)
	if err != nil {
		return s, err
	}
	s.Files = append(s.Files, libraries...)
	// Clients ask for this zone by name; GMT alone is built in.
	s.Files = append(s.Files, image.File{Path: "/usr/share/zoneinfo/UTC", From: "/usr/share/zoneinfo/UTC"})
	s.Health = []string{"CMD", filepath.Join(bin, "pg_isready"), "-h", "127.0.0.1"}
	s.Env = append(s.Env, "PATH="+bin)
	home(&s, PostgresHome)
	return s, nil
}

// postgresBin finds the programs of the newest version.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.Join(ErrNoPostgres, err)
	}
	newest := slices.MaxFunc(found, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) // 9 is older than 10
	})
	return filepath.Dir(newest), nil
}

// postgresNeeds leaves out what only some would use: the just-in-time compiler,
// which needs LLVM, and manual pages.
func postgresNeeds(path string) bool {
	name := filepath.Base(path)
	return !strings.HasPrefix(name, "llvmjit") && name != "bitcode" && name != "pgxs" && name != "man"
}

// tree lists the files below a directory of this machine, for the same place in
// an image.
func tree(dir string, wanted func(path string) bool) ([]image.File, error) {
	var files []image.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !wanted(path) && d.IsDir():
			return fs.SkipDir
		case !wanted(path) || d.IsDir():
			return nil
		}
		info, err := os.Stat(path) // what a link leads to
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if info.Mode().IsRegular() {
			files = append(files, image.File{Path: path, Mode: 0o644, From: path})
		}
		return nil
	})
	return files, err
}
