package desk_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// names are the bindings of an overview.
func names(o desk.Overview) []string {
	out := []string{}
	for _, r := range o.Rows {
		out = append(out, r.Binding.Binding.String())
	}
	return out
}

func TestOverview(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	const booking, open, till = "acme/travel/booking@", "acme/travel/open@", "other/shop/till@"
	tests := map[string]struct {
		who    access.Principal
		query  desk.Query
		want   []string
		total  int
		reason string
	}{
		"all": {
			desktest.Admin, desk.Query{},
			[]string{booking + "development", booking + "production", open + "development", open + "production", till + "development", till + "production"},
			6, "by name, without the probe's",
		},
		"of one organization": {
			desktest.Stranger, desk.Query{}, []string{till + "development", till + "production"}, 2, "who may see no more",
		},
		"second page": {desktest.Admin, desk.Query{Offset: 2, Limit: 2}, []string{open + "development", open + "production"}, 6, "the total is of all"},
		"by environment, descending": {
			desktest.Developer, desk.Query{Sort: "environment", Descending: true, Limit: 3},
			[]string{booking + "production", open + "production", booking + "development"}, 4, "what is equal stands by name",
		},
		"by scheme":          {desktest.Developer, desk.Query{Sort: "scheme", Limit: 1}, []string{open + "development"}, 4, "none before oauth2"},
		"by proof":           {desktest.Developer, desk.Query{Sort: "proof", Limit: 4, Filter: inventory.Filter{Agent: "open", Environment: "production"}}, []string{open + "production"}, 1, "any order is an answer"},
		"filtered":           {desktest.Admin, desk.Query{Filter: inventory.Filter{Environment: "production"}, Scheme: schema.SchemeNone}, []string{open + "production"}, 1, "both conditions hold"},
		"search identity":    {desktest.Admin, desk.Query{Search: "TRAVEL/Boo"}, []string{booking + "development", booking + "production"}, 2, "in any case"},
		"search client id":   {desktest.Admin, desk.Query{Search: "production_mobile"}, []string{booking + "production"}, 1, "a consumer's client id counts"},
		"search a wild card": {desktest.Admin, desk.Query{Search: "%"}, []string{}, 0, "it is a character like any other"},
		"search elsewhere":   {desktest.Stranger, desk.Query{Search: "booking"}, []string{}, 0, "what they may not see is not found"},
		"status":             {desktest.Admin, desk.Query{Filter: inventory.Filter{Status: inventory.Stalled}}, []string{}, 0, "nothing stalls"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := s.Desk.Overview(t.Context(), tt.who, tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, names(got)); diff != "" || got.Total != tt.total {
				t.Errorf("%s: total %d, want %d; -want +got\n%s", tt.reason, got.Total, tt.total, diff)
			}
		})
	}
}

