package loop

import (
	"context"
	"fmt"
	"maps"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Guard refuses p if it takes too much away at once and nobody has confirmed
// that.
func (e *Engine) Guard(ctx context.Context, p *Planned) error {
	refused := p.Guard(e.Options.Limits)
	if refused == nil {
		return nil
	}
	allowed, err := e.allowed(ctx, &p.State)
	if err != nil {
		return err
	}
	if allowed {
		return nil
	}
	return refused
}

// guard holds back what p takes away if it is too much at once, until somebody
// confirms this revision.
func (d *daemon) guard(ctx context.Context, p *Planned) {
	refused := p.Guard(d.Options.Limits)
	allowed, err := d.allowed(ctx, &p.State)
	if err != nil {
		d.Log.WarnContext(ctx, "it is not known whether the revision was confirmed", "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case allowed && d.state.Revision.Hash == p.Revision:
		d.held = nil
	case d.held == nil && refused != nil:
		d.held = refused
		d.Log.ErrorContext(ctx, "the plan takes too much away and that part of it is held back",
			"revision", short(p.Revision), "error", refused, "hint", fault.HintOf(refused))
	}
	if d.held != nil {
		p.Plan = p.Hold(d.held)
	}
	maps.Copy(d.approved, takes(p.Plan))
}

// allowed reports that a person lets st take away what a guard would hold
// back: with everything, or with exactly this revision. A working copy with
// changes is no revision.
func (e *Engine) allowed(ctx context.Context, st *State) (bool, error) {
	name := revisionName(st)
	switch {
	case e.Options.AllowMassChange:
		return true, nil
	case name == "":
		return false, nil
	case e.Options.Confirmed == name:
		return true, nil
	}
	c, ok, err := e.Store.Confirmation(ctx)
	if err != nil {
		return false, fmt.Errorf("read inventory: %w", err)
	}
	return ok && c.Revision == name, nil
}

// revisionName is what st can be confirmed by, and empty if by nothing.
func revisionName(st *State) string {
	if st.Revision.Dirty {
		return ""
	}
	return st.Revision.Hash
}

// ownedIn counts what is owned in each environment.
func ownedIn(owned []resource.ID) map[string]int {
	out := map[string]int{}
	for _, id := range owned {
		out[id.Binding.Environment]++
	}
	return out
}

// pruneBlocked says why nothing may be pruned for st, and what a person can do
// about it.
//
//	specs                             | pruning
//	----------------------------------+------------------------------------
//	not all could be read             | blocked, whatever anybody confirms
//	none at all                       | blocked until it is confirmed
//	of a history that the last        | blocked until it is confirmed
//	applied revision is not part of   |
//	others                            | allowed
func (e *Engine) pruneBlocked(ctx context.Context, st State, gone []plan.Gone) (reason, hint string, err error) {
	switch {
	case len(gone) == 0:
		return "", "", nil
	case !st.Whole:
		return "not every spec could be read", "", nil // the diagnostics say what to do
	}
	if reason, err = e.suspicious(ctx, &st); err != nil || reason == "" {
		return "", "", err
	}
	if allowed, err := e.allowed(ctx, &st); err != nil || allowed {
		return "", "", err
	}
	return reason, plan.Confirmation(revisionName(&st)), nil
}

// doubted notes of what is gone why its spec may not be, unless somebody has
// confirmed the revision.
func (e *Engine) doubted(ctx context.Context, st *State, gone []plan.Gone) error {
	for i := range gone {
		g := &gone[i]
		if g.SpecPresent || g.File == "" {
			continue
		}
		if g.Doubt = st.doubt(g.File); g.Doubt == "" {
			continue
		}
		if allowed, err := e.allowed(ctx, st); err != nil || allowed {
			g.Doubt = ""
			return err
		}
		g.DoubtHint = "put it right, or take the file away as well; " + plan.Confirmation(revisionName(st))
	}
	return nil
}

// suspicious says why st is more likely a mistake than meant.
func (e *Engine) suspicious(ctx context.Context, st *State) (string, error) {
	if st.Agents == 0 {
		return "the revision holds no spec at all", nil
	}
	if st.Revision.Dirty {
		return "", nil
	}
	last, known, err := e.Store.Meta(ctx, metaRevision)
	if err != nil {
		return "", fmt.Errorf("read inventory: %w", err)
	}
	if !known || last == st.Revision.Hash {
		return "", nil
	}
	descends, err := e.Source.IsAncestor(ctx, last, st.Revision.Hash)
	if err != nil {
		// Whatever is wrong with it, nothing is pruned on its word.
		return fmt.Sprintf("it is not known whether revision %s descends from %s, which was applied last: %v",
			short(st.Revision.Hash), short(last), err), nil
	}
	if !descends {
		return fmt.Sprintf("revision %s does not descend from %s, which was applied last", short(st.Revision.Hash), short(last)), nil
	}
	return "", nil
}
