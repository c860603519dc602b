package desk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// many is how many bindings the benchmarks have.
const many = 10_000

// crowded is a scene with many bindings in a file, half of them in each of two
// environments.
func crowded(b *testing.B) *desktest.Scene {
	b.Helper()
	s := desktest.New(b)
	store, err := inventory.Open(context.Background(), "sqlite://"+b.TempDir()+"/inventory.db", inventory.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	s.Store, s.Desk.Store, s.Engine.Store = store, store, store
	var agents []schema.Agent
	for i := range many / 2 {
		agents = append(agents, desktest.Agent("acme", fmt.Sprintf("p%d", i%50), fmt.Sprintf("agent-%d", i), schema.SchemeOAuth2, "mobile-app"))
	}
	s.Push(agents...)
	st, err := s.Engine.Newest(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	proof := &resource.Proof{At: time.Now().UTC(), OK: true}
	for _, name := range []string{"client own: token", "client own: issuer", "client own: audience", "without a token", "with a token"} {
		proof.Checks = append(proof.Checks, resource.Check{Name: name, Want: "401", Got: "401", OK: true})
	}
	var rows []inventory.Binding
	for i, w := range st.Set.Bindings {
		row := inventory.Binding{
			Binding: w.Binding, Enabled: true, Scheme: w.Scheme, ClientID: w.Binding.ClientID("own"), Status: inventory.Converged,
			Revision: st.Revision.Hash, DesiredHash: w.Hash, LastProof: proof, SpecFile: w.Position.File, Endpoint: "http://gw.test/" + w.Binding.Agent,
		}
		for _, c := range []string{"mobile-app", "own", "test"} {
			row.Clients = append(row.Clients, inventory.Client{Name: c, ClientID: w.Binding.ClientID(c), CredentialPath: "secret/agents/" + w.Binding.Identity()})
		}
		if i%20 == 0 {
			row.Status, row.Class, row.Reason = inventory.Waiting, fault.Waiting, "NoTrait"
			row.Message, row.Hint = "the release holds no trait instance", "release the agent again"
		}
		rows = append(rows, row)
	}
	if err := store.SaveBindings(context.Background(), rows); err != nil {
		b.Fatal(err)
	}
	if err := store.SetMeta(context.Background(), "revision", st.Revision.Hash); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkOverview has 10 000 bindings in SQLite; the limit is 200 ms.
func BenchmarkOverview(b *testing.B) {
	s := crowded(b)
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
	s := crowded(b)
	for b.Loop() {
		if _, err := s.Store.Pulse(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
