package loop

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Report is what became of a plan.
type Report struct {
	// Outcomes has the bindings that were worked on, in no order.
	Outcomes []Outcome
	// Done and Failed count effectful steps.
	Done, Failed int
	// Writes counts the calls that changed a target.
	Writes int
	// Errors has the failure of each binding that did not converge, those
	// that were not worked on included.
	Errors map[resource.Binding]error
}

// newReport starts the report of p with what it skips.
func newReport(p *Planned) *Report { return &Report{Errors: blocked(p.Plan)} }

// attempts is how often Converge plans a binding anew whose failure may pass
// by itself, and pause how long it waits before that.
const (
	attempts = 3
	pause    = 500 * time.Millisecond
)

// Converge carries out p, follows rollouts, proves, and records. A binding
// whose failure is transient or of unknown outcome is observed and planned
// again, a few times. Progress is told what happens, if it is not nil.
//
// The error is for what kept it from working at all; what failed of a binding
// is in the report.
func (e *Engine) Converge(ctx context.Context, p *Planned, trigger string, progress func(Progress)) (*Report, error) {
	report := newReport(p)
	approved, reviewed := takes(p.Plan), p.Reviewed
	planned := effects(p.Plan)
	for try := 1; ; try++ {
		r, jobs, err := e.begin(ctx, p, trigger, report)
		if err != nil || len(jobs) == 0 {
			return report, err
		}
		r.progress = progress
		r.work(ctx, jobs)
		if r.err != nil {
			return report, r.err
		}
		again := passing(jobs, report.Errors)
		if len(again) == 0 || try == attempts || !sleep(ctx, time.Duration(try)*pause) {
			return report, nil
		}
		if p, err = e.Plan(ctx, p.State, again); err != nil {
			return report, err
		}
		p.Plan = approve(approved, p.Plan)
		if reviewed {
			p.Plan, p.Reviewed = only(planned, p.Plan), true
		}
		report.again(again, p.Plan)
	}
}

// again forgets the failures of bindings that were planned anew, and takes in
// what the new plan skips: an outcome that was unknown may turn out to be done.
func (r *Report) again(bindings Scope, p plan.Plan) {
	for b := range bindings {
		delete(r.Errors, b)
	}
	maps.Copy(r.Errors, blocked(p))
}

// work does the jobs of a round: the key managers of each environment first,
// then the bindings, several at once. It returns when all are done and every
// rollout has ended one way or the other.
func (r *round) work(ctx context.Context, jobs []*job) {
	followers := map[string]*rollouts{}
	more := make(chan struct{})
	var following sync.WaitGroup
	for _, env := range r.engine.Environments {
		f := r.engine.newRollouts(env)
		followers[env.Name] = f
		following.Go(func() { f.run(ctx, more) })
	}
	for _, j := range jobs {
		if j.binding.Organization == "" {
			r.do(ctx, j, followers)
		}
	}
	var group errgroup.Group
	group.SetLimit(r.engine.Options.Workers)
	for _, j := range jobs {
		if j.binding.Organization != "" {
			group.Go(func() error {
				r.do(ctx, j, followers)
				return nil
			})
		}
	}
	_ = group.Wait() // no member fails
	close(more)
	following.Wait()
}

// passing is the bindings whose failure may pass by itself.
func passing(jobs []*job, failed map[resource.Binding]error) Scope {
	out := Scope{}
	for _, j := range jobs {
		if err := failed[j.binding]; err != nil && j.binding.Organization != "" {
			if class := fault.ClassOf(err); class == fault.Transient || class == fault.Unknown {
				out[j.binding] = true
			}
		}
	}
	return out
}

// takes lists the resources that p takes something away from.
func takes(p plan.Plan) map[resource.ID]bool {
	out := map[resource.ID]bool{}
	for _, s := range p.Steps {
		if s.Takes() {
			out[s.ID] = true
		}
	}
	return out
}

// approve keeps out of p what takes something away, unless it was approved as
// part of a plan for everything: a plan for one binding is too small for the
// guard to see what it belongs to.
func approve(approved map[resource.ID]bool, p plan.Plan) plan.Plan {
	for _, s := range p.Steps {
		if s.Takes() && !approved[s.ID] {
			return p.Hold(fault.New(fault.Unsafe, "NotApproved", "the plan that was approved did not take it away"))
		}
	}
	return p
}

// effects lists the resources that p changes.
func effects(p plan.Plan) map[resource.ID]bool {
	out := map[resource.ID]bool{}
	for _, s := range p.Steps {
		if s.Action.Effectful() {
			out[s.ID] = true
		}
	}
	return out
}

// only keeps out of p what changes another resource than those of a plan that
// somebody has reviewed: the world may have moved since that was begun.
func only(reviewed map[resource.ID]bool, p plan.Plan) plan.Plan {
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Action.Effectful() && !reviewed[s.ID] {
			s.Action, s.Class, s.DependsOn = plan.Skip, fault.Unsafe, nil
			s.Reason, s.Hint = "the plan that was reviewed does not change it", "make a new plan and review it"
		}
	}
	return p
}

// sleep waits and reports whether the context is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// blocked returns the first skip of each binding as an error.
func blocked(p plan.Plan) map[resource.Binding]error {
	out := map[resource.Binding]error{}
	for i, s := range p.Steps {
		if s.Action == plan.Skip && out[s.ID.Binding] == nil {
			out[s.ID.Binding] = skipped(p.Steps[i : i+1])
		}
	}
	return out
}

// firstError is the error of the first binding, so that the same failures
// give the same answer.
func firstError(errs map[resource.Binding]error) error {
	var first resource.Binding
	var err error
	for b, e := range errs {
		if err == nil || b.Compare(first) < 0 {
			first, err = b, e
		}
	}
	return err
}
