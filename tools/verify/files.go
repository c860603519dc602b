package verify

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// required are the tasks that README.md and CI count on.
var required = []string{"build", "test", "race", "fuzz", "bench", "e2e", "lint", "generate", "verify", "playground"}

// tasks checks that every task of Taskfile.yml has a description.
func tasks(_ context.Context, r *Repository) ([]string, error) {
	raw, err := os.ReadFile(r.path("Taskfile.yml"))
	if err != nil {
		return nil, fmt.Errorf("read tasks: %w", err)
	}
	var file struct {
		Tasks map[string]yaml.Node
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("read tasks: %w", err)
	}
	var problems []string
	for name, node := range file.Tasks {
		var task struct {
			Desc     string
			Internal bool
		}
		// A task written as a list or a string has no description either.
		_ = node.Decode(&task)
		if task.Desc == "" && !task.Internal {
			problems = append(problems, fmt.Sprintf("Taskfile.yml:%d: the task %s has no desc", node.Line, name))
		}
	}
	for _, name := range required {
		if _, ok := file.Tasks[name]; !ok {
			problems = append(problems, "Taskfile.yml: there is no task "+name)
		}
	}
	return problems, nil
}

// maxFile is the largest file that is kept, in bytes.
const maxFile = 500_000

func sizes(_ context.Context, r *Repository) ([]string, error) {
	var problems []string
	for _, f := range r.Files {
		info, err := os.Lstat(r.path(f))
		if err != nil {
			return problems, fmt.Errorf("size: %w", err)
		}
		if info.Size() > maxFile {
			problems = append(problems, fmt.Sprintf("%s has %d bytes, and %d are allowed", f, info.Size(), maxFile))
		}
	}
	return problems, nil
}

// scripts checks that shell scripts can be run and stop at the first error.
func scripts(ctx context.Context, r *Repository) ([]string, error) {
	var problems []string
	for _, f := range r.Files {
		raw, err := os.ReadFile(r.path(f))
		if err != nil || !bytes.HasPrefix(raw, []byte("#!")) {
			continue // a symlink, or no script
		}
		first, _, _ := strings.Cut(string(raw), "\n")
		if !strings.Contains(first, "sh") {
			continue
		}
		if info, err := os.Stat(r.path(f)); err == nil && info.Mode()&0o111 == 0 {
			problems = append(problems, f+" is a script and cannot be executed")
		}
		if !bytes.Contains(raw, []byte("\nset -eu")) {
			problems = append(problems, f+" does not stop at the first error: it has no line that begins with set -eu")
		}
		shell := "sh"
		if strings.Contains(first, "bash") {
			shell = "bash"
		}
		if _, err := r.command(ctx, "", nil, shell, "-n", f); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems, nil
}

// formatted checks Go files against gofmt.
func formatted(_ context.Context, r *Repository) ([]string, error) {
	var problems []string
	for _, f := range r.Files {
		if !strings.HasSuffix(f, ".go") || strings.Contains(f, "testdata/") {
			continue
		}
		raw, err := os.ReadFile(r.path(f))
		if err != nil {
			return problems, fmt.Errorf("format: %w", err)
		}
		nice, err := format.Source(raw)
		switch {
		case err != nil:
			problems = append(problems, f+": "+err.Error())
		case !bytes.Equal(raw, nice):
			problems = append(problems, f+" is not formatted: run gofmt -w "+filepath.ToSlash(f))
		}
	}
	return problems, nil
}
