// Command fuzz-modules runs every fuzz target of the workspace for a while,
// one after the other, and ends with one line for each. go test takes one
// target at a time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	fuzztime := flag.String("fuzztime", "30s", "how long each target runs, as go test -fuzztime takes it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed, err := run(ctx, *fuzztime)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "fuzz-modules: error: %v\n", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// target is one fuzz function and the directory of its package.
type target struct{ dir, name string }

func run(ctx context.Context, fuzztime string) (failed int, err error) {
	targets, err := find(ctx)
	if err != nil {
		return 0, err
	}
	var lines []string
	for _, t := range targets {
		fmt.Printf("=== %s %s\n", t.dir, t.name)
		start := time.Now()
		err := fuzz(ctx, t, fuzztime)
		if ctx.Err() != nil {
			return failed, context.Cause(ctx)
		}
		word := "ok"
		if err != nil {
			word = "FAILED"
			failed++
		}
		lines = append(lines, fmt.Sprintf("%s: %s: %s in %s", t.dir, t.name, word, time.Since(start).Round(time.Second)))
	}
	fmt.Printf("\n%s\n%d targets, %d failed\n", strings.Join(lines, "\n"), len(targets), failed)
	return failed, nil
}

func fuzz(ctx context.Context, t target, fuzztime string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", fuzztime, ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.dir, os.Stdout, os.Stderr
	// An interrupt lets go test end its workers; it is not left alone for ever.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.Run()
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
	slices.SortFunc(targets, func(a, b target) int { return strings.Compare(a.dir+" "+a.name, b.dir+" "+b.name) })
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
