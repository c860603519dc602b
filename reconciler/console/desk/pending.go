package desk

import (
	"context"
	"regexp"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Pending returns what would be done to a binding now, from a look at the
// targets. Nothing is done.
func (d *Desk) Pending(ctx context.Context, who access.Principal, b Binding) (Pending, error) {
	if err := may(who, access.Viewer, b); err != nil {
		return Pending{}, err
	}
	newest, err := d.Engine.Newest(ctx)
	if err != nil {
		return Pending{}, err
	}
	if newest.Wants(b) == nil {
		if _, _, err := d.known(ctx, b); err != nil {
			return Pending{}, err
		}
	}
	if err := d.allow(who, lookAtOne); err != nil {
		return Pending{}, err
	}
	return d.pending(ctx, newest, loop.Scope{b: true})
}

// PlanAt returns what would be done for a revision, in a scope and to what who
// may see of it. An empty revision is the newest.
func (d *Desk) PlanAt(ctx context.Context, who access.Principal, revision string, scope resource.Selector) (Pending, error) {
	if !who.MayAny(access.Viewer) {
		return Pending{}, ErrForbidden
	}
	if err := d.allow(who, lookAtAll); err != nil {
		return Pending{}, err
	}
	st, err := d.at(ctx, revision)
	if err != nil {
		return Pending{}, err
	}
	if scope == everything && who.MayAll(access.Viewer, everything) {
		return d.pending(ctx, st, nil)
	}
	rows, err := d.Store.Standings(ctx)
	if err != nil {
		return Pending{}, err
	}
	seen := loop.Scope{}
	add := func(b Binding) {
		if scope.Has(b) && who.May(access.Viewer, b) && !desired.IsProbe(b) {
			seen[b] = true
		}
	}
	for b := range rows {
		add(b)
	}
	for i := range st.Set.Bindings {
		add(st.Set.Bindings[i].Binding)
	}
	return d.pending(ctx, st, seen)
}

// revisions are names of commits: hashes, branches and tags, and what git says
// of ancestors.
var revisions = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/~^-]{0,199}$`)

// at loads a revision, or the newest.
func (d *Desk) at(ctx context.Context, revision string) (*loop.State, error) {
	if revision == "" {
		return d.Engine.Newest(ctx)
	}
	if !revisions.MatchString(revision) {
		return nil, invalid("revision", "it is no name of a commit")
	}
	snap, err := d.Repo.At(ctx, revision)
	if err != nil {
		return nil, err
	}
	st, err := d.Engine.Load(ctx, snap)
	return &st, err
}

// pending plans for a state within a scope.
func (d *Desk) pending(ctx context.Context, st *loop.State, scope loop.Scope) (Pending, error) {
	p, err := d.Engine.Plan(ctx, *st, scope)
	if err != nil {
		return Pending{}, err
	}
	return Pending{
		Plan: plan.NewFile(d.installation(), st.Revision.Dirty, p.Plan), Revision: p.Revision,
		Counts: p.Counts().String(), Empty: p.Empty(), At: d.now().UTC(),
	}, nil
}

// installation is the name of this one.
func (d *Desk) installation() string {
	for _, env := range d.Engine.Environments {
		if env.Installation != "" {
			return env.Installation
		}
	}
	return desired.DefaultInstallation
}

// Past returns the history of a binding, newest first.
func (d *Desk) Past(ctx context.Context, who access.Principal, b Binding, limit int) (Past, error) {
	if err := may(who, access.Viewer, b); err != nil {
		return Past{}, err
	}
	if limit < 0 || limit > MaxLimit {
		return Past{}, invalid("limit", "it is a number from 1 to %d", MaxLimit)
	}
	out := Past{Steps: []inventory.StepRecord{}, Events: []inventory.Event{}}
	steps, err := d.Store.Steps(ctx, inventory.StepFilter{Binding: b, Limit: limit})
	if err != nil {
		return out, err
	}
	events, err := d.Store.Events(ctx, inventory.EventFilter{Binding: b, Limit: limit})
	if err != nil {
		return out, err
	}
	if len(steps)+len(events) == 0 {
		if _, _, err := d.known(ctx, b); err != nil {
			return out, err
		}
	}
	out.Steps, out.Events = append(out.Steps, steps...), append(out.Events, events...)
	return out, nil
}
