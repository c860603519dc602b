//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewright/gatewright/fixtures/stack"
	"github.com/gatewright/gatewright/reconciler/inventory/postgrestest"
)

const (
	// takeover is after how long another daemon has to be the writer: a lease of
	// 15 s, a silent transaction of 10 s that has it locked, and asking for it.
	takeover = 35 * time.Second
	// longestPause is more: some pauses are slept through unnoticed, others cost
	// the lease.
	longestPause = 50 * time.Second
)

// replicas lets two daemons on one database contend, disturbs them, and
// compares what stands at the end with what one has left that nobody disturbed.
func replicas(ctx context.Context, o options) error {
	o.agents = o.contested
	fmt.Printf("replicas: two daemons, %d agents, %d disturbances, seed %d\n", o.agents, o.disturbances, o.seed)
	want, err := during(ctx, o, nil, undisturbed)
	if err != nil {
		return fmt.Errorf("undisturbed: %w", err)
	}
	defer postgrestest.Stop()
	if o.database, err = postgrestest.Schema(ctx); err != nil {
		return err
	}
	got, err := during(ctx, o, nil, contested)
	if err != nil {
		return fmt.Errorf("replicas: %w", err)
	}
	return compare(want, got)
}

// pair are two daemons with one configuration.
type pair struct {
	*world
	random  *rand.Rand
	daemons [2]*stack.Daemon
	// born is how long each one's log was when it was started.
	born [2]int
	// counts are the disturbances by what they are.
	counts map[string]int
}

// contested is how a world is converged by two.
func contested(ctx context.Context, w *world) (err error) {
	p := &pair{world: w, random: rand.New(rand.NewPCG(w.seed, 1)), counts: map[string]int{}}
	defer func() {
		for _, d := range p.daemons {
			if d != nil {
				err = errors.Join(err, d.Resume(), d.Stop())
			}
		}
	}()
	for i := range p.daemons {
		if err := p.launch(i); err != nil {
			return err
		}
	}
	within := 0
	for i := range w.disturbances {
		before := w.writes()
		if !rest(ctx, p.upTo(w.life)) {
			return context.Cause(ctx)
		}
		what, err := p.disturb(ctx, p.random.IntN(len(p.daemons)))
		if err != nil {
			return err
		}
		n, err := w.converged(ctx)
		if err != nil {
			return err
		}
		if n < len(w.agents) {
			within++
		}
		fmt.Printf("  %d: %s; %d writes meanwhile, %d of %d bindings converged\n", i+1, what, w.writes()-before, n, len(w.agents))
		if err := w.repo.Push(ctx, fmt.Sprintf("change %d", i), map[string]string{churnFile: fmt.Sprintf(churnPolicy, 1000+i)}); err != nil {
			return err
		}
	}
	won, err := p.won()
	if err != nil {
		return err
	}
	fmt.Printf("replicas: a daemon became the writer %d times\n", won)
	fmt.Printf("replicas: %v; %d of %d came before everything had converged\n", p.counts, within, w.disturbances)
	if err := w.repo.Push(ctx, "as before", map[string]string{churnFile: ""}); err != nil {
		return err
	}
	return w.await(ctx)
}

// launch starts a daemon.
func (p *pair) launch(i int) (err error) {
	said, err := os.ReadFile(p.log(i))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	p.born[i] = len(said)
	p.daemons[i], err = stack.StartDaemon(p.binary, p.config, p.log(i))
	return err
}

func (p *pair) log(i int) string { return filepath.Join(p.dir, fmt.Sprintf("daemon-%d.log", i)) }

// writer reports that a daemon is the one that writes, by what it has said since
// it was started.
func (p *pair) writer(i int) (bool, error) {
	said, err := os.ReadFile(p.log(i))
	if err != nil {
		return false, err
	}
	life := string(said[p.born[i]:])
	return strings.LastIndex(life, " msg=converging ") > strings.LastIndex(life, ` msg="stopped converging" `), nil
}

// won counts how often a daemon has become the one that writes.
func (p *pair) won() (n int, err error) {
	for i := range p.daemons {
		said, err := os.ReadFile(p.log(i))
		if err != nil {
			return 0, err
		}
		n += strings.Count(string(said), " msg=converging ")
	}
	return n, nil
}

// upTo is a random time.
func (p *pair) upTo(limit time.Duration) time.Duration {
	return time.Duration(p.random.Int64N(int64(limit)))
}

// disturb pauses or kills a daemon, or ends every connection to the database,
// and says what it did.
func (p *pair) disturb(ctx context.Context, i int) (string, error) {
	d := p.daemons[i]
	switch p.random.IntN(4) {
	case 0:
		p.counts["killed"]++
		return fmt.Sprintf("daemon %d killed", i), errors.Join(d.Kill(), p.launch(i))
	case 1:
		p.counts["cut off"]++
		return "both cut off from the database", postgrestest.Disconnect(ctx, p.database)
	default:
		p.counts["paused"]++
		long := p.upTo(longestPause)
		err := d.Pause()
		switch other := 1 - i; {
		case !rest(ctx, long):
			err = errors.Join(err, context.Cause(ctx))
		case long >= takeover:
			p.counts["paused past the lease"]++
			if is, readErr := p.writer(other); !is {
				err = errors.Join(err, readErr, fmt.Errorf("daemon %d is paused for %s, and daemon %d has not become the writer", i, long, other))
			}
		}
		return fmt.Sprintf("daemon %d paused for %s", i, long.Round(time.Second)), errors.Join(err, d.Resume())
	}
}
