package inventory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// ignoreUpdated leaves out what the store sets itself.
var ignoreUpdated = cmpopts.IgnoreFields(inventory.Binding{}, "UpdatedAt")

var at = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func binding(org, project, agent, env string) resource.Binding {
	return resource.Binding{Organization: org, Project: project, Agent: agent, Environment: env}
}

// full is a binding with every field set.
func full(b resource.Binding) inventory.Binding {
	until := at.Add(time.Hour)
	return inventory.Binding{
		Binding: b, Enabled: true, Scheme: schema.SchemeOAuth2, ClientID: b.ClientID("own"),
		ApplicationID: resource.ApplicationID(b.ClientID("own")), CredentialPath: "secret/agents/x", Endpoint: "https://gw/x",
		Revision: "4c3f", Status: inventory.Failing, Class: fault.Transient, Reason: "TargetDown",
		Message: "it's \"down\" \\ ; -- ?", Hint: "wait", Deletion: schema.DeletionProtect, SuspendedUntil: &until,
		SuspendReason: "audit", SpecFile: "agents/booking.cue", SpecLine: 12, DesiredHash: "abcd",
		LastProof:   &resource.Proof{At: at, OK: true, Checks: []resource.Check{{Name: "no token", Want: "401", Got: "401", OK: true}}},
		ConvergedAt: at,
		Clients: []inventory.Client{
			{Name: "mobile", ClientID: b.ClientID("mobile"), ApplicationID: "id", CredentialPath: "p", CredentialVersion: "3"},
			{Name: "own", ClientID: b.ClientID("own")},
		},
	}
}

func TestBindings(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		a, b := full(binding("acme", "travel", "booking", "production")), inventory.Binding{Binding: binding("acme", "travel", "booking", "staging"), Status: inventory.Converged}
		c := inventory.Binding{Binding: binding("zeta", "a", "x", "production"), Status: inventory.Waiting}
		if err := s.SaveBindings(ctx, []inventory.Binding{c, b, a}); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			filter inventory.Filter
			want   []inventory.Binding
		}{
			"everything":        {inventory.Filter{}, []inventory.Binding{a, b, c}},
			"an environment":    {inventory.Filter{Environment: "production"}, []inventory.Binding{a, c}},
			"an organization":   {inventory.Filter{Organization: "acme"}, []inventory.Binding{a, b}},
			"a project":         {inventory.Filter{Project: "a"}, []inventory.Binding{c}},
			"an agent":          {inventory.Filter{Agent: "booking", Environment: "staging"}, []inventory.Binding{b}},
			"a status":          {inventory.Filter{Status: inventory.Failing}, []inventory.Binding{a}},
			"what is not there": {inventory.Filter{Agent: "boo"}, []inventory.Binding{}},
		} {
			got, err := s.Bindings(ctx, tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, ignoreUpdated); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if _, ok, err := s.Binding(ctx, binding("acme", "travel", "booking", "dev")); ok || err != nil {
			t.Errorf("Binding of an unknown one = %t, %v", ok, err)
		}
	})
}

func TestSaveBindingsWritesOnlyChanges(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		a, b := full(binding("acme", "travel", "a", "production")), full(binding("acme", "travel", "b", "production"))
		save := func(bs ...inventory.Binding) {
			t.Helper()
			if err := s.SaveBindings(ctx, bs); err != nil {
				t.Fatal(err)
			}
		}
		get := func(b resource.Binding) inventory.Binding {
			t.Helper()
			got, ok, err := s.Binding(ctx, b)
			if err != nil || !ok {
				t.Fatalf("Binding(%s) = %t, %v", b, ok, err)
			}
			return got
		}
		save(a, b)
		first := get(a.Binding)
		if first.UpdatedAt.IsZero() {
			t.Error("UpdatedAt is not set")
		}
		// What was read can be saved again, in another order of clients, and
		// nothing is written.
		again := first
		again.Clients = []inventory.Client{first.Clients[1], first.Clients[0]}
		b.Status, b.Clients = inventory.Converged, b.Clients[:1]
		save(again, b)
		if diff := cmp.Diff(first, get(a.Binding)); diff != "" {
			t.Errorf("unchanged binding (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(b, get(b.Binding), ignoreUpdated); diff != "" {
			t.Errorf("changed binding (-want +got):\n%s", diff)
		}
		// Of the same binding twice the last counts.
		one, two := a, a
		one.Message, two.Message = "one", "two"
		save(one, two)
		if got := get(a.Binding).Message; got != "two" {
			t.Errorf("message = %q, want that of the last", got)
		}
		none := a
		none.Clients = nil
		save(none)
		if got := get(a.Binding).Clients; len(got) != 0 {
			t.Errorf("clients = %v, want none", got)
		}
	})
}

func TestDeleteBindings(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		a, b := full(binding("acme", "travel", "a", "production")), full(binding("acme", "travel", "b", "production"))
		if err := s.SaveBindings(ctx, []inventory.Binding{a, b}); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteBindings(ctx, []resource.Binding{a.Binding, binding("no", "such", "one", "here")}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Bindings(ctx, inventory.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]inventory.Binding{b}, got, ignoreUpdated); diff != "" {
			t.Errorf("bindings (-want +got):\n%s", diff)
		}
		// Its clients went with it: a new one of the same name has none.
		a.Clients = nil
		if err := s.SaveBindings(ctx, []inventory.Binding{a}); err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.Binding(ctx, a.Binding); err != nil || len(got.Clients) != 0 {
			t.Errorf("clients of the new binding = %v, %v", got.Clients, err)
		}
	})
}

// TestHostileText stores what no database takes as it is.
func TestHostileText(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		for name, tt := range map[string]struct{ in, want string }{
			"NUL":           {"a\x00b", "a\uFFFDb"},
			"invalid UTF-8": {"a\xff\xfeb", "a\uFFFDb"},
			"quotes":        {`'; DROP TABLE bindings; --"`, `'; DROP TABLE bindings; --"`},
			"placeholders":  {"? ?0 $1 :a @b", "? ?0 $1 :a @b"},
			"backslash":     {`\' \x27 \\`, `\' \x27 \\`},
			"long":          {strings.Repeat("ä", 5000), strings.Repeat("ä", 2048) + "…"},
		} {
			b := inventory.Binding{Binding: binding("acme", "travel", "a", "production"), Message: tt.in, Status: inventory.Stalled}
			for range 2 {
				if err := s.SaveBindings(ctx, []inventory.Binding{b}); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got, _, err := s.Binding(ctx, b.Binding)
				if err != nil {
					t.Fatal(err)
				}
				if got.Message != tt.want {
					t.Errorf("%s: message = %q, want %q", name, got.Message, tt.want)
				}
				b = got
			}
		}
	})
}

// TestManyBindings crosses the bounds of one statement.
func TestManyBindings(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		many := make([]inventory.Binding, 300)
		for i := range many {
			many[i] = full(binding("acme", "travel", fmt.Sprintf("a%03d", i), "production"))
		}
		for round := range 2 {
			if err := s.SaveBindings(ctx, many); err != nil {
				t.Fatal(err)
			}
			got, err := s.Bindings(ctx, inventory.Filter{Environment: "production"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(many, got, ignoreUpdated); diff != "" {
				t.Fatalf("round %d (-want +got):\n%s", round, diff)
			}
			for i := range many {
				many[i].Status = inventory.Converged
			}
		}
	})
}
