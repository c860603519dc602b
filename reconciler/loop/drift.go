package loop

import (
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/proof"
)

// reasonDrift is the reason of a binding whose drift is only reported.
const reasonDrift = "Drift"

// report turns what p would repair into skips, in environments where drift is
// to be reported and not repaired. Drift is a difference in a binding that had
// converged and whose spec has not changed since.
func (e *Engine) report(p *Planned) {
	for i, s := range p.Steps {
		env := e.environment(s.ID.Binding.Environment)
		if env == nil || !env.ReportDrift || !s.Action.Effectful() || s.Rotates || s.Retires {
			continue
		}
		wanted, row := p.Wanted[s.ID.Binding], p.Recorded[s.ID.Binding]
		if wanted == nil || row.DesiredHash != wanted.Hash {
			continue
		}
		if row.Status == inventory.Converged || s.Restores || row.Reason == reasonDrift || row.Reason == proof.InvalidClient {
			p.Steps[i].Action, p.Steps[i].Class, p.Steps[i].Drift = plan.Skip, fault.Stalled, true
			p.Steps[i].Reason = "drift, which is only reported: " + s.Reason
			p.Steps[i].Hint = "mend it by hand, or set drift: repair for the environment"
			p.Steps[i].DependsOn = nil
		}
	}
}
