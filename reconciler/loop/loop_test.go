package loop_test

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/gatewright/gatewright/reconciler/target"
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
	if row.Status != inventory.Converged || row.LastProof == nil || !row.LastProof.OK || len(row.LastProof.Checks) != 3 {
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

func TestDaemonFollowsPushes(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour})
	s.push(agent("booking", schema.SchemeNone))
	s.daemon()
	s.push(agent("booking", schema.SchemeOAuth2))
	eventually(t, "booking is protected and proved", func() bool {
		row := s.row("booking")
		return row.Status == inventory.Converged && row.Enabled && row.LastProof != nil && row.LastProof.OK
	})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	eventually(t, "search is protected", func() bool { return s.row("search").Status == inventory.Converged })
}

func TestDaemonRepairsDrift(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: 100 * time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.daemon()
	endpoint := resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}
	client := resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}
	credential := resource.ID{Kind: resource.KindCredential, Binding: binding("booking"), Name: resource.ClientOwn}
	eventually(t, "booking converges", func() bool { return s.row("booking").Status == inventory.Converged })
	s.world.Remove(endpoint)
	s.world.Remove(client)
	s.world.Overwrite(credential, resource.NewSecret("a stranger's"))
	eventually(t, "all three are repaired", func() bool {
		e, c, k := s.world.Look(endpoint), s.world.Look(client), s.world.Look(credential)
		return e != nil && c != nil && k.State.Credential.ClientSecret.Reveal() != "a stranger's" &&
			c.State.Client.SecretDigest == k.State.Credential.SecretDigest
	})
}

// told is a target that tells of what is sent to it.
type told chan resource.Binding

// Watch implements target.Watcher.
func (c told) Watch(ctx context.Context, look func(resource.Binding)) {
	for {
		select {
		case b := <-c:
			look(b)
		case <-ctx.Done():
			return
		}
	}
}

// TestDaemonLooksWhereATargetSaysSo: a change that a target tells of is
// repaired without waiting for the interval, and nothing else is looked at.
func TestDaemonLooksWhereATargetSaysSo(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour})
	tells := make(told)
	s.engine.Environments[0].Watched = append(s.engine.Environments[0].Watched, tells)
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.daemon()
	for _, name := range []string{"booking", "search"} {
		eventually(t, name+" converges", func() bool { return s.row(name).Status == inventory.Converged })
	}
	endpoint := func(name string) resource.ID { return resource.ID{Kind: resource.KindEndpoint, Binding: binding(name)} }
	s.world.Remove(endpoint("booking"))
	s.world.Remove(endpoint("search"))
	tells <- binding("unheard-of")
	tells <- binding("booking")
	eventually(t, "booking is repaired", func() bool { return s.world.Look(endpoint("booking")) != nil })
	if s.world.Look(endpoint("search")) != nil {
		t.Error("search was looked at though nobody said so")
	}
	runs, err := s.store.Runs(t.Context(), inventory.RunFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(runs, func(r inventory.Run) bool { return r.Trigger == "watch" }) {
		t.Errorf("no run is put down to the watch: %+v", runs)
	}
}

// slow is a target that does not answer a look at many until it is let.
type slow struct {
	target.Target
	asked, let chan struct{}
}

// Observe implements target.Observer.
func (s slow) Observe(ctx context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	if len(resources) > 2 {
		select {
		case s.asked <- struct{}{}:
		default:
		}
		<-s.let
	}
	return s.Target.Observe(ctx, resources)
}

// TestAPushDoesNotWaitForAPass: while a pass over all bindings goes on, a push
// takes effect, and the pass leaves what the push has changed alone.
func TestAPushDoesNotWaitForAPass(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: 100 * time.Millisecond})
	agents := []schema.Agent{agent("booking", schema.SchemeNone), agent("search", schema.SchemeOAuth2), agent("mail", schema.SchemeOAuth2)}
	env := s.engine.Environments[0]
	gate := slow{env.Targets[resource.KindEndpoint], make(chan struct{}, 1), make(chan struct{})}
	s.push(agents...)
	s.apply()
	env.Targets[resource.KindEndpoint] = gate
	s.daemon()
	gate.let <- struct{}{} // the first pass
	<-gate.asked
	<-gate.asked // the next one has begun
	agents[0] = agent("booking", schema.SchemeOAuth2)
	s.push(agents...)
	eventually(t, "booking is protected while the pass waits", func() bool {
		row := s.row("booking")
		return row.Status == inventory.Converged && row.Enabled && row.LastProof != nil && row.LastProof.OK
	})
	close(gate.let)
	eventually(t, "a pass for the newest revision ends", func() bool {
		last, _, err := s.store.Meta(context.Background(), "revision")
		return err == nil && last == "revision-0002"
	})
	if row := s.row("booking"); row.Status != inventory.Converged || !row.Enabled {
		t.Errorf("the older pass has overwritten booking: %+v", row)
	}
}

