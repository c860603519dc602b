package loop

import (
	"context"
	"sync"
	"time"

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
// is left to the next pass, and one that is worked on to that work: what it
// ends with is observed.
func (d *daemon) look(b resource.Binding) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == nil || d.busy[b] || d.jobs[b] != nil || d.state.wanted[b] == nil {
		return
	}
	d.seen[b] = true
	d.queue.AddAfter(b, settle)
}

// trigger takes what set off the next look at b. The lock is held.
func (d *daemon) trigger(b resource.Binding) string {
	if d.seen[b] {
		delete(d.seen, b)
		return triggerWatch
	}
	return triggerRetry
}
