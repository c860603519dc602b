package loop

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Scope is the bindings that a plan is about; nil means all.
type Scope map[resource.Binding]bool

// has reports whether b is in the scope.
func (s Scope) has(b resource.Binding) bool { return s == nil || s[b] }

// hasEnvironment reports whether any binding of an environment is in scope.
func (s Scope) hasEnvironment(name string) bool {
	if s == nil {
		return true
	}
	for b := range s {
		if b.Environment == name {
			return true
		}
	}
	return false
}

// Planned is a plan with what it was made from.
type Planned struct {
	plan.Plan
	State    State
	Observed map[resource.ID]resource.Observed
	// Wanted has what is desired of each binding in scope.
	Wanted map[resource.Binding]*desired.Binding
	// Recorded is what the inventory had of each binding in scope.
	Recorded map[resource.Binding]inventory.Binding
	// Owned is every resource that is owned in the environments of the engine.
	Owned []resource.ID
	// Discovered reports that Owned was rebuilt from marks for want of records.
	Discovered bool
	// unsettled are the steps that a process has begun that ended before it
	// could say what came of them.
	unsettled []inventory.StepRecord
	// undiscovered are the environments whose marks could not all be read.
	undiscovered map[string]bool
	// Reviewed asks that nothing be changed but what the plan says, though
	// something of it has to be planned and tried again.
	Reviewed bool
	// suspended is what must not be changed, bindings whose spec is gone and
	// environments included.
	suspended map[resource.Binding]suspension
	// asked are the credentials that somebody asked to rotate.
	asked map[resource.ID]inventory.Rotation
	// lapsed reports that a suspension is over and still recorded.
	lapsed bool
	// blocked reports that nothing may be pruned for the revision.
	blocked bool
	scope   Scope
}

// Plan observes what st asks for within scope and says what to do. It changes
// nothing, neither at a target nor in the inventory.
func (e *Engine) Plan(ctx context.Context, st State, scope Scope) (*Planned, error) {
	return e.planSeen(ctx, st, scope, nil)
}

// planSeen plans from a look at resources of the kinds in only, or of all: of
// the rest it takes nothing for granted.
func (e *Engine) planSeen(ctx context.Context, st State, scope Scope, only []resource.Kind) (*Planned, error) {
	p := &Planned{
		State: st, scope: scope, Wanted: map[resource.Binding]*desired.Binding{}, undiscovered: map[string]bool{},
	}
	if err := e.remembered(ctx, p); err != nil {
		return nil, err
	}
	set := desired.Set{}
	for i := range st.Set.Bindings {
		if b := &st.Set.Bindings[i]; scope.has(b.Binding) {
			set.Bindings = append(set.Bindings, *b)
			p.Wanted[b.Binding] = b
		}
	}
	for _, r := range st.Set.KeyManagers {
		if scope.hasEnvironment(r.ID.Binding.Environment) {
			set.KeyManagers = append(set.KeyManagers, r)
		}
	}
	gone := e.gone(p, st.wanted)
	if err := e.doubted(ctx, &st, gone); err != nil {
		return nil, err
	}
	if err := e.askedFor(ctx, p); err != nil {
		return nil, err
	}
	in := plan.Input{Desired: set, Gone: gone, Now: e.Options.Now(), Rotate: rotations(p.asked), Owned: len(p.Owned)}
	in.Observed = e.observe(ctx, asked(in), only)
	maps.Copy(in.Observed, e.observe(ctx, plan.Unseen(in, p.Discovered), only))
	p.Observed = in.Observed
	distrust(p)
	blocked, hint, err := e.pruneBlocked(ctx, st, gone)
	if err != nil {
		return nil, err
	}
	if err := e.suspended(ctx, p, gone); err != nil {
		return nil, err
	}
	in.Suspended, in.Proved, in.PruneBlocked, in.PruneHint = reasons(p.suspended), proved(p), blocked, hint
	p.blocked = blocked != ""
	in.OwnedIn = ownedIn(p.Owned)
	p.Plan = plan.Compute(in)
	p.Revision = st.Revision.Hash
	e.drifted(p)
	return p, nil
}

// proved lists the bindings whose endpoint was proved with what is desired of
// them now. A consumer whose credential fails is reported and mended, and takes
// nothing from that: the key to the endpoint is the binding's own.
func proved(p *Planned) map[resource.Binding]bool {
	out := map[resource.Binding]bool{}
	for b, wanted := range p.Wanted {
		row, ok := p.Recorded[b]
		if ok && row.Enabled && row.DesiredHash == wanted.Hash && row.LastProof != nil && (row.LastProof.OK || row.LastProof.Endpoint) {
			out[b] = true
		}
	}
	return out
}

