//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/gatewright/gatewright/e2e/harness"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// errInvalid says that the specs are wrong; what is wrong has been printed.
var errInvalid = errors.New("the specs are wrong")

// try tries the specs in a directory.
func try(ctx context.Context, dir, logs string) (err error) {
	tree, specs, err := load(ctx, dir)
	if err != nil {
		return err
	}
	o := harness.Options{
		Organizations: specs.organizations(), Environments: specs.environments(), KeyManagers: specs.issuers(),
		Progress: func(line string) { fmt.Fprintln(os.Stderr, line) },
	}
	s, err := harness.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err != nil && logs != "" {
			err = errors.Join(err, s.KeepLogs(after, logs))
		}
		fmt.Print("\n", s.Table())
		err = errors.Join(err, s.Stop(after))
	}()
	fmt.Print(s.Table(), "\n")
	for _, a := range specs {
		if err := s.Agent(ctx, a.Organization, a.Project, a.Name, o.Environments...); err != nil {
			return err
		}
	}
	first := o.Organizations[0]
	i, err := installed(ctx, s, first, tree, o.KeyManagers)
	if err != nil {
		return err
	}
	if err := converge(ctx, i); err != nil {
		return err
	}
	return call(ctx, s, specs)
}

// load reads and checks the specs.
func load(ctx context.Context, dir string) (schema.Tree, agents, error) {
	tree, err := schema.DirTree(dir, schema.DirOptions{})
	if err != nil {
		return nil, nil, err
	}
	loader := schema.NewLoader(schema.Options{})
	result, err := loader.Load(ctx, tree)
	if err := errors.Join(err, loader.Close()); err != nil {
		return nil, nil, err
	}
	fmt.Fprint(os.Stderr, result.Diagnostics)
	if result.Diagnostics.HasErrors() || !result.Whole {
		return nil, nil, errInvalid
	}
	if len(result.Agents) == 0 {
		return nil, nil, fmt.Errorf("%s holds no spec", dir)
	}
	var out agents
	for _, a := range result.Agents {
		out = append(out, agent{a})
	}
	return tree, out, nil
}

// installed pushes the specs and installs a gatewright that follows them.
func installed(ctx context.Context, s *harness.Stack, organization string, tree schema.Tree, issuers []string) (*harness.Installation, error) {
	repository, err := s.Repository(organization)
	if err != nil {
		return nil, err
	}
	if err := push(ctx, repository, tree); err != nil {
		return nil, err
	}
	return s.Install(ctx, "gatewright", harness.Settings{Repository: repository.Inside, Organization: organization, KeyManagers: issuers})
}

// push makes a commit of the files and pushes it.
func push(ctx context.Context, r harness.Repository, tree schema.Tree) (err error) {
	dir, err := os.MkdirTemp("", "gatewright-e2e-specs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, e := range tree {
		data, err := e.Read()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(e.Path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, data, 0o600)); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"}, {"commit", "--quiet", "-m", "specs"}, {"push", "--quiet", r.Outside, "HEAD:main"},
	} {
		git := exec.CommandContext(ctx, "git", args...)
		git.Dir, git.Env = dir, os.Environ()
		for key, value := range r.GitEnv() {
			git.Env = append(git.Env, key+"="+value)
		}
		if out, err := git.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}

// converge lets gatewright apply the specs once, and insists that nothing is
// left to do.
func converge(ctx context.Context, i *harness.Installation) error {
	for _, args := range [][]string{{"apply"}, {"diff"}} {
		r, err := i.Run(ctx, args...)
		if err != nil {
			return err
		}
		fmt.Print(r.Stdout)
		if r.Code != 0 {
			return fmt.Errorf("gatewright %s: exit code %d\n%s", args[0], r.Code, r.Stderr)
		}
	}
	return nil
}

// call calls every protected API.
func call(ctx context.Context, s *harness.Stack, specs agents) error {
	by, protected := s.Hand(), specs.protected()
	wrong := 0
	for n, b := range protected {
		own, err := by.Token(ctx, harness.Credential(b, resource.ClientOwn))
		if err != nil {
			return err
		}
		tokens := map[string]string{"without a token": "", "with its own token": own}
		if len(protected) > 1 {
			other, err := by.Token(ctx, harness.Credential(protected[(n+1)%len(protected)], resource.ClientOwn))
			if err != nil {
				return err
			}
			tokens["with another agent's token"] = other
		}
		for _, how := range slices.Sorted(maps.Keys(tokens)) {
			got, err := by.Call(ctx, b.Organization, b.Agent, b.Environment, tokens[how])
			if err != nil {
				return err
			}
			verdict := "ok   "
			if (got == 401) == (how == "with its own token") {
				verdict, wrong = "WRONG", wrong+1
			}
			fmt.Printf("%s %s %d %s\n", verdict, b, got, how)
		}
	}
	fmt.Printf("\n%d protected APIs, %d wrong answers\n", len(protected), wrong)
	if wrong > 0 {
		return fmt.Errorf("%d answers are wrong", wrong)
	}
	return nil
}

// agents are the specs of a repository.
type agents []agent

type agent struct{ schema.Agent }

// names lists the environments of an agent.
func (a agent) names() []string {
	var out []string
	for _, e := range a.Environments {
		out = append(out, e.Name)
	}
	return out
}

// protected lists the bindings that demand a token.
func (s agents) protected() []resource.Binding {
	var out []resource.Binding
	for _, a := range s {
		for _, e := range a.Environments {
			if e.Authentication.Scheme == schema.SchemeOAuth2 {
				out = append(out, resource.Binding{Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: e.Name})
			}
		}
	}
	return out
}

func (s agents) organizations() []string {
	return s.set(func(a agent) []string { return []string{a.Organization} })
}

func (s agents) environments() []string { return s.set(agent.names) }

func (s agents) issuers() []string {
	return s.set(func(a agent) []string {
		var out []string
		for _, e := range a.Environments {
			out = append(out, e.Authentication.Issuers...)
		}
		return out
	})
}

// set collects names, each once and in order.
func (s agents) set(of func(agent) []string) []string {
	seen := map[string]bool{}
	for _, a := range s {
		for _, name := range of(a) {
			seen[name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
