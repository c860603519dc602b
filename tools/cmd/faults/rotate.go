//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/fixtures/hand"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// rotationFile has every secret replaced every few seconds.
const (
	rotationFile   = "rotation.cue"
	rotationPolicy = `package agents

agents: [string]: environments: production: endpointAuthentication: rotation: {every: "4s", overlap: "3s"}
`
)

// pauseOfConsumer is how long a consumer waits from one token to the next.
const pauseOfConsumer = 100 * time.Millisecond

// rotations kills the daemon while it rotates, and counts what consumers see
// that read their credentials anew when they are refused.
func rotations(ctx context.Context, o options) error {
	o.agents, o.kills, o.churn = o.rotating, o.rotationKills, 0
	fmt.Printf("rotations: %d agents, each secret replaced every 4 s, %d kills, seed %d\n", o.agents, o.kills, o.seed)
	_, err := during(ctx, o, map[string]string{rotationFile: rotationPolicy}, rotated)
	return err
}

// consumers count what they see.
type consumers struct {
	tokens, refused, failed, rotations atomic.Int64
}

// rotated is how a world is converged for rotations.
func rotated(ctx context.Context, w *world) error {
	if err := undisturbed(ctx, w); err != nil {
		return err
	}
	var seen consumers
	using, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, a := range w.agents {
		all.Go(func() { seen.use(using, w.stack.Hand(), "secret/agents/"+a.Identity()+"/"+a.Environment+"/own") })
	}
	err := killed(ctx, w)
	stop()
	all.Wait()
	fmt.Printf("rotations: %d rotations seen; %d tokens; %d requests refused and repeated with the credential read anew, %d of these failed\n",
		seen.rotations.Load(), seen.tokens.Load(), seen.refused.Load(), seen.failed.Load())
	switch {
	case err != nil:
		return err
	case seen.failed.Load() > 0:
		return errors.New("consumers failed")
	case seen.rotations.Load() == 0:
		return errors.New("nothing was rotated")
	}
	return w.calm(ctx)
}

// use asks for tokens with a credential until ctx ends.
func (s *consumers) use(ctx context.Context, by hand.Hand, path string) {
	late := context.WithoutCancel(ctx) // what has begun is awaited
	id, secret, err := by.Stored(late, path)
	for ; ctx.Err() == nil; rest(ctx, pauseOfConsumer) {
		if err == nil {
			_, err = by.Ask(late, id, secret)
		}
		if err == nil {
			s.tokens.Add(1)
			continue
		}
		s.refused.Add(1)
		was := id
		if id, secret, err = by.Stored(late, path); err == nil {
			_, err = by.Ask(late, id, secret)
		}
		if err != nil {
			s.failed.Add(1)
			fmt.Printf("  failed with the credential read anew: %s: %v\n", path, err)
			continue
		}
		s.tokens.Add(1)
		if id != was {
			s.rotations.Add(1)
		}
	}
}

// calm ends the rotations, and counts the applications that are left.
func (w *world) calm(ctx context.Context) error {
	if err := w.repo.Push(ctx, "no rotation", map[string]string{rotationFile: ""}); err != nil {
		return err
	}
	time.Sleep(4 * time.Second) // the overlaps end
	for range 2 {
		if line, err := w.run(ctx, 0, "apply"); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	by, both := w.stack.Hand(), 0
	for _, a := range w.agents {
		b := resource.Binding{Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: a.Environment}
		stands := 0
		for _, name := range []string{resource.ClientOwn, resource.Spare(resource.ClientOwn)} {
			found, err := by.HasApplication(ctx, resource.ApplicationID(b.ClientID(name)))
			if err != nil {
				return err
			}
			if found {
				stands++
			}
		}
		switch stands {
		case 0:
			return fmt.Errorf("%s has no application", b)
		case 2:
			both++
		}
	}
	fmt.Printf("rotations: %d agents keep an application that a kill has left before its secret was stored; the next rotation uses it\n", both)
	return nil
}