// remembered reads what the inventory knows; where it has never seen an
// environment, the marks at the targets are asked.
func (e *Engine) remembered(ctx context.Context, p *Planned) error {
	rows, err := e.Store.Bindings(ctx, inventory.Filter{})
	if err != nil {
		return fmt.Errorf("read inventory: %w", err)
	}
	p.Recorded = make(map[resource.Binding]inventory.Binding, len(rows))
	for _, row := range rows {
		p.Recorded[row.Binding] = row
	}
	for _, env := range e.Environments {
		owned, err := e.Store.Owned(ctx, env.Name)
		if err != nil {
			return fmt.Errorf("read inventory: %w", err)
		}
		if _, known, err := e.Store.Meta(ctx, discoveredKey(env.Name)); err != nil {
			return fmt.Errorf("read inventory: %w", err)
		} else if !known {
			p.Discovered = true
			found, complete := e.discover(ctx, env)
			owned = append(owned, found...)
			p.undiscovered[env.Name] = !complete
		}
		p.Owned = append(p.Owned, owned...)
	}
	if !e.recovered.Load() {
		if p.unsettled, err = e.Store.OpenIntents(ctx, ""); err != nil {
			return fmt.Errorf("read inventory: %w", err)
		}
		for _, s := range p.unsettled {
			if e.environment(s.ID.Binding.Environment) != nil && makes(s.Action) {
				p.Owned = append(p.Owned, s.ID)
			}
			if row, ok := p.Recorded[s.ID.Binding]; ok && gives(s.ID, s.Action) {
				row.LastProof = nil
				p.Recorded[s.ID.Binding] = row
			}
		}
	}
	slices.SortFunc(p.Owned, resource.ID.Compare)
	p.Owned = slices.Compact(p.Owned)
	return nil
}

// discoveredKey names the note that an environment's marks have been read into
// the inventory.
func discoveredKey(environment string) string { return "discovered:" + environment }

// discover asks the targets of env for what is marked ours. What cannot be
// listed is found again by its derived id as soon as a spec asks for it, so a
// failure here loses nothing but the chance to prune. It reports complete
// unless asking again may find more.
func (e *Engine) discover(ctx context.Context, env *Environment) (out []resource.ID, complete bool) {
	complete = true
	for _, kind := range slices.Sorted(maps.Keys(env.Targets)) {
		ids, err := env.Targets[kind].Discover(ctx)
		if err != nil {
			e.Log.WarnContext(ctx, "marks could not be listed",
				"environment", env.Name, "target", env.Targets[kind].Name(), "error", err)
			complete = complete && fault.ClassOf(err) == fault.Stalled
		}
		for _, id := range ids {
			if id.Binding.Environment == env.Name && id.Kind == kind {
				out = append(out, id)
			}
		}
	}
	return out, complete
}

// gone lists the owned resources in scope that the specs do not ask for.
func (e *Engine) gone(p *Planned, wanted map[resource.Binding]*desired.Binding) []plan.Gone {
	var out []plan.Gone
	for _, id := range p.Owned {
		if !p.scope.has(id.Binding) || id.Kind == resource.KindKeyManager {
			continue
		}
		b, present := wanted[id.Binding]
		if present && slices.ContainsFunc(b.Resources, func(r resource.Resource) bool { return r.ID == id }) {
			continue
		}
		g := plan.Gone{ID: id, SpecPresent: present}
		if row, ok := p.Recorded[id.Binding]; ok {
			g.Deletion, g.File = row.Deletion, row.SpecFile
		} else if desired.IsProbe(id.Binding) {
			g.Deletion = schema.DeletionPrune
		}
		out = append(out, g)
	}
	return withClients(p.Owned, out)
}

// withClients adds to credentials that are gone the clients that they were made
// for, where the inventory does not name them: its records were lost, and the
// identity provider could not list what is ours. Whoever has such a credential
// gets tokens until its client is deleted, and nothing else leads to that.
func withClients(owned []resource.ID, gone []plan.Gone) []plan.Gone {
	for _, g := range slices.Clone(gone) {
		if g.ID.Kind != resource.KindCredential {
			continue
		}
		g.ID.Kind = resource.KindClient
		if _, known := slices.BinarySearchFunc(owned, g.ID, resource.ID.Compare); !known {
			gone = append(gone, g)
		}
	}
	return gone
}

// metaRevision is the note of the last revision that was applied whole.
const metaRevision = "revision"
