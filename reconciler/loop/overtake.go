package loop

import (
	"context"
	"slices"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// difference is the bindings that st wants otherwise than last, or no more.
func difference(last, st *State) Scope {
	out := Scope{}
	was := map[resource.Binding]string{}
	if last != nil {
		for _, b := range last.Set.Bindings {
			was[b.Binding] = b.Hash
		}
	}
	for _, b := range st.Set.Bindings {
		if was[b.Binding] != b.Hash {
			out[b.Binding] = true
		}
		delete(was, b.Binding)
	}
	for b := range was {
		out[b] = true
	}
	return out
}

// overtake takes back what was planned for bindings that the newest revision
// asks otherwise, and returns it: the new plan may find nothing to do, and what
// the old one opens or deletes is not asked for any more. What is being done is
// ended before its next effect, and the binding looked at again after it. The
// lock is held.
func (d *daemon) overtake(changed Scope) []*job {
	var out []*job
	for b := range changed {
		if j := d.jobs[b]; j != nil {
			out = append(out, j)
			delete(d.jobs, b)
		}
		if stop := d.stop[b]; stop != nil {
			stop(errOvertaken)
		}
		if d.busy[b] {
			d.queue.Add(b)
		}
	}
	return out
}

// errOvertaken ends what an older revision asked for.
var errOvertaken = fault.New(fault.Transient, "Overtaken", "a newer revision asks otherwise")

// stopped notes that nothing is done for b any more.
func (d *daemon) stopped(b resource.Binding, stop context.CancelCauseFunc) {
	d.mu.Lock()
	delete(d.stop, b)
	d.mu.Unlock()
	stop(nil)
}

// current leaves out of a plan for st what a newer revision asks otherwise: that
// has a plan of its own.
func (d *daemon) current(st *State, p *Planned) {
	d.mu.Lock()
	defer d.mu.Unlock()
	newer := d.newerThan(st)
	p.Steps = slices.DeleteFunc(p.Steps, func(s plan.Step) bool { return newer[s.ID.Binding] })
}

// newerThan lists the bindings that the current revision asks otherwise than
// st. The lock is held.
func (d *daemon) newerThan(st *State) Scope {
	if d.state.Revision.Hash == st.Revision.Hash {
		return nil
	}
	return difference(st, d.state)
}
