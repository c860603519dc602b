package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// round is one carrying out of a plan: the run in the inventory, and what has
// become of its jobs so far.
type round struct {
	engine  *Engine
	planned *Planned
	run     inventory.RunID
	total   int
	// after is told each binding that is done with, outside the lock.
	after func(resource.Binding, *Outcome)
	// progress is told how far the round is, under the lock. It may be nil.
	progress func(Progress)

	mu      sync.Mutex
	waiting int
	ended   int
	report  *Report
	// failed has what became of key managers that could not be written: what
	// depends on them is not done.
	failed  map[resource.ID]error
	rows    []inventory.Binding
	gone    []resource.Binding
	events  []inventory.Event
	flushed time.Time
	err     error
}

// Progress counts bindings for a person who waits.
type Progress struct {
	Total, Done, Waiting int
}

// begin records that p is about to be carried out and readies its jobs.
func (e *Engine) begin(ctx context.Context, p *Planned, trigger string, report *Report) (*round, []*job, error) {
	jobs := e.jobs(p)
	if err := e.settleKept(ctx, p, jobs); err != nil {
		return nil, nil, fmt.Errorf("record what stands: %w", err)
	}
	if len(jobs) == 0 {
		return nil, nil, nil
	}
	run, err := e.Store.BeginRun(ctx, inventory.Run{
		Kind: e.kind(trigger), Trigger: trigger, Revision: p.Revision, Environments: e.names(),
		Holder: e.Options.Holder, Started: e.Options.Now(),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("record run: %w", err)
	}
	r := &round{engine: e, planned: p, run: run, total: len(jobs), report: report, failed: map[resource.ID]error{}, flushed: e.Options.Now()}
	for _, j := range jobs {
		j.round = r
	}
	return r, jobs, nil
}

// do does one job and hands it to the rollouts if its endpoint is to be proved.
func (r *round) do(ctx context.Context, j *job, followers map[string]*rollouts) {
	o := r.engine.carryOut(ctx, recorder{r.engine.Store, r.run, r.planned.asked}, j)
	if j.prove && j.wanted != nil && (o.Err == nil || endpointDone(o)) {
		r.mu.Lock()
		r.waiting++
		r.mu.Unlock()
		followers[j.binding.Environment].add(j, o)
		return
	}
	r.finish(j, &o)
}

// endpointDone reports that the endpoint of a job was changed, though
// something else may have failed.
func endpointDone(o Outcome) bool {
	for _, s := range o.Settled {
		if s.Step.ID.Kind == resource.KindEndpoint && s.Err == nil {
			return true
		}
	}
	return false
}

// done takes a job back from the rollouts.
func (r *round) done(j *job, o Outcome) {
	r.mu.Lock()
	r.waiting--
	r.mu.Unlock()
	r.finish(j, &o)
}

// trustless lists the key managers of the round that could not be written.
func (r *round) trustless() map[resource.ID]error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.failed)
}

// drop takes a job back from the rollouts that a later round has overtaken.
func (r *round) drop(j *job) {
	r.mu.Lock()
	r.waiting--
	r.mu.Unlock()
	r.finish(j, nil)
}

// Rows are written to the inventory in batches: this many at once, or what
// there is after this long.
const (
	flushRows  = 64
	flushAfter = 200 * time.Millisecond
)

// finish takes in what became of a job; o is nil if it no longer matters.
func (r *round) finish(j *job, o *Outcome) {
	r.mu.Lock()
	r.ended++
	if o != nil {
		r.count(j, o)
	}
	last := r.ended == r.total
	if now := r.engine.Options.Now(); last || len(r.rows) >= flushRows || now.Sub(r.flushed) > flushAfter {
		r.flush(now)
	}
	if last {
		r.end()
	}
	if r.progress != nil {
		r.progress(Progress{Total: r.total, Done: r.ended, Waiting: r.waiting})
	}
	r.mu.Unlock()
	if r.after != nil && o != nil {
		r.after(j.binding, o)
	}
}

// count adds o to the report. The lock is held.
func (r *round) count(j *job, o *Outcome) {
	r.report.Outcomes = append(r.report.Outcomes, *o)
	for _, s := range o.Settled {
		r.report.Writes += s.Writes
		if s.Err != nil {
			r.report.Failed++
		} else {
			r.report.Done++
		}
	}
	delete(r.report.Errors, j.binding)
	if o.Err != nil {
		r.report.Errors[j.binding] = o.Err
	}
	r.engine.Metrics.settled(j.binding.Environment, o)
	if j.binding.Organization == "" {
		for _, s := range o.Settled {
			if s.Err != nil {
				r.failed[s.Step.ID] = s.Err
			}
		}
		return
	}
	row := r.engine.row(r.planned, j.binding, j.wanted, j.steps, o)
	if spent(row, j.steps) {
		r.gone = append(r.gone, j.binding)
		return
	}
	r.rows = append(r.rows, row)
	if e, ok := r.engine.turned(r.planned.Recorded[j.binding].LastProof, &row); ok {
		r.events = append(r.events, e)
	}
}

// flush writes the rows collected so far. The lock is held.
func (r *round) flush(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), recordTime)
	defer cancel()
	r.err = errors.Join(r.err, r.engine.Store.SaveBindings(ctx, r.rows), r.engine.Store.DeleteBindings(ctx, r.gone))
	for _, e := range r.events {
		r.err = errors.Join(r.err, r.engine.Store.Event(ctx, e))
	}
	r.rows, r.gone, r.events, r.flushed = nil, nil, nil, now
}

// end records the end of the run. The lock is held.
func (r *round) end() {
	ctx, cancel := context.WithTimeout(context.Background(), recordTime)
	defer cancel()
	result := inventory.RunResult{Counts: r.planned.Counts(), Failed: r.report.Failed, Writes: r.report.Writes}
	if err := firstError(r.report.Errors); err != nil {
		result.Class, result.Message = fault.ClassOf(err), err.Error()
	}
	r.err = errors.Join(r.err, r.engine.Store.EndRun(ctx, r.run, result))
	if r.err != nil {
		r.engine.Log.Error("the inventory could not be written; what stands at the targets will be found again", "error", r.err)
	}
}

// kind says whose run it is by what set it off.
func (*Engine) kind(trigger string) inventory.RunKind {
	if trigger == TriggerApply {
		return inventory.Apply
	}
	return inventory.Pass
}

// names lists the engine's environments.
func (e *Engine) names() []string {
	out := make([]string, len(e.Environments))
	for i, env := range e.Environments {
		out[i] = env.Name
	}
	return out
}
