package safety_test

import (
	"context"
	"strconv"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/reconciler/target/memory"
)

// turnstile lets one writer make one call at a time, when its turn has come.
type turnstile struct{ ready, turn, done chan struct{} }

func newTurnstile() *turnstile {
	return &turnstile{ready: make(chan struct{}), turn: make(chan struct{}), done: make(chan struct{})}
}

// wait is called by the writer before each call.
func (t *turnstile) wait() {
	t.ready <- struct{}{}
	<-t.turn
}

// settled waits until the writer has come to its next call, and reports false
// if it makes no more.
func (t *turnstile) settled() bool {
	select {
	case <-t.ready:
		return true
	case <-t.done:
		return false
	}
}

// guarded is a target in memory that keeps the guards of the contract, as the
// adapters do: an effect that was planned from another version is refused
// unless it has been had already. Each call waits for its turn.
type guarded struct {
	target.Target
	world *memory.World
	gate  *turnstile
}

// Observe implements target.Observer.
func (g guarded) Observe(ctx context.Context, rs []resource.Resource) ([]resource.Observed, error) {
	g.gate.wait()
	return g.Target.Observe(ctx, rs)
}

// Apply implements target.Applier.
func (g guarded) Apply(ctx context.Context, s plan.Step, in target.Input) (target.Outcome, error) {
	g.gate.wait()
	stands := g.world.Look(s.ID)
	if version(stands) == s.Version {
		return g.Target.Apply(ctx, s, in)
	}
	switch {
	case stands == nil && s.Action == plan.Delete:
		return target.Outcome{}, nil
	case s.Action == plan.Orphan && stands != nil && stands.Owner != resource.OwnerUs:
		return target.Outcome{Version: version(stands)}, nil
	case stands == nil || s.After == nil || !had(stands, s, in):
		return target.Outcome{}, fault.New(fault.Transient, "Moved", "%s moved since it was looked at", s.ID)
	}
	out := target.Outcome{Version: version(stands)}
	if c := stands.State.Credential; c != nil {
		out.Secret = c.ClientSecret
	}
	return out, nil
}

func version(t *memory.Thing) string {
	if t == nil {
		return ""
	}
	return strconv.Itoa(t.Version)
}

// had reports that a step has taken effect before. A step that asks for another
// secret in place of one that stands cannot be told from one that has not.
func had(t *memory.Thing, s plan.Step, in target.Input) bool {
	if t.Owner != resource.OwnerUs || !cmp.Equal(t.State.Fields(), s.After.Fields()) {
		return false
	}
	switch c := t.State; {
	case c.Credential != nil:
		return c.Credential.SecretDigest != "" && (s.Action == plan.Create || !s.NewSecret)
	case c.Client != nil:
		return c.Client.SecretDigest == in.Secret.Digest(c.Client.ClientID)
	default:
		return true
	}
}