func TestOverviewInvalid(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	for field, q := range map[string]desk.Query{
		"sort": {Sort: "agent; DROP TABLE bindings"}, "limit": {Limit: desk.MaxLimit + 1}, "offset": {Offset: -1},
		"search": {Search: string(make([]byte, 300))},
	} {
		var wrong *desk.InvalidError
		if _, err := s.Desk.Overview(t.Context(), desktest.Admin, q); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestOverviewCounts(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	row, _, err := s.Store.Binding(t.Context(), desktest.Booking)
	if err != nil {
		t.Fatal(err)
	}
	row.Status, row.Class, row.Reason, row.Message, row.Hint = inventory.Waiting, fault.Waiting, "NoTrait", "it lacks a trait", "add it"
	if err := s.Store.SaveBindings(t.Context(), []inventory.Binding{row}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Desk.Overview(t.Context(), desktest.Developer, desk.Query{Search: "nothing at all"})
	if err != nil {
		t.Fatal(err)
	}
	want := []desk.Count{
		{Environment: "development", Total: 2, ByStatus: map[inventory.Status]int{inventory.Converged: 2}},
		{Environment: "production", Total: 2, ByStatus: map[inventory.Status]int{inventory.Converged: 1, inventory.Waiting: 1}},
	}
	if diff := cmp.Diff(want, got.Environments); diff != "" {
		t.Errorf("counts, whatever the query: -want +got\n%s", diff)
	}
	waits := []desk.Wait{{
		Status: inventory.Waiting, Reason: "NoTrait", Message: "it lacks a trait", Hint: "add it", Count: 1, Example: desktest.Booking,
	}}
	if diff := cmp.Diff(waits, got.Waits); diff != "" {
		t.Errorf("waits: -want +got\n%s", diff)
	}
	other, err := s.Desk.Overview(t.Context(), desktest.Stranger, desk.Query{})
	if err != nil || len(other.Waits) > 0 || other.Environments[0].Total != 1 {
		t.Errorf("a stranger sees %+v, %v", other, err)
	}
}

// TestRevisions follows a push: it is coming until it is carried out, though
// only a pass over all bindings leaves a note of it.
func TestRevisions(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	look := func() desk.Overview {
		t.Helper()
		o, err := s.Desk.Overview(t.Context(), desktest.Admin, desk.Query{})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := look(); o.Running == nil || o.Running.Subject != "change 1" || o.Coming != nil {
		t.Fatalf("applied: running %+v, coming %+v", o.Running, o.Coming)
	}
	s.Later(time.Minute)
	s.Push(desktest.Agent("acme", "travel", "booking", schema.SchemeOAuth2), desktest.Agent("other", "shop", "till", schema.SchemeOAuth2))
	if o := look(); o.Running.Subject != "change 1" || o.Coming == nil || o.Coming.Subject != "change 2" {
		t.Fatalf("pushed: running %+v, coming %+v", o.Running, o.Coming)
	}
	s.Apply()
	if err := s.Store.SetMeta(t.Context(), "revision", "older"); err != nil {
		t.Fatal(err)
	}
	if o := look(); o.Running.Subject != "change 2" || o.Coming != nil {
		t.Errorf("carried out without a note: running %+v, coming %+v", o.Running, o.Coming)
	}
}

func TestSuspensions(t *testing.T) {
	t.Parallel()
	s := desktest.New(t)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	held := desktest.Agent("acme", "travel", "booking", schema.SchemeOAuth2)
	held.Environments[1].Suspend = &schema.Suspend{Reason: "by its spec", Until: until}
	s.Push(held, desktest.Agent("other", "shop", "till", schema.SchemeOAuth2))
	for _, scope := range []resource.Selector{{Organization: "other"}, {Environment: "development"}} {
		if err := s.Desk.Suspend(t.Context(), desktest.Admin, scope, "freeze", until); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Desk.Suspensions(t.Context(), desktest.Developer)
	if err != nil {
		t.Fatal(err)
	}
	var scopes []string
	for _, h := range got {
		scopes = append(scopes, h.Author+" "+h.Scope.String())
	}
	if want := []string{"ada @development", " acme/travel/booking@production"}; !slices.Equal(scopes, want) {
		t.Errorf("a developer of acme/travel sees %q, want %q", scopes, want)
	}
	d, err := s.Desk.Detail(t.Context(), desktest.Developer, desktest.Booking)
	if err != nil || d.Suspended == nil || d.Suspended.Reason != "by its spec" || d.Status != inventory.Pending {
		t.Errorf("detail: %+v, %v", d.Row, err)
	}
}

func TestDetail(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	if _, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "mobile-app", 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Desk.Rotate(t.Context(), desktest.Developer, desktest.Booking, "test", desk.RotateOptions{Reason: "old"}); err != nil {
		t.Fatal(err)
	}
	d, err := s.Desk.Detail(t.Context(), desktest.Developer, desktest.Booking)
	if err != nil {
		t.Fatal(err)
	}
	var consumers []string
	for _, c := range d.Consumers {
		consumers = append(consumers, c.Name+" "+c.RevealedTo)
		if !c.Wanted || !c.Stands || c.CredentialPath != "secret/agents/acme/travel/booking/production/"+c.Name {
			t.Errorf("consumer %+v", c)
		}
	}
	if want := []string{"own ", "test ", "mobile-app dev"}; !slices.Equal(consumers, want) {
		t.Errorf("consumers %q, want %q", consumers, want)
	}
	if want := []string{"development", "production"}; !slices.Equal(d.Environments, want) {
		t.Errorf("environments %q, want %q", d.Environments, want)
	}
	if d.Authentication == nil || d.File != "acme/booking.cue" || len(d.Rotations) != 1 || d.Audience != desktest.Booking.Audience() ||
		d.May != (desk.May{Try: true, Edit: true, Reveal: true}) {
		t.Errorf("detail %+v", d)
	}
	limited := access.Principal{Subject: "x", Grants: []access.Grant{{Role: access.Viewer, Scope: resource.Selector{Environment: "production"}}}}
	if d, err = s.Desk.Detail(t.Context(), limited, desktest.Booking); err != nil || !slices.Equal(d.Environments, []string{"production"}) || d.May != (desk.May{}) {
		t.Errorf("as somebody of production alone: %v %v %v", d.Environments, d.May, err)
	}
}

func TestPending(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	s.World.Remove(resource.ID{Kind: resource.KindClient, Binding: desktest.Booking, Name: "own"})
	p, err := s.Desk.Pending(t.Context(), desktest.Viewer, desktest.Booking)
	if err != nil || p.Empty || len(p.Plan.Steps) != 1 || p.Plan.Installation != "test" {
		t.Errorf("%+v, %v", p, err)
	}
	before := s.World.Count()
	for who, want := range map[*access.Principal]int{&desktest.Developer: 1, &desktest.Stranger: 0, &desktest.Admin: 1} {
		all, err := s.Desk.PlanAt(t.Context(), *who, "", resource.Selector{})
		if err != nil || len(all.Plan.Steps) != want {
			t.Errorf("as %s: %+v, %v, want %d steps", who.Subject, all.Plan, err, want)
		}
	}
	if after := s.World.Count(); after != before {
		t.Errorf("%d effects of looking", after-before)
	}
	if _, err := s.Desk.PlanAt(t.Context(), desktest.Admin, "--upload-pack=x", resource.Selector{}); !errors.As(err, new(*desk.InvalidError)) {
		t.Errorf("a revision that is an option: %v", err)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	ctx := context.Background()
	for _, call := range []func() error{
		func() error {
			_, err := s.Desk.Token(ctx, desktest.Stranger, desktest.Binding("other", "shop", "till"), "")
			return err
		},
		func() error {
			_, err := s.Desk.Token(ctx, desktest.Developer, desktest.Booking, "mobile-app")
			return err
		},
		func() error { return s.Desk.Sync(ctx, desktest.Developer) },
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	for who, want := range map[*access.Principal][]string{
		&desktest.Admin:     {"dev sync", "dev test-token", "sam test-token"},
		&desktest.Viewer:    {"dev test-token"},
		&desktest.Developer: {"dev test-token"},
		&desktest.Stranger:  {"sam test-token"},
	} {
		events, err := s.Desk.Audit(ctx, *who, inventory.EventFilter{})
		got := []string{}
		for _, e := range events {
			got = append(got, e.Actor+" "+e.Action)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("as %s: %q, %v, want %q", who.Subject, got, err, want)
		}
	}
	runs, err := s.Desk.Runs(ctx, desktest.Stranger, inventory.RunFilter{})
	if err != nil || len(runs) != 1 || runs[0].Result.Message != "" {
		t.Errorf("runs of a stranger: %+v, %v", runs, err)
	}
}
