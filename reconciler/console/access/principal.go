package access

import (
	"context"
	"slices"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Role is what somebody may do. Each includes the ones before it.
type Role int

// The roles.
const (
	// Nobody may do nothing.
	Nobody Role = iota
	// Viewer sees how bindings stand, their history and their clients, never a
	// secret.
	Viewer
	// Developer tries APIs, changes specs, reveals and rotates credentials.
	Developer
	// Admin suspends and resumes, and reads the audit of everybody.
	Admin
)

// Grant gives a role within a scope; the zero scope is everything.
type Grant struct {
	Role  Role
	Scope resource.Selector
}

// Principal is somebody who asks, as they proved who they are.
type Principal struct {
	// Subject names them in the audit: unique at their issuer, as a user name or
	// an e-mail address.
	Subject string
	// Name and Email are the author of their commits.
	Name, Email string
	Grants      []Grant
}

// May reports whether p has role, or more, for b.
func (p Principal) May(role Role, b resource.Binding) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Role >= role && g.Scope.Has(b) })
}

// MayAll reports whether p has role, or more, for everything in a scope.
func (p Principal) MayAll(role Role, scope resource.Selector) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Role >= role && covers(g.Scope, scope) })
}

// MayAny reports whether p has role, or more, for anything.
func (p Principal) MayAny(role Role) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Role >= role })
}

// covers reports whether whatever is in the scope b is in a.
func covers(a, b resource.Selector) bool {
	within := func(a, b string) bool { return a == "" || a == b }
	return within(a.Organization, b.Organization) && within(a.Project, b.Project) &&
		within(a.Agent, b.Agent) && within(a.Environment, b.Environment)
}

// key is the key of a principal in a context.
type key struct{}

// With returns a context that says who asks.
func With(ctx context.Context, p Principal) context.Context { return context.WithValue(ctx, key{}, p) }

// From returns who asks; the zero Principal may do nothing.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(key{}).(Principal)
	return p
}
