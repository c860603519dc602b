package desk

import (
	"context"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// may refuses who may not do with b what a role can. Whoever may not even see
// it is not told that it exists.
func may(who access.Principal, role access.Role, b resource.Binding) error {
	switch {
	case !who.May(access.Viewer, b) || desired.IsProbe(b) || !valid(b):
		return ErrUnknown
	case !who.May(role, b):
		return ErrForbidden
	default:
		return nil
	}
}

// valid reports that b can name a binding at all.
func valid(b resource.Binding) bool {
	return resource.ValidName(b.Organization) && resource.ValidName(b.Project) &&
		resource.ValidName(b.Agent) && resource.ValidName(b.Environment)
}

// mayAll refuses who may not do in all of a scope what a role can.
func mayAll(who access.Principal, role access.Role, scope resource.Selector) error {
	if who.MayAll(role, scope) {
		return nil
	}
	return ErrForbidden
}

// everything is the scope of all bindings.
var everything resource.Selector

// bounds are what somebody may see. The bindings of probe clients are nobody's
// business.
func bounds(who access.Principal) inventory.Bounds {
	b := inventory.Bounds{Without: []resource.Selector{desired.Probes()}, Within: within(who)}
	return b
}

// within are the scopes that somebody may see; nil if that is everything.
func within(who access.Principal) []resource.Selector {
	out := []resource.Selector{}
	for _, g := range who.Grants {
		if g.Role >= access.Viewer && !slices.Contains(out, g.Scope) {
			out = append(out, g.Scope)
		}
	}
	if slices.Contains(out, everything) {
		return nil
	}
	return out
}

// environment is that of b, which may be one that the configuration has no more.
func (d *Desk) environment(b resource.Binding) (*loop.Environment, error) {
	if env := d.Engine.Environment(b.Environment); env != nil {
		return env, nil
	}
	return nil, ErrUnknown
}

// known returns the environment of b and what is remembered of it. Whether
// there is a spec for it does not matter.
func (d *Desk) known(ctx context.Context, b resource.Binding) (*loop.Environment, inventory.Binding, error) {
	env, err := d.environment(b)
	if err != nil {
		return nil, inventory.Binding{}, err
	}
	row, found, err := d.Store.Binding(ctx, b)
	if err == nil && !found {
		err = ErrUnknown
	}
	return env, row, err
}

// event leaves a line in the audit trail.
func (d *Desk) event(ctx context.Context, who access.Principal, action string, b resource.Binding, subject, message string) error {
	return d.Store.Event(ctx, inventory.Event{
		At: d.now(), Actor: who.Subject, Action: action, Binding: b, Subject: subject, Message: message,
	})
}

func (d *Desk) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}
