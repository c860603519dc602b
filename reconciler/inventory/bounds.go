package inventory

import (
	"strings"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Bounds are what a query may be about at most: what somebody may see. The zero
// value is everything.
type Bounds struct {
	// Within are scopes of which one at least has to select a binding; nil means
	// everything, and an empty list nothing.
	Within []resource.Selector
	// Without are scopes that are left out.
	Without []resource.Selector
}

// on adds the conditions of b to a query of a table that has a column for each
// name of a binding.
func (b Bounds) on(q *bun.SelectQuery) *bun.SelectQuery { return b.add(q, byColumns) }

// onIdentity is on for a table that has identities.
func (b Bounds) onIdentity(q *bun.SelectQuery) *bun.SelectQuery { return b.add(q, byIdentity) }

// add adds the conditions of b, each scope as said by condition.
func (b Bounds) add(q *bun.SelectQuery, condition func(resource.Selector) (string, []any)) *bun.SelectQuery {
	if b.Within != nil {
		parts, args := []string{"1 = 0"}, []any(nil)
		for _, s := range b.Within {
			c, a := condition(s)
			parts, args = append(parts, c), append(args, a...)
		}
		q = q.Where("("+strings.Join(parts, " OR ")+")", args...)
	}
	for _, s := range b.Without {
		c, args := condition(s)
		q = q.Where("NOT ("+c+")", args...)
	}
	return q
}

// byColumns says in SQL that a scope selects a row.
func byColumns(s resource.Selector) (string, []any) {
	parts, args := []string{"1 = 1"}, []any(nil)
	for _, c := range []struct{ column, value string }{
		{"environment", s.Environment}, {"organization", s.Organization}, {"project", s.Project}, {"agent", s.Agent},
	} {
		if c.value != "" {
			parts, args = append(parts, c.column+" = ?"), append(args, c.value)
		}
	}
	return "(" + strings.Join(parts, " AND ") + ")", args
}

// byIdentity is byColumns for a table that has identities. Names hold neither %
// nor _.
func byIdentity(s resource.Selector) (string, []any) {
	parts, args := []string{"1 = 1"}, []any(nil)
	if s.Environment != "" {
		parts, args = append(parts, "environment = ?"), append(args, s.Environment)
	}
	if s.Organization != "" {
		pattern := part(s.Organization) + "/" + part(s.Project) + "/" + part(s.Agent)
		parts, args = append(parts, "identity LIKE ?"), append(args, pattern)
	}
	return "(" + strings.Join(parts, " AND ") + ")", args
}
