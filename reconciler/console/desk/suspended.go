package desk

import (
	"context"
	"slices"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Suspensions returns the suspensions that hold for something that who may see,
// sorted by scope: those of people, and those of specs, which name no author.
func (d *Desk) Suspensions(ctx context.Context, who access.Principal) ([]inventory.Suspension, error) {
	if !who.MayAny(access.Viewer) {
		return nil, ErrForbidden
	}
	newest, err := d.Engine.Newest(ctx)
	if err != nil {
		newest = nil // those of people hold all the same
	}
	held, err := d.suspensions(ctx, newest)
	return slices.DeleteFunc(held, func(s inventory.Suspension) bool { return !seesPart(who, s.Scope) }), err
}

// suspensions returns the suspensions that hold.
func (d *Desk) suspensions(ctx context.Context, newest *loop.State) ([]inventory.Suspension, error) {
	stored, err := d.Store.Suspensions(ctx)
	if err != nil {
		return nil, err
	}
	out, now := []inventory.Suspension{}, d.now()
	for _, s := range stored {
		if s.Active(now) {
			out = append(out, s)
		}
	}
	said := func(scope resource.Selector, s *schema.Suspend) {
		if s != nil && now.Before(s.Until) {
			out = append(out, inventory.Suspension{Scope: scope, Reason: s.Reason, Until: s.Until})
		}
	}
	if newest != nil {
		for _, a := range newest.Specs {
			scope := resource.Selector{Organization: a.Organization, Project: a.Project, Agent: a.Name}
			said(scope, a.Suspend)
			for _, e := range a.Environments {
				scope.Environment = e.Name
				said(scope, e.Suspend)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b inventory.Suspension) int {
		return resource.Binding(a.Scope).Compare(resource.Binding(b.Scope))
	})
	return out, nil
}

// over is the suspension of those that hold for b that ends last; nil if there
// is none.
func over(held []inventory.Suspension, b resource.Binding) *inventory.Suspension {
	var out *inventory.Suspension
	for _, s := range held {
		if s.Scope.Has(b) && (out == nil || s.Until.After(out.Until)) {
			out = &s
		}
	}
	return out
}

// seesPart reports that somebody may see something of what a scope selects.
func seesPart(who access.Principal, scope resource.Selector) bool {
	meet := func(a, b string) bool { return a == "" || b == "" || a == b }
	return slices.ContainsFunc(who.Grants, func(g access.Grant) bool {
		return g.Role >= access.Viewer && meet(g.Scope.Organization, scope.Organization) && meet(g.Scope.Project, scope.Project) &&
			meet(g.Scope.Agent, scope.Agent) && meet(g.Scope.Environment, scope.Environment)
	})
}
