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
	tried, suspended := specs.bindings(time.Now())
	for _, b := range suspended {
		fmt.Printf("left out: %s is suspended\n", b)
	}
	if err := converge(ctx, i, tried, len(suspended) == 0); err != nil {
		return err
	}
	return call(ctx, s, tried)
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
	for _, d := range result.Diagnostics.Sorted() {
		fmt.Fprintln(os.Stderr, d)
	}
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

// bindings lists what can be tried: every environment of every agent that is
// not suspended. What is comes apart.
func (s agents) bindings(now time.Time) (tried, suspended []binding) {
	for _, a := range s {
		for _, e := range a.Environments {
			b := binding{
				Binding:        resource.Binding{Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: e.Name},
				authentication: e.Authentication,
			}
			suspend := e.Suspend
			if suspend == nil {
				suspend = a.Suspend
			}
			if suspend != nil && now.Before(suspend.Until) {
				suspended = append(suspended, b)
				continue
			}
			tried = append(tried, b)
		}
	}
	return tried, suspended
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
