package loop_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

func TestApplyConvergesAndProves(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeNone))
	_, report := s.apply()
	if len(report.Errors) > 0 || report.Failed > 0 {
		t.Fatalf("got %+v", report)
	}
	row := s.row("booking")
	if row.Status != inventory.Converged || row.LastProof == nil || !row.LastProof.OK || len(row.LastProof.Checks) != 6 {
		t.Errorf("booking: got %+v", row)
	}
	if row.ClientID != "acme_travel_booking_production" || row.CredentialPath != "secret/agents/acme/travel/booking/production/own" {
		t.Errorf("the row lacks what a consumer needs: %+v", row)
	}
	before := s.world.Count()
	if p, _ := s.apply(); !p.Empty() || s.world.Count() != before {
		t.Errorf("a second apply does something: %s", p.Counts())
	}
}

// TestAThousandPassesWriteNothing: a world that has converged stays as it is,
// however often it is looked at; not even a credential gets a new version.
func TestAThousandPassesWriteNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeNone))
	s.apply()
	before, row := s.world.Count(), s.row("booking")
	for pass := range 1000 {
		p, report := s.apply()
		if !p.Empty() || len(report.Outcomes) > 0 || s.world.Count() != before {
			t.Fatalf("pass %d does something: %s, %+v", pass, p.Counts(), report)
		}
	}
	if diff := cmp.Diff(row, s.row("booking")); diff != "" {
		t.Errorf("what is recorded of booking changed, -before +after:\n%s", diff)
	}
}

func TestDisabledAndVanishedDiffer(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.apply()
	s.push(agent("booking", schema.SchemeNone))
	if _, report := s.apply(); len(report.Errors) > 0 {
		t.Fatalf("got %v", report.Errors)
	}
	if got := s.world.Look(resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}); got.State.Endpoint.Scheme != schema.SchemeNone {
		t.Error("the spec says none and the endpoint does not")
	}
	if got := s.world.Look(resource.ID{Kind: resource.KindEndpoint, Binding: binding("search")}); got.State.Endpoint.Scheme != schema.SchemeOAuth2 {
		t.Error("a vanished spec opened an endpoint")
	}
	for _, name := range []string{"booking", "search"} {
		if s.world.Look(resource.ID{Kind: resource.KindClient, Binding: binding(name), Name: resource.ClientOwn}) != nil {
			t.Errorf("the client of %s was not pruned", name)
		}
	}
	if got := s.row("search").Status; got != inventory.Locked {
		t.Errorf("a vanished spec is %q, want locked", got)
	}
}

func TestNothingVanishesBySomethingElse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reason string
		change func(*scene)
	}{
		"a broken file": {
			"an agent is gone only at a revision that loads whole", func(s *scene) { s.broken = true; s.push(agent("search", schema.SchemeOAuth2)) },
		},
		"an empty repository": {"it is more likely a mistake", func(s *scene) { s.push() }},
		"a force-push": {
			"unrelated history says nothing about what is meant", func(s *scene) { s.descends = false; s.push(agent("search", schema.SchemeOAuth2)) },
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{})
			s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
			s.apply()
			tc.change(s)
			p := s.plan()
			for _, st := range p.Steps {
				if st.Action.Effectful() {
					t.Errorf("%s: %s %s", tc.reason, st.Action, st.ID)
				}
			}
			if p.Counts().Skip == 0 {
				t.Error("what is held back is not shown")
			}
			// A pass that held something back is no precedent for the next one.
			before := s.world.Count()
			s.apply()
			s.apply()
			if s.world.Count() != before {
				t.Errorf("%s: the second pass did what the first one held back", tc.reason)
			}
			s.engine.Options.AllowMassChange = true
			if s.broken {
				return // nothing lifts this one
			}
			if p := s.plan(); p.Counts().Delete == 0 {
				t.Error("--allow-mass-change does not lift it")
			}
		})
	}
}

func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.apply()
	store, err := inventory.Open(t.Context(), "sqlite::memory:", inventory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s.engine.Store, s.store = store, store
	before := s.world.Count()
	s.push(agent("booking", schema.SchemeOAuth2))
	p, _ := s.apply()
	if s.world.Count() != before {
		t.Errorf("a lost database changed something: %s", p.Counts())
	}
	owned, err := store.Owned(t.Context(), "production")
	if err != nil || len(owned) < 6 {
		t.Errorf("ownership was not rebuilt from marks: %v, %v", owned, err)
	}
}

func TestUnknownOutcomeIsObserved(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	var struck atomic.Bool
	s.world.Fail = func(st plan.Step, after bool) error {
		if after && st.ID.Kind == resource.KindClient && struck.CompareAndSwap(false, true) {
			return fault.New(fault.Unknown, "LostAnswer", "the connection ended")
		}
		return nil
	}
	s.push(agent("booking", schema.SchemeOAuth2))
	if _, report := s.apply(); len(report.Errors) > 0 {
		t.Errorf("got %v", report.Errors)
	}
	creates := 0
	for _, st := range s.world.Steps {
		if st.ID.Kind == resource.KindClient && st.ID.Binding == binding("booking") {
			creates++
		}
	}
	if creates != 1 {
		t.Errorf("the client was made %d times", creates)
	}
}

