package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// root is the path that all modules of the repository begin with.
const root = "github.com/gatewright/gatewright/"

// apart are the modules that are not in go.work, and why.
var apart = map[string]string{
	"fixtures/kube/server": "pins the whole of Kubernetes, whose requirements would raise everybody's",
	"tools/lint":           "pins golangci-lint, whose requirements would raise everybody's",
}

type modFile struct {
	Module  struct{ Path string }
	Go      string
	Require []struct{ Path string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// modules checks go.work and every go.mod: all modules are in the workspace,
// and what one requires of another is found by a relative path for ever, so
// that it builds without the workspace too.
func modules(ctx context.Context, r *Repository) ([]string, error) {
	out, err := r.command(ctx, "", nil, "go", "work", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var work struct {
		Go      string
		Use     []struct{ DiskPath string }
		Replace []struct{ Old struct{ Path string } }
	}
	if err := json.Unmarshal([]byte(out), &work); err != nil {
		return nil, fmt.Errorf("read go.work: %w", err)
	}
	var used, problems []string
	for _, u := range work.Use {
		used = append(used, path.Clean(u.DiskPath))
	}
	for _, replaced := range work.Replace {
		problems = append(problems, "go.work: replaces "+replaced.Old.Path+", which nobody gets who builds one module alone")
	}
	for _, dir := range r.Modules {
		if slices.Contains(used, dir) == (apart[dir] != "") {
			problems = append(problems, fmt.Sprintf("go.work: %s should be in the workspace, or be named in tools/verify with the reason why not", dir))
		}
		mod, err := readMod(ctx, r, dir)
		if err != nil {
			return problems, err
		}
		problems = append(problems, checkMod(dir, mod, work.Go)...)
	}
	return problems, nil
}

func readMod(ctx context.Context, r *Repository, dir string) (modFile, error) {
	var mod modFile
	out, err := r.command(ctx, dir, []string{"GOWORK=off"}, "go", "mod", "edit", "-json")
	if err != nil {
		return mod, err
	}
	if err := json.Unmarshal([]byte(out), &mod); err != nil {
		return mod, fmt.Errorf("read %s/go.mod: %w", dir, err)
	}
	return mod, nil
}

func checkMod(dir string, mod modFile, goVersion string) []string {
	var problems []string
	wrong := func(format string, args ...any) {
		problems = append(problems, dir+"/go.mod: "+fmt.Sprintf(format, args...))
	}
	if want := root + dir; mod.Module.Path != want {
		wrong("the module is %s and stands where %s should", mod.Module.Path, want)
	}
	if mod.Go != goVersion && apart[dir] == "" {
		wrong("says go %s, and go.work go %s", mod.Go, goVersion)
	}
	replaced := map[string]string{}
	for _, rep := range mod.Replace {
		replaced[rep.Old.Path] = rep.New.Path
		if !strings.HasPrefix(rep.Old.Path, root) && apart[dir] == "" {
			wrong("replaces %s, which is not ours", rep.Old.Path)
		}
	}
	for _, req := range mod.Require {
		target, ours := strings.CutPrefix(req.Path, root)
		if !ours {
			continue
		}
		if got := replaced[req.Path]; !strings.HasPrefix(got, ".") || path.Join(dir, got) != target {
			wrong("requires %s and has no relative replace line that leads to %s", req.Path, target)
		}
	}
	return problems
}

// standalone builds every module as if there were no workspace.
func standalone(ctx context.Context, r *Repository) ([]string, error) {
	var problems []string
	alone := []string{"GOWORK=off"}
	for _, dir := range r.Modules {
		if apart[dir] != "" {
			continue
		}
		if _, err := r.command(ctx, dir, alone, "go", "build", "-mod=readonly", "./..."); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", dir, err))
		}
	}
	return problems, nil
}

// vet vets all modules in one go. Go 1.26 takes what it noted of a package when
// that was only imported for the result of vetting it, so that a module vetted
// after one that imports it passes unseen. The tag, which no file has, keeps
// our results apart from those of other runs.
func vet(ctx context.Context, r *Repository) ([]string, error) {
	args := []string{"vet", "-tags=verify"}
	for _, dir := range r.Modules {
		if apart[dir] != "" {
			continue
		}
		packages, err := r.command(ctx, dir, nil, "go", "list", "./...")
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(packages) != "" {
			args = append(args, "./"+dir+"/...")
		}
	}
	_, err := r.command(ctx, "", nil, "go", args...)
	return nil, err
}
