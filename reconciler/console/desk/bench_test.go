package desk_test

import (
	"context"
	"testing"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// many is how many bindings the benchmarks have.
const many = 10_000

// BenchmarkOverview has 10 000 bindings in SQLite; the limit is 200 ms.
func BenchmarkOverview(b *testing.B) {
	s := desktest.Crowd(b, many)
	limited := access.Principal{Subject: "x", Grants: []access.Grant{
		{Role: access.Viewer, Scope: resource.Selector{Organization: "acme", Project: "p7"}},
		{Role: access.Developer, Scope: resource.Selector{Organization: "acme", Project: "p8", Environment: "production"}},
	}}
	for _, c := range []struct {
		name string
		who  access.Principal
		q    desk.Query
	}{
		{"first page", desktest.Admin, desk.Query{}},
		{"last page by proof", desktest.Admin, desk.Query{Sort: "proof", Descending: true, Offset: many - 50}},
		{"search", desktest.Admin, desk.Query{Search: "agent-4711"}},
		{"waiting", desktest.Admin, desk.Query{Filter: inventory.Filter{Status: inventory.Waiting}, Limit: desk.MaxLimit}},
		{"limited", limited, desk.Query{}},
		{"after a push", desktest.Admin, desk.Query{}},
	} {
		if c.name == "after a push" {
			// Whether it was carried out is asked of every binding.
			if err := s.Store.SetMeta(context.Background(), "revision", "older"); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				o, err := s.Desk.Overview(b.Context(), c.who, c.q)
				if err != nil || len(o.Rows) == 0 {
					b.Fatal(len(o.Rows), err)
				}
			}
		})
	}
}

// BenchmarkPulse is what watching costs, once a second.
func BenchmarkPulse(b *testing.B) {
	s := desktest.Crowd(b, many)
	for b.Loop() {
		if _, err := s.Store.Pulse(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
