package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// keepBinaries is how long a binary stays in the cache after its last use.
const keepBinaries = 7 * 24 * time.Hour

// Binary builds a main package of the workspace as a static program for Linux
// and returns where it is: in the user's cache, under a name that its content
// decides, so that what was returned never changes. pkg is an import path, or
// one that begins with ./ and counts from the root of the checkout, which is
// found from the working directory. Callers that ask for the same package at
// the same time, in one process or in several, share one build.
func Binary(ctx context.Context, pkg string) (string, error) {
	return shared(ctx, pkg, "")
}

// Stamped is Binary with the variable main.version set, and without a trace of
// where it was built, so that it comes out the same everywhere. That takes a
// compilation of its own; Binary shares the packages of other builds.
func Stamped(ctx context.Context, pkg, version string) (string, error) {
	return shared(ctx, pkg, version)
}

// building holds a lock for each binary that this process has been asked for.
var building sync.Map

// shared builds one binary at a time in this process. The second caller finds
// that the go command has nothing left to do.
func shared(ctx context.Context, pkg, version string) (string, error) {
	turn, _ := building.LoadOrStore(pkg+"\n"+version, make(chan struct{}, 1))
	c, _ := turn.(chan struct{})
	select {
	case c <- struct{}{}:
		defer func() { <-c }()
	case <-ctx.Done():
		return "", fmt.Errorf("build %s: %w", pkg, context.Cause(ctx))
	}
	file, err := cached(ctx, pkg, version)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	return file, nil
}

// cached builds into the cache.
func cached(ctx context.Context, pkg, version string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place to keep binaries (set HOME or XDG_CACHE_HOME): %w", err)
	}
	root, err := checkout()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "gatewright", "images")
	key := sha256.Sum256([]byte(root + "\n" + pkg + "\n" + version))
	name := path.Base(pkg)
	work := filepath.Join(dir, "work", name+"-"+hex.EncodeToString(key[:6]))
	if err := os.MkdirAll(work, 0o755); err != nil { //nolint:gosec // a cache of programs that anyone may run
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(work, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	// The go command links only if the binary is not up to date.
	out := filepath.Join(work, name)
	if err := compile(ctx, root, pkg, version, out); err != nil {
		return "", err
	}
	defer prune(dir)
	return keep(dir, out)
}

// Compile builds a package as Stamped does, into a file of the caller's and not
// into the cache.
func Compile(ctx context.Context, pkg, version, out string) error {
	root, err := checkout()
	if err == nil {
		err = compile(ctx, root, pkg, version, out)
	}
	if err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	return nil
}

func compile(ctx context.Context, root, pkg, version, out string) error {
	args := []string{"build", "-buildvcs=false", "-o", out}
	if version == "" {
		args = append(args, "-ldflags", "-s -w")
	} else {
		args = append(args, "-trimpath", "-ldflags", "-s -w -X main.version="+version)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = root
	dropped := []string{"GOWORK", "GOFLAGS", "CGO_ENABLED", "GOOS", "PWD"}
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(dropped, name)
	})
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0", "GOOS=linux", "PWD="+root)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("go build: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// checkout finds the directory with go.work above the working directory.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.work above %s: run inside the checkout", dir)
		}
	}
}

// keep copies a program to a path that its content decides.
func keep(dir, program string) (string, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	kept := filepath.Join(dir, hex.EncodeToString(sum[:8]), filepath.Base(program))
	if info, err := os.Stat(kept); err == nil && info.Size() == int64(len(content)) { //nolint:gosec // the cache is the user's own
		now := time.Now()
		return kept, os.Chtimes(filepath.Dir(kept), now, now) // tells prune that it is in use
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil { //nolint:gosec // as above
		return "", err
	}
	tmp, err := os.CreateTemp(filepath.Dir(kept), ".new-")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(0o755), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), kept) //nolint:gosec // the cache is the user's own
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(tmp.Name())) //nolint:gosec // the cache is the user's own
	}
	return kept, nil
}

// prune removes binaries that were not used for long. What it cannot remove,
// the next build tries again.
func prune(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && e.Name() != "work" && time.Since(info.ModTime()) > keepBinaries {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
