//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/fixtures/openchoreo"
	"github.com/gatewright/gatewright/fixtures/stack"
	"github.com/gatewright/gatewright/tools/specgen"
)

// world is a stack with agents, none of which is protected by OAuth yet, and a
// repository that says that all shall be.
type world struct {
	options
	stack  *stack.Stack
	agents []specgen.Agent
	// extra are files of the repository beside the specs.
	extra  map[string]string
	repo   *stack.Repository
	dir    string
	config string
}

// end is what a run has left.
type end struct {
	state stack.State
	// thunder and openbao count the writes that it took.
	thunder, openbao int
}

// during starts a world, lets how converge it, examines it and stops it.
func during(ctx context.Context, o options, extra map[string]string, how func(context.Context, *world) error) (e end, err error) {
	dir, err := os.MkdirTemp("", "gatewright-faults-")
	if err != nil {
		return end{}, err
	}
	w := &world{options: o, extra: extra, dir: dir}
	defer func() {
		if w.stack != nil {
			err = errors.Join(err, w.stack.Stop())
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err := w.start(ctx); err != nil {
		return end{}, err
	}
	started := time.Now()
	if err := how(ctx, w); err != nil {
		return end{}, err
	}
	fmt.Printf("  converged after %s\n", time.Since(started).Round(time.Second))
	e.thunder = w.stack.Thunder.Faults().Counts().Writes
	e.openbao = w.stack.OpenBAO.Faults().Counts().Writes
	if err := w.settled(ctx); err != nil {
		return end{}, err
	}
	if err := w.try(ctx); err != nil {
		return end{}, err
	}
	e.state, err = w.stack.State(ctx)
	return e, err
}

func (w *world) start(ctx context.Context) error {
	files, agents := specgen.Files(specgen.Options{Agents: w.options.agents})
	w.agents = agents
	seeds := make([]openchoreo.AgentSeed, len(agents))
	for i, a := range agents {
		seeds[i] = openchoreo.AgentSeed{Namespace: a.Organization, Project: a.Project, Component: a.Name, Environments: []string{a.Environment}}
	}
	var err error
	w.stack, err = stack.Start(ctx, stack.Options{
		Dir: w.dir, Agents: seeds, Environments: []string{"production"},
		Progress: func(line string) { fmt.Fprintln(os.Stderr, line) },
	})
	if err != nil {
		return err
	}
	if err := w.stack.Settle(ctx); err != nil {
		return err
	}
	maps.Copy(files, w.extra)
	if w.repo, err = stack.NewRepository(ctx, w.dir, files); err != nil {
		return err
	}
	w.config, err = w.stack.WriteConfig(stack.Config{
		Repository: w.repo.Bare, Interval: "5s",
		Database: cmp.Or(w.database, "sqlite:"+filepath.Join(w.dir, "gatewright.db")),
	})
	return err
}

// run runs a command and insists on its exit code.
func (w *world) run(ctx context.Context, code int, args ...string) (string, error) {
	r, err := stack.Run(ctx, w.binary, append(args, "--config", w.config)...)
	if err != nil {
		return "", err
	}
	if r.Code != code {
		return "", fmt.Errorf("gatewright %s: exit code %d, want %d\n%.2000s%.2000s", args[0], r.Code, code, r.Stdout, r.Stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	return lines[len(lines)-1], nil
}

// settled insists that a second diff finds nothing and writes nothing.
func (w *world) settled(ctx context.Context) error {
	t, b := w.stack.Thunder.Faults().Counts().Writes, w.stack.OpenBAO.Faults().Counts().Writes
	line, err := w.run(ctx, 0, "diff")
	if err != nil {
		return err
	}
	writes := w.stack.Thunder.Faults().Counts().Writes - t + w.stack.OpenBAO.Faults().Counts().Writes - b
	fmt.Printf("  diff: %s; %d writes\n", line, writes)
	if writes != 0 {
		return errors.New("diff writes")
	}
	return nil
}

// callsAtOnce is how many agents are tried at the same time.
const callsAtOnce = 16

// try calls every agent without a token, with its own, and with another's.
func (w *world) try(ctx context.Context) error {
	by := w.stack.Hand()
	tokens := make([]string, len(w.agents))
	var group errgroup.Group
	group.SetLimit(callsAtOnce)
	for i, a := range w.agents {
		group.Go(func() (err error) {
			tokens[i], err = by.Token(ctx, "secret/agents/"+a.Identity()+"/"+a.Environment+"/own")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	answers := make([][3]int, len(w.agents))
	for i, a := range w.agents {
		group.Go(func() (err error) {
			for n, token := range []string{"", tokens[i], tokens[(i+1)%len(tokens)]} {
				if answers[i][n], err = by.Call(ctx, a.Organization, a.Name, a.Environment, token); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	counts := map[[3]int]int{}
	for _, a := range answers {
		counts[a]++
	}
	for _, a := range slices.SortedFunc(maps.Keys(counts), func(a, b [3]int) int { return counts[b] - counts[a] }) {
		fmt.Printf("  %d agents: %d without a token, %d with their own, %d with another agent's\n", counts[a], a[0], a[1], a[2])
	}
	if counts[[3]int{401, 200, 401}] != len(w.agents) {
		return errors.New("not every agent answers 401, 200 and 401")
	}
	return nil
}

// compare prints the counts of two ends and says what differs.
func compare(want, got end) error {
	fmt.Printf("undisturbed: %d objects, %d writes at Thunder, %d at OpenBAO\n", len(want.state), want.thunder, want.openbao)
	fmt.Printf("disturbed:   %d objects, %d writes at Thunder, %d at OpenBAO\n", len(got.state), got.thunder, got.openbao)
	names := maps.Clone(want.state)
	maps.Copy(names, got.state)
	different := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if want.state[name] == got.state[name] {
			continue
		}
		if different++; different <= 10 {
			fmt.Printf("- %s: %s\n+ %s: %s\n", name, want.state[name], name, got.state[name])
		}
	}
	if different > 0 {
		return fmt.Errorf("%d of %d objects differ", different, len(names))
	}
	fmt.Println("every object is as the undisturbed run has left it")
	return nil
}
