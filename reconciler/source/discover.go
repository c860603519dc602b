package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/cache"
	formatcfg "github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// errNotRepository says that a directory holds no git repository.
var errNotRepository = errors.New("not a git repository")

// layout is where the parts of a repository on this machine are.
type layout struct {
	// dir holds HEAD; for a linked worktree it is below common/worktrees.
	dir string
	// common holds refs, packed-refs and objects.
	common string
	// work is the working copy, empty for a bare repository.
	work string
}

// discover finds the repository at path itself, never above it.
func discover(path string) (layout, error) {
	info, err := os.Stat(path)
	if err != nil {
		return layout{}, err
	}
	if !info.IsDir() {
		return layout{}, fmt.Errorf("%w: it is a file", errNotRepository)
	}
	l := layout{dir: path}
	switch info, err := os.Stat(filepath.Join(path, ".git")); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return layout{}, err
	case info.IsDir():
		l.dir, l.work = filepath.Join(path, ".git"), path
	default:
		if l.dir, err = readPointer(filepath.Join(path, ".git"), "gitdir: "); err != nil {
			return layout{}, err
		}
		l.work = path
	}
	return l.complete()
}

// discoverAbove finds the repository that path is in.
func discoverAbove(path string) (layout, error) {
	for dir := path; ; dir = filepath.Dir(dir) {
		l, err := discover(dir)
		if err == nil || !errors.Is(err, errNotRepository) {
			return l, err
		}
		if dir == filepath.Dir(dir) {
			return layout{}, errNotRepository
		}
	}
}

// complete follows commondir and checks that this is a repository at all, by
// git's own rule: HEAD, objects and refs are there.
func (l layout) complete() (layout, error) {
	l.common = l.dir
	switch common, err := readPointer(filepath.Join(l.dir, "commondir"), ""); {
	case err == nil:
		l.common = common
	case !errors.Is(err, fs.ErrNotExist):
		return layout{}, err
	}
	for _, part := range []string{filepath.Join(l.dir, "HEAD"), filepath.Join(l.common, "objects"), filepath.Join(l.common, "refs")} {
		if _, err := os.Lstat(part); errors.Is(err, fs.ErrNotExist) {
			return layout{}, fmt.Errorf("%w: it has no %s", errNotRepository, filepath.Base(part))
		} else if err != nil {
			return layout{}, err
		}
	}
	return l, nil
}

// readPointer reads a file that holds a path, relative to the file's own
// directory.
func readPointer(file, prefix string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(strings.TrimRight(string(raw), "\r\n"), prefix)
	if !ok || text == "" || len(raw) > 1<<14 {
		return "", fmt.Errorf("%w: %s does not say where it is", errNotRepository, filepath.Base(file))
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(filepath.Dir(file), text)
	}
	return text, nil
}

// storage opens go-git's view of the repository. Only refs, configuration and
// the index are read through it; objects have their own reader, see [depot].
func (l layout) storage() *filesystem.Storage {
	dot := dotgit.NewRepositoryFilesystem(osfs.New(l.dir), osfs.New(l.common))
	return filesystem.NewStorage(dot, cache.NewObjectLRU(0))
}

// errFormat says that the repository uses a format that cannot be read here.
var errFormat = errors.New("unsupported repository format")

// readableExtensions change nothing in how objects and refs are read.
var readableExtensions = map[string]bool{
	"noop": true, "noop-v1": true, "preciousobjects": true, "partialclone": true, "worktreeconfig": true, "relativeworktrees": true,
}

// checkFormat refuses SHA-256 repositories and reftables by name, instead of
// finding them empty.
func checkFormat(st *filesystem.Storage) error {
	cfg, err := st.Config()
	if err != nil {
		return fmt.Errorf("read config: %w", err)
	}
	if v := cfg.Core.RepositoryFormatVersion; v != "" && v != formatcfg.Version_0 && v != formatcfg.Version_1 {
		return fmt.Errorf("%w: version %s", errFormat, v)
	}
	if !cfg.Raw.HasSection("extensions") {
		return nil
	}
	for _, o := range cfg.Raw.Section("extensions").Options {
		key, value := strings.ToLower(o.Key), strings.ToLower(o.Value)
		plain := key == "objectformat" && value == "sha1" || key == "refstorage" && value == "files"
		if !plain && !readableExtensions[key] {
			return fmt.Errorf("%w: %s %s", errFormat, key, value)
		}
	}
	return nil
}
