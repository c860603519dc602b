package loop

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// The pace at which rollouts are looked at: few of them often, so that one
// change is seen to arrive at once, many of them in bulk.
const (
	fewRollouts  = 8
	paceOfFew    = 50 * time.Millisecond
	paceOfMany   = time.Second
	slowestOfFew = 500 * time.Millisecond
	proofsAtOnce = 16
	// rest is how many times as long as a look the pause after it is at least,
	// so that looking leaves the gateway's API server time for what is awaited.
	rest = 3
)

// rollouts follows changed endpoints until the gateway has them, proves them,
// and hands each back. It looks at all of an environment's pending endpoints
// at once, so that a thousand changes cost as many calls as a few lists.
type rollouts struct {
	engine *Engine
	env    *Environment
	mu     sync.Mutex
	joined []*pending
	wake   chan struct{}
	// took is how long the last observation has taken.
	took time.Duration
	// arrived is when a rollout was last seen to be complete, and listed when
	// all were last looked at where there are many.
	arrived, listed time.Time
}

// pending is one endpoint on its way.
type pending struct {
	job      *job
	outcome  Outcome
	since    time.Time
	rolled   time.Time // when the rollout was seen to be complete
	lastSeen resource.Observed
	finished bool
}

// newRollouts readies the rollouts of one environment. Each job that is added
// goes back to its round once.
func (e *Engine) newRollouts(env *Environment) *rollouts {
	return &rollouts{engine: e, env: env, wake: make(chan struct{}, 1)}
}

