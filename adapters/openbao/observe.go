package openbao

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// giveUpAfter is how many reads in a row may go without a usable answer before
// the rest of a pass is not tried: against a server that hangs, each costs the
// whole timeout.
const giveUpAfter = 3

// Observe implements target.Observer: one GET for each credential that stands,
// and a second one to tell an entry without data from none.
//
//	entry                              | found | owner, state
//	-----------------------------------+-------+-------------------------------
//	no such key                        | no    |
//	latest version is readable         | yes   | by its mark, its fields
//	latest is deleted or destroyed     | yes   | by its mark, no secret
//	custom metadata without a version  | yes   | by its mark, no secret
func (t *Target) Observe(ctx context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	start := time.Now()
	if f := t.readyNow(ctx); f != nil {
		return nil, f
	}
	pass := &pass{target: t, out: make([]resource.Observed, len(resources))}
	pass.all(ctx, resources)
	if pass.absent.Load() {
		// Absence counts only in the right mount, which may have been replaced
		// since we looked: below KV version 1 the same reads find nothing.
		if f := t.ready(ctx, start); f != nil {
			pass.distrust(f)
		}
	}
	if f := pass.stopped.Load(); f != nil && pass.answered.Load() == 0 {
		return nil, f
	}
	return pass.out, nil
}

// pass is one call of Observe.
type pass struct {
	target   *Target
	out      []resource.Observed
	failures atomic.Int32 // without a usable answer, in a row
	answered atomic.Int32
	absent   atomic.Bool
	stopped  atomic.Pointer[fault.Error]
}

// all observes everything, by as many workers as there may be reads at once. A
// goroutine for each resource would grow a stack for each.
func (p *pass) all(ctx context.Context, resources []resource.Resource) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(p.target.config.Reads, len(resources)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(resources)); i = next.Add(1) - 1 {
				p.out[i] = p.one(ctx, resources[i])
			}
		})
	}
	workers.Wait()
}

func (p *pass) one(ctx context.Context, r resource.Resource) resource.Observed {
	o := resource.Observed{ID: r.ID}
	t := p.target
	if f := p.stopped.Load(); f != nil {
		o.Err = f
		return o
	}
	e, f := t.locate(r.ID, r.State)
	if f != nil {
		o.Err = t.explain(place{op: "observe", resource: r.ID.String()}, f)
		return o
	}
	rec, f := t.read(ctx, e)
	if f != nil {
		p.failed(f)
		o.Err = f
		return o
	}
	p.answered.Add(1)
	p.failures.Store(0)
	t.remember(e.key)
	if !rec.there {
		p.absent.Store(true)
		return o
	}
	c := rec.credential(e)
	o.Found, o.State.Credential, o.Version = true, &c, rec.guard()
	o.Since = rec.changed()
	o.Owner, o.OwnerName = t.owner(r.ID, rec.custom)
	if at := since(rec.created); o.Owner == resource.OwnerOther && rec.live && !at.IsZero() {
		o.OwnerName += ", whose secret is of " + at.UTC().Format(time.RFC3339)
	}
	o.Adoptable = rec.custom[markManager] != manager
	return o
}

// failed counts a failure, and stops the pass where more of it is to come. The
// rest is told of it without the entry at which it was met.
func (p *pass) failed(f *fault.Error) {
	if systemic(f) || f.Unreachable && p.failures.Add(1) >= giveUpAfter {
		rest := *f
		rest.Op, rest.Resource = "read below", p.target.config.Mount
		p.stopped.CompareAndSwap(nil, &rest)
	}
	if !f.Unreachable && !systemic(f) {
		p.answered.Add(1)
	}
}

// distrust takes back every "not found" of a pass.
func (p *pass) distrust(f *fault.Error) {
	for i := range p.out {
		if o := &p.out[i]; !o.Found && o.Err == nil {
			o.Err = f
		}
	}
}

// remember keeps one key that is worked on, so that Check can ask what the
// token may do there.
func (t *Target) remember(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sample == "" {
		t.sample = key
	}
}
