package desktest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Crowd is a scene with n bindings in a file of SQLite, half of them in each of
// two environments, and one in twenty waiting.
func Crowd(tb testing.TB, n int) *Scene {
	tb.Helper()
	s := New(tb)
	store, err := inventory.Open(context.Background(), "sqlite://"+tb.TempDir()+"/inventory.db", inventory.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	s.Store, s.Desk.Store, s.Engine.Store = store, store, store
	var agents []schema.Agent
	for i := range n / 2 {
		agents = append(agents, Agent("acme", fmt.Sprintf("p%d", i%50), fmt.Sprintf("agent-%d", i), schema.SchemeOAuth2, "mobile-app"))
	}
	s.Push(agents...)
	st, err := s.Engine.Newest(context.Background())
	if err != nil {
		tb.Fatal(err)
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
		tb.Fatal(err)
	}
	if err := store.SetMeta(context.Background(), "revision", st.Revision.Hash); err != nil {
		tb.Fatal(err)
	}
	return s
}
