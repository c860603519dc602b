package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// target is one fuzz function and the directory of its package.
type target struct{ dir, name string }

// String names the target as people look for it.
func (t target) String() string { return t.dir + " " + t.name }

func (t target) compare(other target) int { return cmp.Compare(t.String(), other.String()) }

// executed is how go test tells how often a target was executed by now.
var executed = regexp.MustCompile(`^fuzz: .*\bexecs: (\d+) `)

// guided runs a target with the coverage of each input in view, which finds
// new ways into the code. time is as go test -fuzztime takes it.
func guided(ctx context.Context, t target, time string) (executions int64, err error) {
	// Minimizing an input is not counted, and by default it may take a minute.
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$",
		"-fuzztime", time, "-fuzzminimizetime", "1s", ".")
	return count(ctx, cmd, t, 0)
}

// blind runs a target on variants of the inputs that guided runs have found to
// be of interest. Without instrumentation it is ten to twenty times as fast.
func blind(ctx context.Context, t target, executions int64, atMost time.Duration) (int64, error) {
	scratch, err := os.MkdirTemp("", "fuzz-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // of a temporary directory
	binary := filepath.Join(scratch, "fuzz.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, ".")
	build.Dir, build.Stderr = t.dir, os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("build %s: %w", t.dir, err)
	}
	found, err := cached(ctx, t)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.fuzz", "^"+t.name+"$",
		"-test.fuzztime", fmt.Sprintf("%dx", executions), "-test.fuzzminimizetime", "1s", "-test.fuzzcachedir", found)
	return count(ctx, cmd, t, atMost)
}

// cached is where guided runs keep what they find in the package of a target.
func cached(ctx context.Context, t target) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-f", "{{.ImportPath}}", ".")
	list.Dir = t.dir
	path, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("list %s: %w", t.dir, err)
	}
	cache, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("find the cache: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(cache)), "fuzz", filepath.FromSlash(strings.TrimSpace(string(path)))), nil
}

// count runs a command that fuzzes a target, for a while if atMost is not 0,
// and reads how many executions it tells of. That its time is up, or that it was
// interrupted, is no failure.
func count(ctx context.Context, cmd *exec.Cmd, t target, atMost time.Duration) (executions int64, err error) {
	cmd.Dir = t.dir
	// An interrupt lets go test end its workers; it is not left alone for ever.
	interrupt := func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Cancel, cmd.WaitDelay = interrupt, 10*time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	cmd.Stderr = cmd.Stdout // where a test binary tells its executions
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var up atomic.Bool
	if atMost > 0 {
		timer := time.AfterFunc(atMost, func() {
			up.Store(true)
			_ = interrupt() // it may just have ended
		})
		defer timer.Stop()
	}
	failed := false
	lines := bufio.NewScanner(io.TeeReader(out, os.Stdout))
	for lines.Scan() {
		if m := executed.FindStringSubmatch(lines.Text()); m != nil {
			executions, _ = strconv.ParseInt(m[1], 10, 64) // the expression took digits
		}
		failed = failed || strings.Contains(lines.Text(), "--- FAIL")
	}
	err = errors.Join(lines.Err(), cmd.Wait())
	if (up.Load() || ctx.Err() != nil) && !failed {
		err = nil
	}
	return executions, err
}

// find looks for fuzz functions below every module of the workspace.
func find(ctx context.Context) ([]target, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find targets: %w", err)
	}
	var targets []target
	for dir := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			// A module inside a module has its own turn.
			if d.IsDir() && (d.Name() == "testdata" || path != dir && exists(filepath.Join(path, "go.mod"))) {
				return fs.SkipDir
			}
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			names, err := functions(path)
			rel, relErr := filepath.Rel(here, filepath.Dir(path))
			for _, name := range names {
				targets = append(targets, target{filepath.ToSlash(rel), name})
			}
			return errors.Join(err, relErr)
		})
		if err != nil {
			return nil, fmt.Errorf("find targets: %w", err)
		}
	}
	slices.SortFunc(targets, target.compare)
	return targets, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// functions are the fuzz targets of a file.
func functions(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	var names []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") && f.Type.Params.NumFields() == 1 {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}
