package loop_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

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
