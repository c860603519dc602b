package loop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// The pace at which a failing binding is tried again by itself.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = time.Minute
)

// Run converges until ctx ends: at once, on every push, and every interval. A
// push concerns only the bindings that it changes, the interval all of them.
func (e *Engine) Run(ctx context.Context) error {
	d := &daemon{
		Engine: e, approved: map[resource.ID]bool{}, jobs: map[resource.Binding]*job{}, busy: map[resource.Binding]bool{},
		stop:      map[resource.Binding]context.CancelCauseFunc{},
		followers: map[string]*rollouts{}, seen: map[resource.Binding]bool{},
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[resource.Binding](firstRetry, lastRetry)),
	}
	e.recovered.Store(false) // another may have written meanwhile
	e.running.Store(d)
	defer e.running.CompareAndSwap(d, nil)
	return d.run(ctx)
}

// daemon is the state of Run.
type daemon struct {
	*Engine
	queue     workqueue.TypedRateLimitingInterface[resource.Binding]
	followers map[string]*rollouts

	mu sync.Mutex
	// state is what the last revision that could be loaded asks for.
	state *State
	// held is why the current revision may take nothing away.
	held error
	// mustReview asks that the next pass be about all bindings.
	mustReview bool
	// approved are the resources that a guarded plan for the current revision
	// took something away from.
	approved map[resource.ID]bool
	// pruned is when history was last cut to its bounds.
	pruned time.Time
	// jobs has the planned work of queued bindings. A queued binding without
	// one is planned anew.
	jobs map[resource.Binding]*job
	// stop ends, before its next effect, what is done for a binding.
	stop map[resource.Binding]context.CancelCauseFunc
	// busy are the bindings that are worked on or whose rollout is followed.
	busy map[resource.Binding]bool
	// seen are queued bindings that were changed at a target.
	seen map[resource.Binding]bool
}

// run starts everything, and ends it in order.
func (d *daemon) run(ctx context.Context) error {
	var workers, following sync.WaitGroup
	more := make(chan struct{})
	for _, env := range d.Environments {
		f := d.newRollouts(env)
		d.followers[env.Name] = f
		following.Go(func() { f.run(ctx, more) })
	}
	for range d.Options.Workers {
		workers.Go(func() { d.worker(ctx) })
	}
	d.events(ctx)
	d.queue.ShutDown()
	workers.Wait()
	close(more)
	following.Wait()
	return context.Cause(ctx)
}

// interval is the time to the next full pass, a tenth more or less, so that
// replicas and installations do not march in step.
func (d *daemon) interval() time.Duration {
	return time.Duration(float64(d.Options.Interval) * (0.9 + 0.2*rand.Float64()))
}

// newest loads the newest revision, if there is one that is newer, and returns
// what the newest that could be loaded asks for and the bindings that it
// changes. What fails is logged; the next event or the interval tries again.
func (d *daemon) newest(ctx context.Context) (*State, Scope) {
	changed, err := d.refresh(ctx)
	if err != nil {
		d.Metrics.sourceFailed()
		d.Log.WarnContext(ctx, "the newest revision could not be loaded", "error", err, "hint", fault.HintOf(err))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state, changed
}

// toReview reports that the next pass has to be about all bindings: what the
// last revision had held back is judged again as a whole.
func (d *daemon) toReview() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mustReview
}

// reviewed notes that a pass over all bindings was made for st.
func (d *daemon) reviewed(st *State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Revision.Hash == st.Revision.Hash {
		d.mustReview = false
	}
}

// carry plans for st, the bindings in scope or all of them, and queues what is
// to be done.
func (d *daemon) carry(ctx context.Context, st State, scope Scope, trigger string, changed Scope) {
	started := d.Options.Now()
	if err := d.plan(ctx, st, scope, trigger, changed); err != nil {
		d.Log.ErrorContext(ctx, "the pass failed", "trigger", trigger, "revision", short(st.Revision.Hash), "error", err)
		return
	}
	if scope == nil {
		d.reviewed(&st)
		d.forget(ctx)
	}
	d.Metrics.passed(trigger, d.Options.Now().Sub(started), &st)
}

// forgetEvery is how often history is cut to its bounds.
const forgetEvery = time.Hour

// forget cuts history to its bounds, now and then.
func (d *daemon) forget(ctx context.Context) {
	now := d.Options.Now()
	if d.Options.History == (inventory.RunRetention{}) || now.Sub(d.pruned) < forgetEvery {
		return
	}
	d.pruned = now
	if err := d.Store.Prune(ctx, d.Options.History); err != nil {
		d.Log.WarnContext(ctx, "history could not be cut to its bounds", "error", err)
	}
}

// refresh loads the newest revision if it is new, and returns the bindings
// that it changes.
func (d *daemon) refresh(ctx context.Context) (Scope, error) {
	snap, err := d.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	last := d.state
	d.mu.Unlock()
	if last != nil && last.Revision.Hash == snap.Revision.Hash {
		return Scope{}, nil
	}
	st, err := d.Load(ctx, snap)
	if err != nil {
		return nil, err
	}
	for _, diagnostic := range st.Diagnostics {
		d.Log.WarnContext(ctx, "a spec is wrong", "position", diagnostic.Position.String(),
			"path", diagnostic.Path, "code", diagnostic.Code, "message", diagnostic.Message)
	}
	changed := difference(last, &st)
	d.mu.Lock()
	d.mustReview = d.mustReview || d.held != nil
	d.state, d.held, d.approved = &st, nil, map[resource.ID]bool{}
	overtaken := d.overtake(changed)
	d.mu.Unlock()
	for _, j := range overtaken {
		j.round.finish(j, nil)
	}
	d.Log.InfoContext(ctx, "revision loaded", "revision", short(st.Revision.Hash), "agents", st.Agents,
		"bindings", len(st.Set.Bindings), "changed", len(changed), "evaluated", st.Evaluations, "diagnostics", len(st.Diagnostics))
	return changed, nil
}

