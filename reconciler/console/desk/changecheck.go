package desk

import (
	"slices"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/schema"
)

// diagnostics are those that a change brings, and those of the file's binding
// that it leaves: a spec that is wrong is not committed again.
func (p *proposal) diagnostics() schema.Diagnostics {
	known := map[sameDiagnostic]bool{}
	for _, d := range p.before.Diagnostics {
		known[same(d)] = true
	}
	out := schema.Diagnostics{}
	for _, d := range p.after.Diagnostics {
		if !known[same(d)] {
			out = append(out, d)
		}
	}
	for _, d := range diagnosticsOf(&p.after, p.file, p.change.Binding) {
		if d.Severity == schema.SeverityError || !known[same(d)] {
			out = append(out, d)
		}
	}
	return out.Sorted()
}

// sameDiagnostic is a diagnostic, wherever its line was moved to.
type sameDiagnostic struct{ file, path, code, message string }

func same(d schema.Diagnostic) sameDiagnostic {
	return sameDiagnostic{d.Position.File, d.Path, d.Code, d.Message}
}

// opens reports whether a change makes an API answer without a token.
func (p *proposal) opens() bool {
	before, after := p.before.Wants(p.change.Binding), p.after.Wants(p.change.Binding)
	return after != nil && after.Scheme == schema.SchemeNone && (before == nil || before.Scheme != schema.SchemeNone)
}

// confined refuses a change that reaches further than it says.
//
//	changes                             | is
//	------------------------------------+-----------------------------------
//	the binding itself                  | allowed
//	another environment of the agent    | allowed, if an edit is agent-wide and
//	                                    | they may change that one, too
//	anything else                       | refused: a shared value would change
func (p *proposal) confined(who access.Principal) error {
	b := p.change.Binding
	for _, other := range p.changes() {
		switch {
		case other == b:
		case other.Identity() == b.Identity() && p.change.wide():
			if err := may(who, access.Developer, other); err != nil {
				return err
			}
			p.scope[other] = true
		default:
			e := fault.New(fault.Unsafe, "ChangesOthers", "the change would change %s as well", other)
			if !who.May(access.Viewer, other) {
				e = fault.New(fault.Unsafe, "ChangesOthers", "the change would change other agents as well")
			}
			e.Op, e.Resource, e.Hint = "change", b.String(), "make it in git, where those who own the others see it"
			return e
		}
	}
	return nil
}

// changes lists the bindings of which something else is wanted than before.
func (p *proposal) changes() []Binding {
	var out []Binding
	for _, sets := range [][2]*desired.Set{{&p.before.Set, &p.after.Set}, {&p.after.Set, &p.before.Set}} {
		wanted := map[Binding]*desired.Binding{}
		for i := range sets[1].Bindings {
			wanted[sets[1].Bindings[i].Binding] = &sets[1].Bindings[i]
		}
		for i := range sets[0].Bindings {
			one := &sets[0].Bindings[i]
			other := wanted[one.Binding]
			if other == nil || other.Hash != one.Hash || other.Drift != one.Drift {
				out = append(out, one.Binding)
			}
		}
	}
	slices.SortFunc(out, Binding.Compare)
	return slices.DeleteFunc(slices.Compact(out), desired.IsProbe)
}