// add hands j over.
func (r *rollouts) add(j *job, o Outcome) {
	r.mu.Lock()
	r.joined = append(r.joined, &pending{job: j, outcome: o, since: r.engine.Options.Now()})
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run follows rollouts until more is closed and none is left, or ctx ends.
// Those that it has to leave go back to their rounds, too.
func (r *rollouts) run(ctx context.Context, more <-chan struct{}) {
	var all []*pending
	pace := paceOfFew
	for {
		r.mu.Lock()
		joined := r.joined
		r.joined = nil
		r.mu.Unlock()
		if len(joined) > 0 {
			all, pace = join(all, joined), paceOfFew
		}
		if len(all) == 0 {
			select {
			case <-r.wake:
				continue
			case <-more:
				more = nil // closed: drain what was added before
				r.mu.Lock()
				left := len(r.joined)
				r.mu.Unlock()
				if left == 0 {
					return
				}
				continue
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			r.abandon(all, context.Cause(ctx))
			return
		}
		all = r.look(ctx, all)
		pace = r.wait(ctx, len(all), pace)
		if more == nil && len(all) == 0 {
			return
		}
	}
}

// join adds what is new to what is pending. A binding that comes again takes
// the place of its earlier change, which nobody waits for any more; if it
// changes nothing, it goes on where that one stands, or passes that come faster
// than a proof may fail would keep it from ever failing.
func join(all, joined []*pending) []*pending {
	byBinding := make(map[resource.Binding]*pending, len(joined))
	for _, p := range joined {
		byBinding[p.job.binding] = p
	}
	kept := all[:0]
	for _, p := range all {
		if byBinding[p.job.binding] == nil {
			kept = append(kept, p)
			continue
		}
		byBinding[p.job.binding].resume(p)
		p.job.round.drop(p.job)
	}
	return append(kept, joined...)
}

// resume takes over how far an earlier look at the same endpoint has come.
func (p *pending) resume(earlier *pending) {
	if !endpointDone(p.outcome) && p.job.wanted.Hash == earlier.job.wanted.Hash {
		p.since, p.rolled, p.lastSeen = earlier.since, earlier.rolled, earlier.lastSeen
	}
}

// wait lets some time pass and returns the next pace. Where few are left, one
// that joins is looked at at once; where many are, it waits for the next look.
func (r *rollouts) wait(ctx context.Context, left int, pace time.Duration) time.Duration {
	if left == 0 {
		return paceOfFew
	}
	wake := r.wake
	if left > fewRollouts {
		pace, wake = max(paceOfMany, rest*r.took), nil
	}
	timer := time.NewTimer(pace)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return min(pace*3/2, slowestOfFew)
}

// abandon hands everything back with the cause.
func (r *rollouts) abandon(all []*pending, cause error) {
	for _, p := range all {
		p.outcome.Err = errors.Join(p.outcome.Err, fault.New(fault.Waiting, "Interrupted", "the rollout was not awaited: %w", cause))
		p.job.round.done(p.job, p.outcome)
	}
}

// look observes what is pending, proves what has arrived and returns the rest.
func (r *rollouts) look(ctx context.Context, all []*pending) []*pending {
	r.observe(ctx, all)
	var group errgroup.Group
	group.SetLimit(proofsAtOnce)
	for _, p := range all {
		if !p.rolled.IsZero() && !p.finished {
			group.Go(func() error {
				r.prove(ctx, p)
				return nil
			})
		}
	}
	_ = group.Wait() // no member fails
	var left []*pending
	for _, p := range all {
		if p.finished {
			p.job.round.done(p.job, p.outcome)
		} else {
			left = append(left, p)
		}
	}
	return left
}

// observe looks at the endpoints whose rollout is not known to be complete. Of
// many it asks a few first, spread over the order in which they were changed,
// and all of them once half of those few have arrived, or after a while. So
// thousands of rollouts are listed some ten times; once a second would keep the
// API server from carrying them out.
func (r *rollouts) observe(ctx context.Context, all []*pending) {
	left := under(all)
	if len(left) > fewRollouts {
		some := spread(left, fewRollouts)
		r.ask(ctx, some)
		now := r.engine.Options.Now()
		if 2*len(under(some)) > len(some) && now.Sub(r.listed) < r.engine.Options.Rollout/2 {
			return
		}
		r.listed, left = now, under(left)
	}
	r.ask(ctx, left)
	now := r.engine.Options.Now()
	for _, p := range left {
		if p.late(now, r.arrived, r.engine.Options.Rollout) {
			p.fail(p.why())
		}
	}
}

// under lists those that are still under way.
func under(all []*pending) []*pending {
	var out []*pending
	for _, p := range all {
		if p.rolled.IsZero() && !p.finished {
			out = append(out, p)
		}
	}
	return out
}

// spread picks n of more than n, the first and the last among them.
func spread(all []*pending, n int) []*pending {
	out := make([]*pending, n)
	for i := range out {
		out[i] = all[i*(len(all)-1)/(n-1)]
	}
	return out
}

// ask observes the endpoints of some.
func (r *rollouts) ask(ctx context.Context, some []*pending) {
	var ask []resource.Resource
	var of []*pending
	for _, p := range some {
		for _, want := range p.job.wanted.Resources {
			if want.ID.Kind == resource.KindEndpoint {
				ask, of = append(ask, want), append(of, p)
			}
		}
	}
	if len(ask) == 0 {
		return
	}
	started := r.engine.Options.Now()
	got := r.engine.observeKind(ctx, r.env, resource.KindEndpoint, ask)
	now := r.engine.Options.Now()
	r.took = now.Sub(started)
	for i, o := range got {
		if of[i].seen(o, now); !of[i].rolled.IsZero() {
			r.arrived = now
		}
	}
}

// seen takes in an observation.
func (p *pending) seen(o resource.Observed, now time.Time) {
	p.lastSeen = o
	switch {
	case o.Err != nil:
	case o.Found && o.Rollout.Done():
		p.rolled = now
	case fault.Class(o.Rollout.Class) == fault.Stalled:
		p.fail(p.why())
	}
}

// patience is how many times the limit a rollout may take while others arrive.
const patience = 10

// late reports that a rollout has taken too long. A gateway that is given a
// thousand changes works through them one after the other: as long as some
// arrive, the limit does not run for the rest.
func (p *pending) late(now, arrived time.Time, limit time.Duration) bool {
	if p.finished || !p.rolled.IsZero() {
		return false
	}
	waited := now.Sub(p.since)
	return waited > limit && now.Sub(arrived) > limit || waited > patience*limit
}

// why says what is in the way of a rollout.
func (p *pending) why() error {
	if p.lastSeen.Err != nil {
		return p.lastSeen.Err
	}
	return rolloutFault(p.lastSeen)
}

// rolloutFault says why an endpoint's change has not arrived.
func rolloutFault(o resource.Observed) error {
	class := fault.Class(o.Rollout.Class)
	if class == "" {
		class = fault.Waiting
	}
	f := fault.New(class, o.Rollout.Reason, "%s", o.Rollout.Message)
	f.Op, f.Resource, f.Hint = "roll out", o.ID.String(), o.Rollout.Hint
	return f
}

func (p *pending) fail(err error) {
	p.outcome.Err, p.outcome.Rollout, p.finished = errors.Join(p.outcome.Err, err), p.lastSeen.Rollout, true
}