// TestAnOpenedEndpointIsClosedWhateverElseIsDown: an API that was protected and
// that somebody has opened does not stay open until the identity provider and
// the secret store are back; one that has never been protected does wait.
func TestAnOpenedEndpointIsClosedWhateverElseIsDown(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	endpoint := func(name string) resource.ID { return resource.ID{Kind: resource.KindEndpoint, Binding: binding(name)} }
	s.world.Down[resource.KindClient], s.world.Down[resource.KindCredential] = true, true
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	for range 2 { // as often as it is opened
		s.world.Remove(endpoint("booking"))
		p, _ := s.apply()
		if e := s.world.Look(endpoint("booking")); e == nil || e.State.Endpoint.Scheme != schema.SchemeOAuth2 {
			t.Fatalf("booking stays open: %+v", p.Of(binding("booking")))
		}
	}
	if s.world.Look(endpoint("search")) != nil {
		t.Error("search was closed though nobody has a key to it")
	}
	s.world.Down = map[resource.Kind]bool{}
	if _, report := s.apply(); len(report.Errors) > 0 {
		t.Errorf("it does not converge once all is back: %v", report.Errors)
	}
}

// mute is a target that stops answering.
type mute struct {
	target.Target
	silent *atomic.Bool
}

// Observe implements target.Observer.
func (m mute) Observe(ctx context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	if m.silent.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return m.Target.Observe(ctx, resources)
}

// TestAnOpenedEndpointIsClosedBeforeTheOthersAnswer: the gateway tells that
// somebody has opened an API while the identity provider hangs.
func TestAnOpenedEndpointIsClosedBeforeTheOthersAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour})
	env, tells := s.engine.Environments[0], make(told)
	hangs := mute{env.Targets[resource.KindClient], new(atomic.Bool)}
	env.Targets[resource.KindClient], env.Watched = hangs, append(env.Watched, tells)
	s.push(agent("booking", schema.SchemeOAuth2))
	s.daemon()
	eventually(t, "booking is protected and proved", func() bool {
		row := s.row("booking")
		return row.Status == inventory.Converged && row.LastProof != nil && row.LastProof.OK
	})
	hangs.silent.Store(true)
	endpoint := resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}
	s.world.Remove(endpoint)
	tells <- binding("booking")
	eventually(t, "booking is closed again", func() bool { return s.world.Look(endpoint) != nil })
}

func TestDaemonRetriesByItself(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour})
	var failures atomic.Int32
	s.world.Fail = func(st plan.Step, after bool) error {
		if !after && st.ID.Kind == resource.KindClient && failures.Add(1) <= 3 {
			return fault.New(fault.Transient, "Busy", "try again")
		}
		return nil
	}
	s.push(agent("booking", schema.SchemeOAuth2))
	s.daemon()
	eventually(t, "booking converges", func() bool { return s.row("booking").Status == inventory.Converged })
}

func TestDaemonHoldsMassChanges(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: 50 * time.Millisecond})
	var agents []schema.Agent
	for i := range 8 {
		agents = append(agents, agent(fmt.Sprintf("agent-%d", i), schema.SchemeOAuth2))
	}
	s.push(agents...)
	s.daemon()
	eventually(t, "all converge", func() bool {
		rows, err := s.store.Bindings(context.Background(), inventory.Filter{Status: inventory.Converged, Organization: "acme"})
		return err == nil && len(rows) == 8
	})
	s.push(agent("agent-0", schema.SchemeOAuth2), agent("newcomer", schema.SchemeOAuth2))
	eventually(t, "the newcomer converges though the rest is held back", func() bool { return s.row("newcomer").Status == inventory.Converged })
	eventually(t, "the held binding says why", func() bool {
		row := s.row("agent-7")
		return row.Status == inventory.Stalled && strings.Contains(row.Message, "more than 30 %")
	})
	if s.world.Look(resource.ID{Kind: resource.KindClient, Binding: binding("agent-7"), Name: resource.ClientOwn}) == nil {
		t.Error("a client was deleted though the guard held the plan")
	}
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
