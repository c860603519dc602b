package inventory_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// listed are bindings to be listed, some of them waiting.
func listed(t *testing.T, s *inventory.Store) {
	t.Helper()
	var rows []inventory.Binding
	for i, name := range []string{"acme/travel/booking@production", "acme/travel/booking@staging", "acme/shop/till@production", "other/travel/search@production"} {
		b, err := resource.ParseBinding(name)
		if err != nil {
			t.Fatal(err)
		}
		row := inventory.Binding{
			Binding: b, Scheme: schema.SchemeOAuth2, Status: inventory.Converged, ClientID: b.ClientID("own"), DesiredHash: b.Agent,
			LastProof: &resource.Proof{At: time.Unix(int64(1000-i), 0).UTC(), OK: i != 2},
			Clients:   []inventory.Client{{Name: "own", ClientID: b.ClientID("own")}, {Name: "x-1", ClientID: b.ClientID("x-1")}},
		}
		if b.Environment == "production" && b.Agent != "till" {
			row.Status, row.Class, row.Reason, row.Message = inventory.Waiting, fault.Waiting, "NoTrait", "it lacks one"
		}
		rows = append(rows, row)
	}
	if err := s.SaveBindings(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

func selectors(t *testing.T, texts ...string) []resource.Selector {
	t.Helper()
	out := []resource.Selector{}
	for _, text := range texts {
		s, err := resource.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func TestPage(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		listed(t, s)
		const till, production, staging, search = "acme/shop/till@production", "acme/travel/booking@production", "acme/travel/booking@staging", "other/travel/search@production"
		tests := map[string]struct {
			page  inventory.Page
			want  []string
			total int
		}{
			"all":            {inventory.Page{}, []string{till, production, staging, search}, 4},
			"within one":     {inventory.Page{Bounds: inventory.Bounds{Within: selectors(t, "acme/travel")}}, []string{production, staging}, 2},
			"within two":     {inventory.Page{Bounds: inventory.Bounds{Within: selectors(t, "acme/travel@staging", "other")}}, []string{staging, search}, 2},
			"within nothing": {inventory.Page{Bounds: inventory.Bounds{Within: selectors(t)}}, []string{}, 0},
			"without":        {inventory.Page{Bounds: inventory.Bounds{Without: selectors(t, "acme/travel", "@staging")}}, []string{till, search}, 2},
			"of a status":    {inventory.Page{Filter: inventory.Filter{Status: inventory.Waiting}}, []string{production, search}, 2},
			"of a scheme":    {inventory.Page{Scheme: schema.SchemeNone}, []string{}, 0},
			"identity":       {inventory.Page{Search: "Travel/"}, []string{production, staging, search}, 3},
			"environment":    {inventory.Page{Search: "@STAG"}, []string{staging}, 1},
			"client id":      {inventory.Page{Search: "search_production_x-1"}, []string{search}, 1},
			"an underscore":  {inventory.Page{Search: "acme_shop"}, []string{till}, 1},
			"a wild card":    {inventory.Page{Search: "a%e"}, []string{}, 0},
			"a quote":        {inventory.Page{Search: `'"\`}, []string{}, 0},
			"by environment": {inventory.Page{Sort: "environment", Descending: true}, []string{staging, till, production, search}, 4},
			"by proof":       {inventory.Page{Sort: "proof"}, []string{till, search, staging, production}, 4},
			"by status":      {inventory.Page{Sort: "status", Limit: 3}, []string{till, staging, production}, 4},
			"second page":    {inventory.Page{Offset: 1, Limit: 2}, []string{production, staging}, 4},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				rows, total, err := s.Page(t.Context(), tt.page)
				if err != nil {
					t.Fatal(err)
				}
				got := []string{}
				for _, r := range rows {
					got = append(got, r.Binding.String())
					if len(r.Clients) != 2 || r.Clients[1].ClientID != r.Binding.ClientID("x-1") {
						t.Errorf("clients of %s: %+v", r.Binding, r.Clients)
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || total != tt.total {
					t.Errorf("total %d, want %d; -want +got\n%s", total, tt.total, diff)
				}
			})
		}
		if _, _, err := s.Page(t.Context(), inventory.Page{Sort: "agent; DROP TABLE bindings"}); err == nil {
			t.Error("a sort that there is not is taken")
		}
	})
}

func TestTally(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		listed(t, s)
		got, err := s.Tally(t.Context(), inventory.Bounds{Within: selectors(t, "acme", "other@production")})
		if err != nil {
			t.Fatal(err)
		}
		booking := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
		till := resource.Binding{Organization: "acme", Project: "shop", Agent: "till", Environment: "production"}
		staging := booking
		staging.Environment = "staging"
		want := []inventory.Tally{
			{Environment: "production", Status: inventory.Converged, Count: 1, Example: till},
			{Environment: "production", Status: inventory.Waiting, Reason: "NoTrait", Count: 2, Example: booking},
			{Environment: "staging", Status: inventory.Converged, Count: 1, Example: staging},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		standings, err := s.Standings(t.Context())
		if err != nil || len(standings) != 4 || standings[booking] != (inventory.Standing{Hash: "booking", Status: inventory.Waiting}) {
			t.Errorf("standings %+v, %v", standings, err)
		}
	})
}

func TestPulse(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		empty, err := s.Pulse(t.Context())
		if err != nil || empty != (inventory.Pulse{}) {
			t.Fatalf("of nothing: %+v, %v", empty, err)
		}
		listed(t, s)
		if err := s.Event(t.Context(), inventory.Event{Actor: "ada", Action: inventory.ActionSync}); err != nil {
			t.Fatal(err)
		}
		run, err := s.BeginRun(t.Context(), inventory.Run{Kind: inventory.Pass})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Pulse(t.Context())
		if err != nil || p.Bindings != 4 || p.Updated.IsZero() || p.Event == 0 || p.Run != run || !p.Ended.IsZero() {
			t.Errorf("%+v, %v", p, err)
		}
		if order, err := s.LastOrder(t.Context()); err != nil || order != p.Event {
			t.Errorf("the last order is %d, %v, want %d", order, err, p.Event)
		}
		changed, err := s.Changed(t.Context(), p.Updated.Add(-time.Second), 3)
		if err != nil || len(changed) != 3 {
			t.Errorf("changed %v, %v", changed, err)
		}
		if changed, err = s.Changed(t.Context(), p.Updated, 3); err != nil || len(changed) != 0 {
			t.Errorf("changed since %v, %v", changed, err)
		}
	})
}

// TestEventBounds: nobody sees the events of what they may not see.
func TestEventBounds(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		for _, scope := range selectors(t, "acme/travel/booking@production", "acme/travel", "acme", "acme-2/travel/booking@production", "@production", "*") {
			if err := s.Event(t.Context(), inventory.Event{Actor: "ada", Action: scope.String(), Binding: resource.Binding(scope)}); err != nil {
				t.Fatal(err)
			}
		}
		for within, want := range map[string][]string{
			"acme":                    {"acme", "acme/travel", "acme/travel/booking@production"},
			"acme/travel":             {"acme/travel", "acme/travel/booking@production"},
			"acme/travel@production":  {"acme/travel/booking@production"},
			"acme/travel/booking":     {"acme/travel/booking@production"},
			"@production":             {"@production", "acme-2/travel/booking@production", "acme/travel/booking@production"},
			"other":                   nil,
			"acme-2/travel@somewhere": nil,
		} {
			events, err := s.Events(t.Context(), inventory.EventFilter{Bounds: inventory.Bounds{Within: selectors(t, within)}})
			var got []string
			for _, e := range events {
				got = append(got, e.Action)
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("within %s: %v; -want +got\n%s", within, err, diff)
			}
		}
	})
}
