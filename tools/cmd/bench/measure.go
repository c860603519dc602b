//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/fixtures/openchoreo"
	"github.com/gatewright/gatewright/fixtures/stack"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/tools/specgen"
)

// bench is one size.
type bench struct {
	binary string
	cue    string
	n      int
	agents []specgen.Agent
	files  map[string]string
	stack  *stack.Stack
	repo   *stack.Repository
	dir    string
}

// inStack starts a stack of n bindings, works with it and stops it.
func inStack(ctx context.Context, b bench, n int, work func(*bench) error) (err error) {
	b.n = n
	b.dir, err = os.MkdirTemp("", "gatewright-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if b.stack != nil {
			err = errors.Join(err, b.stack.Stop())
		}
		err = errors.Join(err, os.RemoveAll(b.dir))
	}()
	if err := b.start(ctx); err != nil {
		return err
	}
	return work(&b)
}

// hold prints the configuration of the stack and waits until ctx ends, for a
// person who wants to try or to profile something by hand.
func hold(ctx context.Context, b *bench, _ int) error {
	config, err := b.config("60s")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s status --config %s\n", b.binary, config)
	<-ctx.Done()
	return nil
}

// measure does every piece of work and prints a row for each.
func measure(ctx context.Context, b *bench, pushes int) error {
	config, err := b.config("60s")
	if err != nil {
		return err
	}
	if err := b.vet(ctx); err != nil {
		return err
	}
	for _, w := range []struct {
		what string
		code int
		args []string
	}{
		{"load and validate", 0, []string{"validate"}},
		{"apply from empty", 0, []string{"apply"}},
		{"no-op diff", 0, []string{"diff"}},
		{"no-op apply", 0, []string{"apply"}},
	} {
		if err := b.command(ctx, w.what, w.code, append(w.args, "--config", config)...); err != nil {
			return err
		}
	}
	if err := b.steady(ctx); err != nil {
		return err
	}
	return b.pushes(ctx, config, pushes)
}

// start starts the stack and the repository.
func (b *bench) start(ctx context.Context) (err error) {
	b.files, b.agents = specgen.Files(specgen.Options{Agents: b.n})
	var seeds []openchoreo.AgentSeed
	for _, a := range b.agents {
		seeds = append(seeds, openchoreo.AgentSeed{
			Namespace: a.Organization, Project: a.Project, Component: a.Name, Environments: []string{a.Environment},
		})
	}
	b.stack, err = stack.Start(ctx, stack.Options{
		Dir: b.dir, Agents: seeds, Environments: []string{"production"},
		Progress: func(line string) { fmt.Fprintln(os.Stderr, line) },
	})
	if err != nil {
		return err
	}
	if err := b.stack.Settle(ctx); err != nil {
		return err
	}
	b.repo, err = stack.NewRepository(ctx, b.dir, b.files)
	return err
}

func (b *bench) config(interval string) (string, error) {
	return b.stack.WriteConfig(stack.Config{
		Repository: b.repo.Bare, Database: "sqlite:" + filepath.Join(b.dir, "gatewright.db"), Interval: interval,
		// The stand-ins share two cores with what is measured.
		Rollout: "10m",
	})
}

// row prints what a piece of work has cost.
func (b *bench) row(what string, cpu, wall time.Duration, peak int64, note string) {
	t, o := b.stack.Thunder.Faults().Counts(), b.stack.OpenBAO.Faults().Counts()
	fmt.Printf("| %d | %s | %.2f s | %.2f s | %d MB | %d/%d | %d/%d | %s |\n",
		b.n, what, cpu.Seconds(), wall.Seconds(), peak>>20, t.Reads, t.Writes, o.Reads, o.Writes, note)
}

func (b *bench) reset() {
	b.stack.Thunder.Faults().ResetCounts()
	b.stack.OpenBAO.Faults().ResetCounts()
}

// command measures one call of gatewright.
func (b *bench) command(ctx context.Context, what string, code int, args ...string) error {
	b.reset()
	r, err := stack.Run(ctx, b.binary, args...)
	if err != nil {
		return err
	}
	if r.Code != code {
		return fmt.Errorf("%s: exit code %d\n%s%s", what, r.Code, tail(r.Stdout), tail(r.Stderr))
	}
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	b.row(what, r.CPU, r.Took, r.Peak, lines[len(lines)-1])
	return nil
}

// tail is the end of a long text.
func tail(s string) string { return s[max(0, len(s)-2000):] }

// watched is how long the daemon is watched, with passes and without.
const watched = 20 * time.Second

// steady measures what one pass costs that finds everything converged, as the
// difference between a daemon that passes every two seconds and one that rests
// after its first pass.
func (b *bench) steady(ctx context.Context) error {
	var cpu [2]time.Duration
	var passes [2]int
	var peak int64
	for i, interval := range []string{"1h", "2s"} {
		config, err := b.config(interval)
		if err != nil {
			return err
		}
		b.reset()
		d, err := stack.StartDaemon(b.binary, config, filepath.Join(b.dir, "steady.log"))
		if err != nil {
			return err
		}
		select {
		case <-time.After(watched):
		case <-ctx.Done():
		}
		if err := d.Stop(); err != nil {
			return err
		}
		cpu[i], peak = d.Usage()
		// A pass reads each credential once.
		passes[i] = b.stack.OpenBAO.Faults().Counts().Reads / b.n
	}
	more := max(1, passes[1]-passes[0])
	b.row("steady pass", (cpu[1]-cpu[0])/time.Duration(more), 0, peak, fmt.Sprintf("calls are of %d passes", passes[1]))
	return nil
}

// pushes measures single changes, from the push to the application that has
// the new validity, with the daemon running.
func (b *bench) pushes(ctx context.Context, config string, n int) error {
	d, err := stack.StartDaemon(b.binary, config, filepath.Join(b.dir, "push.log"))
	if err != nil {
		return err
	}
	defer d.Stop() //nolint:errcheck // it is a measurement's end
	// The first pass is not what is measured.
	select {
	case <-time.After(watched / 2):
	case <-ctx.Done():
	}
	b.reset()
	var took []time.Duration
	for i := range n {
		one, err := b.push(ctx, i)
		if err != nil {
			return err
		}
		took = append(took, one)
	}
	if len(took) == 0 {
		return nil
	}
	slices.Sort(took)
	b.row(fmt.Sprintf("%d single changes", n), 0, took[len(took)-1], 0,
		fmt.Sprintf("push to effect: p50 %s, p99 %s", took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond)))
	return nil
}

// push changes the validity of one agent and waits until Thunder has it.
func (b *bench) push(ctx context.Context, i int) (time.Duration, error) {
	a := b.agents[(i*37)%len(b.agents)]
	seconds := 901 + i
	overlay := fmt.Sprintf("package agents\n\nagents: %q: environments: production: endpointAuthentication: token: validity: \"%ds\"\n", a.Name, seconds)
	id := resource.ApplicationID(resource.Binding{
		Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: a.Environment,
	}.ClientID(resource.ClientOwn))
	dir := filepath.Dir(a.File)
	if err := b.repo.Push(ctx, "validity", map[string]string{dir + "/validity-" + a.Name + ".cue": overlay}); err != nil {
		return 0, err
	}
	started := time.Now()
	want := fmt.Appendf(nil, "\"validityPeriod\":%d", seconds)
	for !bytes.Contains(b.stack.Thunder.Application(id), want) {
		if time.Since(started) > time.Minute || ctx.Err() != nil {
			return 0, fmt.Errorf("the change of %s did not arrive within a minute", a.Identity())
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(started), nil
}