// plan makes a plan for scope and queues what it has to do. Bindings that are
// being worked on are left to that, unless the revision changes them.
func (d *daemon) plan(ctx context.Context, st State, scope Scope, trigger string, changed Scope) error {
	p, err := d.Plan(ctx, st, scope)
	if err != nil {
		return err
	}
	if scope == nil {
		d.Metrics.proved(p, d.names())
	}
	d.current(&st, p)
	d.guard(ctx, p)
	r, jobs, err := d.begin(ctx, p, trigger, newReport(p))
	if err != nil || r == nil {
		return err
	}
	r.after = d.after
	var now []*job
	d.mu.Lock()
	// A revision that came while this was planned has a plan of its own, which
	// an older one must not take the place of.
	newer := d.newerThan(&st)
	for _, j := range jobs {
		if j.binding.Organization == "" || newer[j.binding] || (d.busy[j.binding] && !changed[j.binding]) {
			now = append(now, j)
			continue
		}
		if old := d.jobs[j.binding]; old != nil {
			defer old.round.finish(old, nil)
		}
		d.jobs[j.binding] = j
	}
	d.mu.Unlock()
	for _, j := range now {
		if j.binding.Organization != "" {
			r.finish(j, nil)
			continue
		}
		r.do(ctx, j, d.followers)
	}
	for _, j := range jobs {
		if j.binding.Organization != "" && !newer[j.binding] {
			d.queue.Add(j.binding)
		}
	}
	d.Log.InfoContext(ctx, "planned", "trigger", trigger, "revision", short(p.Revision), "bindings", len(jobs), "plan", p.Counts().String())
	return nil
}

// worker works on queued bindings until the queue is shut down.
func (d *daemon) worker(ctx context.Context) {
	for {
		b, down := d.queue.Get()
		if down {
			return
		}
		if ctx.Err() == nil {
			d.work(ctx, b)
		}
		d.queue.Done(b)
	}
}

// work does the planned job of b, or plans one.
func (d *daemon) work(ctx context.Context, b resource.Binding) {
	d.mu.Lock()
	j := d.jobs[b]
	delete(d.jobs, b)
	followed := d.busy[b]
	d.busy[b] = true
	st, trigger := d.state, d.trigger(b)
	ctx, stop := context.WithCancelCause(ctx)
	d.stop[b] = stop
	d.mu.Unlock()
	defer d.stopped(b, stop)
	if j == nil && trigger == triggerWatch {
		if j = d.restoring(ctx, *st, b); j != nil {
			d.queue.AddAfter(b, settle) // for the rest of it
		} else if followed {
			return // whoever follows its rollout looks at the rest
		}
	}
	if j == nil {
		var err error
		if j, err = d.anew(ctx, *st, b, trigger); err != nil || j == nil {
			d.idle(b)
			if err != nil {
				d.Log.WarnContext(ctx, "the binding could not be planned", "binding", b.String(), "error", err)
				d.queue.AddRateLimited(b)
				return
			}
			d.queue.Forget(b)
			return
		}
	}
	j.round.do(ctx, j, d.followers)
}

// anew observes and plans one binding.
func (d *daemon) anew(ctx context.Context, st State, b resource.Binding, trigger string) (*job, error) {
	p, err := d.Plan(ctx, st, Scope{b: true})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	p.Plan = approve(d.approved, p.Plan)
	d.mu.Unlock()
	r, jobs, err := d.begin(ctx, p, trigger, newReport(p))
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", b, err)
	}
	var mine *job
	for _, j := range jobs {
		r.after = d.after
		if j.binding == b {
			mine = j
			continue
		}
		r.do(ctx, j, d.followers)
	}
	return mine, nil
}

// idle notes that b is not worked on any more.
func (d *daemon) idle(b resource.Binding) {
	d.mu.Lock()
	delete(d.busy, b)
	d.mu.Unlock()
}

// after decides by the class of the outcome when b is looked at again. One that
// was rotated is looked at when the overlap ends, too.
//
//	class               | when
//	--------------------+---------------------------------------------
//	none                | at the next interval
//	transient, unknown  | soon, with back-off
//	waiting, stalled,   | at the next interval, or when the spec changes
//	conflict, unsafe    |
func (d *daemon) after(b resource.Binding, o *Outcome) {
	d.idle(b)
	if b.Organization == "" {
		return
	}
	if overlap, rotated := o.rotated(); rotated {
		d.queue.AddAfter(b, overlap)
	}
	err := o.Err
	if err == nil {
		d.queue.Forget(b)
		return
	}
	switch fault.ClassOf(err) {
	case fault.Transient, fault.Unknown:
		var f *fault.Error
		if errors.As(err, &f) && f.RetryAfter > 0 {
			d.queue.AddAfter(b, f.RetryAfter)
			return
		}
		d.queue.AddRateLimited(b)
	case fault.Waiting, fault.Stalled, fault.Conflict, fault.Unsafe:
		d.queue.Forget(b)
	}
}
