package loop

import (
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/schema"
)

// reasonDrift is the reason of a binding whose drift is only reported.
const reasonDrift = "Drift"

// drifted marks the effects of p that repair drift, and turns them into skips
// where drift is only to be reported. Drift is a difference in a binding that
// had converged and whose spec has not changed since; a rotation is none. Since
// when it stands is told where the target knows.
//
//	spec, environment | spec, agent | configuration | drift is
//	------------------+-------------+---------------+---------
//	says              | any         | any           | as said
//	silent            | says        | any           | as said
//	silent            | silent      | says          | as said
func (e *Engine) drifted(p *Planned) {
	for i := range p.Steps {
		s := &p.Steps[i]
		wanted, row := p.Wanted[s.ID.Binding], p.Recorded[s.ID.Binding]
		switch {
		case !s.Action.Effectful() || s.Rotates || s.Retires:
			continue
		case wanted == nil || row.DesiredHash != wanted.Hash:
			continue
		case row.ConvergedAt.IsZero() && !s.Restores:
			continue
		}
		s.Drift, s.Since = true, p.Observed[s.ID].Since
		if !e.reports(wanted) {
			continue
		}
		s.Action, s.Class = plan.Skip, fault.Stalled
		s.Reason = "drift, which is only reported: " + s.Reason
		s.Hint = "mend it by hand, or set drift: repair in the spec or for the environment"
		s.DependsOn = nil
	}
}

// reports says that drift of a binding is only reported.
func (e *Engine) reports(wanted *desired.Binding) bool {
	if wanted.Drift != "" {
		return wanted.Drift == schema.DriftReport
	}
	env := e.environment(wanted.Binding.Environment)
	return env != nil && env.ReportDrift
}
