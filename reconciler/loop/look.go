package loop

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// settle is how long a binding is left alone after somebody has changed it at a
// target, so that several changes in a row cost one look.
const settle = 100 * time.Millisecond

// watchTargets follows the targets that tell of changes, until ctx ends.
func (d *daemon) watchTargets(ctx context.Context) *sync.WaitGroup {
	var watching sync.WaitGroup
	for _, env := range d.Environments {
		for _, t := range env.Watched {
			watching.Go(func() {
				t.Watch(ctx, func(b resource.Binding) { d.look(b) })
			})
		}
	}
	return &watching
}

// look queues a binding that was changed at a target. One that nobody asks for
// is left to the next pass, and one that is planned already to that plan. One
// that is worked on is looked at, too: with the identity provider away that work
// goes on for long, and the API may have been opened since it began.
func (d *daemon) look(b resource.Binding) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == nil || d.jobs[b] != nil || d.state.wanted[b] == nil {
		return
	}
	d.seen[b] = true
	d.queue.AddAfter(b, settle)
}

// restoring plans what puts back the protection of a binding that somebody has
// changed at the gateway, from a look at the gateway alone: with the identity
// provider away, a look at that takes long, and the API stands open meanwhile.
// It returns nil if there is nothing to put back.
func (d *daemon) restoring(ctx context.Context, st State, b resource.Binding) *job {
	p, err := d.planSeen(ctx, st, Scope{b: true}, []resource.Kind{resource.KindEndpoint, resource.KindKeyManager})
	if err != nil {
		d.Log.WarnContext(ctx, "the gateway could not be looked at alone", "binding", b.String(), "error", err)
		return nil // the plan for all of the binding comes next
	}
	p.Steps = slices.DeleteFunc(p.Steps, func(s plan.Step) bool { return s.ID.Binding != b || !s.Restores || !s.Action.Effectful() })
	if len(p.Steps) == 0 {
		return nil
	}
	r, jobs, err := d.begin(ctx, p, triggerWatch, newReport(p))
	if err != nil {
		d.Log.WarnContext(ctx, "what is to be put back could not be recorded", "binding", b.String(), "error", err)
	}
	if len(jobs) == 0 {
		return nil
	}
	r.after = d.after
	return jobs[0]
}

// trigger takes what set off the next look at b. The lock is held.
func (d *daemon) trigger(b resource.Binding) string {
	if d.seen[b] {
		delete(d.seen, b)
		return triggerWatch
	}
	return triggerRetry
}
