// Package verify checks the repository itself: what a compiler and a linter do
// not see, and what must hold before a change is merged. Each check says what
// it is for, and answers with every problem it finds. No check changes a file.
package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Check is one thing that must hold.
type Check struct {
	Name string
	// Why says which failure it prevents.
	Why string
	// Find returns what is wrong, or an error if it could not be found out.
	Find func(context.Context, *Repository) ([]string, error)
}

// Checks returns all checks, the quick ones first.
func Checks() []Check {
	return []Check{
		{"tasks", "a task without a description is not found with --list", tasks},
		{"modules", "a module must build for whoever depends on it alone", modules},
		{"links", "a page that leads nowhere is worse than none", links},
		{"size", "a large file stays in every clone for ever", sizes},
		{"scripts", "CI runs scripts in a fresh clone", scripts},
		{"format", "one form of the code, so that diffs show changes", formatted},
		{"imports", "the folder list is the architecture", imports},
		{"standalone", "each module builds with GOWORK=off", standalone},
		{"vet", "go vet finds what compiles and is wrong", vet},
		{"generated", "generated files are those that their sources give", generated},
	}
}

// Repository is the checkout that is looked at.
type Repository struct {
	Root string
	// Files are all that git knows or would add, sorted, with slashes.
	Files []string
	// Modules are the directories with a go.mod, with slashes.
	Modules []string
}

// Open lists a checkout.
func Open(ctx context.Context, root string) (*Repository, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open checkout: %w", err)
	}
	r := &Repository{Root: abs}
	out, err := r.command(ctx, "", nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	for f := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		// A file that was deleted and not yet committed is still listed.
		if _, err := os.Lstat(r.path(f)); err != nil {
			continue
		}
		r.Files = append(r.Files, f)
		if filepath.Base(f) == "go.mod" && !strings.Contains(f, "testdata/") {
			r.Modules = append(r.Modules, filepath.ToSlash(filepath.Dir(f)))
		}
	}
	return r, nil
}

func (r *Repository) path(file string) string { return filepath.Join(r.Root, filepath.FromSlash(file)) }

// command runs a program in a directory of the checkout and returns its
// standard output.
func (r *Repository) command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.path(dir)
	cmd.Env = append(cmd.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(out.String() + "\n" + errs.String())
		return out.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said)
	}
	return out.String(), nil
}

// Run runs the checks and prints how each went. It reports whether all hold.
func Run(ctx context.Context, w io.Writer, r *Repository, checks []Check) (bool, error) {
	failed := 0
	for _, c := range checks {
		start := time.Now()
		problems, err := c.Find(ctx, r)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
		word := "ok  "
		if len(problems) > 0 {
			word = "FAIL"
			failed++
		}
		_, err = fmt.Fprintf(w, "%s %-10s %5.1fs  %s\n", word, c.Name, time.Since(start).Seconds(), c.Why)
		for _, p := range problems {
			_, more := fmt.Fprintf(w, "     %s\n", strings.ReplaceAll(shortened(p), "\n", "\n       "))
			err = errors.Join(err, more)
		}
		if err != nil {
			return false, fmt.Errorf("print: %w", err)
		}
	}
	_, err := fmt.Fprintf(w, "verify: %d of %d checks hold\n", len(checks)-failed, len(checks))
	return failed == 0, err
}

// maxLines is how much of one problem is printed: compilers repeat themselves.
const maxLines = 12

func shortened(problem string) string {
	lines := strings.Split(strings.TrimSpace(problem), "\n")
	if len(lines) > maxLines {
		lines = append(lines[:maxLines], fmt.Sprintf("and %d lines more", len(lines)-maxLines))
	}
	return strings.Join(lines, "\n")
}