// daemon runs the engine until the test ends.
func (s *scene) daemon() {
	s.t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.engine.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel(errors.New("the test ended"))
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			s.t.Error("the daemon does not stop")
		}
	})
}
func TestSuspended(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	a := agent("booking", schema.SchemeOAuth2)
	a.Suspend = &schema.Suspend{Reason: "incident 12", Until: time.Now().Add(time.Hour)}
	s.push(a)
	s.apply()
	if row := s.row("booking"); row.Status != inventory.Suspended || row.SuspendReason != "incident 12" {
		t.Errorf("got %+v", row)
	}
	if s.world.Look(resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}) != nil {
		t.Error("a suspended binding was changed")
	}
	s.engine.Options.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	s.apply()
	if row := s.row("booking"); row.Status != inventory.Converged {
		t.Errorf("a suspension does not end by itself: %+v", row)
	}
}

func TestDriftIsOnlyReported(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: 10 * time.Millisecond})
	s.engine.Environments[0].ReportDrift = true
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	if row := s.row("booking"); row.Status != inventory.Converged {
		t.Fatalf("reporting drift keeps a new spec from being applied: %+v", row)
	}
	// With the identity provider away the status is another; what is drift is not.
	s.world.Down[resource.KindClient] = true
	s.apply()
	endpoint := resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}
	stood := s.world.Look(endpoint)
	s.world.Remove(endpoint)
	if s.apply(); s.world.Look(endpoint) != nil {
		t.Fatal("an endpoint was restored though drift is only to be reported")
	}
	s.world.Down, s.world.Things[endpoint] = map[resource.Kind]bool{}, stood
	s.apply()
	client := resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}
	s.world.Remove(client)
	for range 2 {
		s.apply()
		if s.world.Look(client) != nil {
			t.Fatal("drift was repaired though it is only to be reported")
		}
		if row := s.row("booking"); row.Status != inventory.Stalled || row.Reason != "Drift" {
			t.Errorf("drift is not reported: %+v", row)
		}
	}
	changed := agent("booking", schema.SchemeOAuth2)
	changed.Environments[0].Authentication.Header = "X-Token"
	s.push(changed)
	s.apply()
	if s.world.Look(client) == nil {
		t.Error("a change of the spec is not applied after drift")
	}
}

// TestDriftIsMetAsTheSpecSays: what the spec says of the environment goes before
// what it says of the agent, and that before the configuration.
func TestDriftIsMetAsTheSpecSays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environment, agent schema.Drift
		configured         bool
		reported           bool
	}{
		"nobody says":                     {"", "", false, false},
		"the configuration":               {"", "", true, true},
		"the agent":                       {"", schema.DriftReport, false, true},
		"the agent, not the installation": {"", schema.DriftRepair, true, false},
		"the environment, not the agent":  {schema.DriftRepair, schema.DriftReport, true, false},
		"the environment":                 {schema.DriftReport, schema.DriftRepair, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: 10 * time.Millisecond})
			s.engine.Environments[0].ReportDrift = tc.configured
			s.push(agent("booking", schema.SchemeOAuth2))
			s.apply()
			client := resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}
			s.world.Remove(client)
			// It is too late for the drift that is there only if the spec changes.
			told := agent("booking", schema.SchemeOAuth2)
			told.Drift, told.Environments[0].Drift = tc.agent, tc.environment
			s.push(told)
			p, _ := s.apply()
			if got := s.world.Look(client) == nil; got != tc.reported {
				t.Errorf("only reported: %v, want %v", got, tc.reported)
			}
			if i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == client }); !p.Steps[i].Drift {
				t.Errorf("the plan does not call it drift: %+v", p.Steps[i])
			}
		})
	}
}

// TestDriftIsLoggedFieldByField when it is repaired, without a secret.
func TestDriftIsLoggedFieldByField(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	var log strings.Builder
	s.engine.Log = slog.New(slog.NewTextHandler(&log, nil))
	endpoint := s.world.Things[resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}]
	meddled := *endpoint.State.Endpoint
	meddled.Header = "X-Token"
	endpoint.State.Endpoint = &meddled
	credential := resource.ID{Kind: resource.KindCredential, Binding: binding("booking"), Name: resource.ClientOwn}
	s.world.Overwrite(credential, resource.NewSecret("a stranger's"))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.world.Things[credential].Since = at
	p, _ := s.apply()
	for _, step := range p.Steps {
		if step.Drift && !step.Since.IsZero() != (step.ID == credential) || step.ID == credential && !step.Since.Equal(at) {
			t.Errorf("%s is drift since %v: only the target of the credential knows, and says %v", step.ID, step.Since, at)
		}
	}
	for _, want := range []string{
		`since=2026-01-02T03:04:05.000Z`,
		`drift="header was \"X-Token\", is \"Authorization\" again"`, `drift="client_secret was \"***\", is \"***\" again"`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
}

func TestUnreadMarksAreReadAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.world.Undiscoverable = true
	s.apply()
	if _, known, err := s.store.Meta(t.Context(), "discovered:production"); known || err != nil {
		t.Errorf("marks count as read though they could not be: %v", err)
	}
	s.world.Undiscoverable = false
	s.apply()
	if _, known, err := s.store.Meta(t.Context(), "discovered:production"); !known || err != nil {
		t.Errorf("marks were not read again: %v", err)
	}
}
