package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// generated runs go generate in a copy of the checkout and compares.
func generated(ctx context.Context, r *Repository) ([]string, error) {
	dirs, err := r.generating()
	if err != nil || len(dirs) == 0 {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "verify-generated-")
	if err != nil {
		return nil, fmt.Errorf("copy checkout: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // what stays is the system's to clean
	if err := r.copyTo(tmp); err != nil {
		return nil, err
	}
	clone := &Repository{Root: tmp, Files: r.Files, Modules: r.Modules}
	for _, dir := range dirs {
		if _, err := clone.command(ctx, dir, nil, "go", "generate", "."); err != nil {
			return nil, err
		}
	}
	return r.differences(tmp)
}

// generating are the directories with a go:generate line.
func (r *Repository) generating() ([]string, error) {
	var dirs []string
	for _, f := range r.Files {
		if !strings.HasSuffix(f, ".go") || strings.Contains(f, "testdata/") {
			continue
		}
		raw, err := os.ReadFile(r.path(f))
		if err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		dir := filepath.ToSlash(filepath.Dir(f))
		if bytes.Contains(raw, []byte("\n//go:generate ")) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

func (r *Repository) copyTo(tmp string) error {
	for _, f := range r.Files {
		to := filepath.Join(tmp, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // a checkout as git makes it
			return fmt.Errorf("copy checkout: %w", err)
		}
		info, err := os.Lstat(r.path(f))
		if err != nil {
			return fmt.Errorf("copy checkout: %w", err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(r.path(f))
			if err := errors.Join(err, os.Symlink(target, to)); err != nil {
				return fmt.Errorf("copy checkout: %w", err)
			}
			continue
		}
		raw, err := os.ReadFile(r.path(f))
		if err == nil {
			err = os.WriteFile(to, raw, info.Mode().Perm())
		}
		if err != nil {
			return fmt.Errorf("copy checkout: %w", err)
		}
	}
	return nil
}

// differences compares all files, so that one that is generated and was not
// added is found too.
func (r *Repository) differences(tmp string) ([]string, error) {
	known := map[string]bool{}
	for _, f := range r.Files {
		known[f] = true
	}
	var problems []string
	err := filepath.WalkDir(tmp, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(tmp, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		now, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		before, err := os.ReadFile(r.path(rel))
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && !known[rel]:
			problems = append(problems, rel+" is generated and not in the repository")
		case err != nil:
			return err
		case !bytes.Equal(now, before):
			problems = append(problems, rel+" is out of date: run go tool task generate")
		}
		return nil
	})
	if err != nil {
		return problems, fmt.Errorf("compare generated files: %w", err)
	}
	return problems, nil
}
