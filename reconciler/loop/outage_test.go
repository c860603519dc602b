package loop_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
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

// theClient, theCredential and theEndpoint are resources of an agent.
func theClient(agent, name string) resource.ID {
	return resource.ID{Kind: resource.KindClient, Binding: binding(agent), Name: name}
}

func theCredential(agent, name string) resource.ID {
	return resource.ID{Kind: resource.KindCredential, Binding: binding(agent), Name: name}
}

func theEndpoint(agent string) resource.ID {
	return resource.ID{Kind: resource.KindEndpoint, Binding: binding(agent)}
}

// secret is the stored secret of a client, or none.
func (s *scene) secret(agent, name string) resource.Secret {
	if c := s.world.Look(theCredential(agent, name)); c != nil {
		return c.State.Credential.ClientSecret
	}
	return resource.Secret{}
}

// A target that cannot be read does not cut what is too much in two halves that
// are not.
func TestGuardCountsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(several(0, 10)...)
	s.apply()
	s.push(several(6, 10)...)
	for _, down := range []bool{true, false} {
		s.world.Down[resource.KindCredential] = down
		p := s.plan()
		err := s.engine.Guard(t.Context(), p)
		if fault.ClassOf(err) != fault.Unsafe {
			t.Errorf("store down %v: let through: %v, %s", down, err, p.Counts())
		}
	}
	s.world.Down[resource.KindCredential], s.world.Down[resource.KindClient] = true, true
	if err := s.engine.Guard(t.Context(), s.plan()); err != nil {
		t.Errorf("nothing is taken and it is held back: %v", err)
	}
}

// A proof that comes due while nobody can be asked does not make an API that
// somebody opens then stay open.
func TestOutageForgetsNoProof(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(away.Close)
	for name, hinder := range map[string]func(*scene){
		"token endpoint": func(s *scene) { s.engine.Environments[0].Prover.TokenEndpoint = away.URL },
		"gateway":        func(s *scene) { s.world.URL = "http://127.0.0.1:1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: time.Millisecond})
			s.push(agent("booking", schema.SchemeOAuth2))
			s.apply()
			hinder(s)
			s.ahead(2 * time.Hour)
			if _, report := s.apply(); len(report.Errors) == 0 {
				t.Fatal("the proof passed")
			}
			s.world.Remove(theEndpoint("booking"))
			p, _ := s.apply()
			if s.world.Look(theEndpoint("booking")) == nil {
				t.Errorf("it stays open: %v", p.Of(binding("booking")))
			}
		})
	}
}

// An endpoint is not locked to a key manager that could not be written.
func TestKeyManagerThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	manager := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "production"}, Name: "ThunderKeyManager"}
	s.world.Things[manager].Owner = resource.OwnerUs
	s.world.Things[manager].State.KeyManager = &resource.KeyManager{Name: manager.Name, Issuer: "https://former.example"}
	s.world.Fail = func(step plan.Step, after bool) error {
		if !after && step.ID == manager {
			return fault.New(fault.Stalled, "Forbidden", "may not write it")
		}
		return nil
	}
	s.push(agent("booking", schema.SchemeOAuth2))
	_, report := s.apply()
	if s.world.Look(theEndpoint("booking")) != nil {
		t.Error("it is locked")
	}
	if err := report.Errors[binding("booking")]; fault.ClassOf(err) != fault.Waiting {
		t.Errorf("it is told %v", err)
	}
	s.world.Fail = nil
	s.apply()
	if s.world.Look(theEndpoint("booking")) == nil {
		t.Error("it is not locked once the key manager can be written")
	}
}

// A history that the applied revision is no part of is not taken for applied
// because nothing could be read when it came.
func TestForcePushWhileNothingCanBeRead(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.apply()
	s.descends = false
	s.push(agent("search", schema.SchemeOAuth2))
	for _, down := range []bool{true, false} {
		s.world.Down[resource.KindClient], s.world.Down[resource.KindCredential] = down, down
		s.apply()
	}
	if s.world.Look(theClient("booking", resource.ClientOwn)) == nil {
		t.Error("it is pruned")
	}
}

// One that takes nothing away counts as applied, whatever can be read.
func TestForcePushThatTakesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	s.descends = false
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.apply()
	s.descends = true
	s.push(agent("search", schema.SchemeOAuth2))
	s.apply()
	if s.world.Look(theClient("booking", resource.ClientOwn)) != nil {
		t.Error("it is not pruned")
	}
}

// Drift that is only to be reported stays so, whatever kept the binding from
// being converged meanwhile.
func TestDriftIsReportedAfterwards(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(s *scene, drift func()){
		"an outage": func(s *scene, drift func()) {
			drift()
			s.apply()
			s.world.Down[resource.KindClient] = true
			s.apply()
			s.world.Down[resource.KindClient] = false
		},
		"a suspension": func(s *scene, drift func()) {
			s.suspend("acme/travel/booking", time.Hour)
			drift()
			s.apply()
			s.resume("acme/travel/booking")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: time.Millisecond})
			s.engine.Environments[0].ReportDrift = true
			s.push(agent("booking", schema.SchemeOAuth2))
			s.apply()
			meanwhile(s, func() { s.world.Things[theClient("booking", resource.ClientOwn)].State.Client.Validity = 60 })
			before := s.world.Count()
			s.apply()
			if n := s.world.Count() - before; n != 0 {
				t.Errorf("%d effects: %v", n, s.world.Steps[before:])
			}
			if row := s.row("booking"); row.Reason != "Drift" {
				t.Errorf("it is told %s, %s", row.Status, row.Message)
			}
			s.push(changedAgent("booking"))
			s.apply()
			if row := s.row("booking"); row.Status != inventory.Converged {
				t.Errorf("what its spec asks anew is no drift: %s, %s", row.Status, row.Message)
			}
		})
	}
}

// Consumers keep their credentials as long as the endpoint asks for tokens.
func TestConsumersStayUntilTheEndpointIsChanged(t *testing.T) {
	t.Parallel()
	for name, hinder := range map[string]func(*scene){
		"the gateway cannot be read": func(s *scene) { s.world.Down[resource.KindEndpoint] = true },
		"the gateway refuses it": func(s *scene) {
			s.world.Fail = func(step plan.Step, after bool) error {
				if !after && step.ID.Kind == resource.KindEndpoint {
					return fault.New(fault.Stalled, "Refused", "a webhook says no")
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: time.Millisecond})
			a := agent("booking", schema.SchemeOAuth2)
			a.Environments[0].Authentication.Clients = []schema.Client{{Name: "mobile"}}
			s.push(a)
			s.apply()
			hinder(s)
			s.push(agent("booking", schema.SchemeNone))
			s.apply()
			for _, client := range []string{resource.ClientOwn, "mobile"} {
				if s.world.Look(theClient("booking", client)) == nil || s.secret("booking", client).IsZero() {
					t.Errorf("%s is gone", client)
				}
			}
			s.world.Fail, s.world.Down[resource.KindEndpoint] = nil, false
			s.apply()
			if s.world.Look(theClient("booking", "mobile")) != nil {
				t.Error("mobile stays when the endpoint is open")
			}
		})
	}
}

// A process dies when it has made a client and before it could say so, and the
// spec is taken back before the next one starts: the client is not left behind.
func TestNothingIsLeftBehindByACrash(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	path := "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	open := func() *inventory.Store {
		store, err := inventory.Open(t.Context(), path, inventory.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() }) // one of them is closed already
		return store
	}
	store := open()
	s.store, s.engine.Store = store, store
	s.push(agent("search", schema.SchemeOAuth2))
	s.apply()
	s.world.Fail = func(step plan.Step, after bool) error {
		if after && step.ID == theClient("booking", resource.ClientOwn) {
			_ = store.Close()
		}
		return nil
	}
	s.push(agent("search", schema.SchemeOAuth2), agent("booking", schema.SchemeOAuth2))
	if _, err := s.engine.Converge(t.Context(), s.plan(), loop.TriggerApply, nil); err == nil {
		t.Fatal("the inventory was written")
	}
	s.world.Fail = nil
	s.world.Remove(theEndpoint("booking"))
	s.store = open()
	options := *s.engine
	options.Store = s.store
	s.engine = loop.New(options)
	s.push(agent("search", schema.SchemeOAuth2))
	// A look at another binding leaves it to the next look at all.
	one, err := s.engine.Plan(t.Context(), s.plan().State, loop.Scope{binding("search"): true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.engine.Converge(t.Context(), one, loop.TriggerApply, nil); err != nil {
		t.Fatal(err)
	}
	if left, err := s.store.OpenIntents(t.Context(), ""); err != nil || len(left) == 0 {
		t.Errorf("settled by a look at another: %d left, %v", len(left), err)
	}
	s.apply()
	left, err := s.store.OpenIntents(t.Context(), "")
	if err != nil || len(left) > 0 {
		t.Errorf("%d steps are left open, %v", len(left), err)
	}
	if row := s.row("booking"); row.Class != fault.Unsafe || row.Hint == "" {
		t.Errorf("it is told %s, %s", row.Class, row.Message)
	}
	// As the hint says: its deletion policy is known from then on.
	for _, agents := range [][]schema.Agent{{agent("search", schema.SchemeOAuth2), agent("booking", schema.SchemeOAuth2)}, {agent("search", schema.SchemeOAuth2)}} {
		s.push(agents...)
		s.apply()
	}
	for _, id := range []resource.ID{theClient("booking", resource.ClientOwn), theCredential("booking", resource.ClientOwn)} {
		if s.world.Look(id) != nil {
			t.Errorf("%s is left behind", id)
		}
	}
}

// consumer asks the token endpoint as a consumer does, and returns the status.
func (s *scene) consumer(clientID string, secret resource.Secret) int {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("grant_type=client_credentials"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(clientID, secret.Reveal())
	w := httptest.NewRecorder()
	s.token(w, r)
	return w.Code
}

// An identity provider dies when it has stored the mark of a secret and not the
// secret: the mark is not taken for it.
func TestMarkWithoutItsSecret(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	client, credential := theClient("booking", resource.ClientOwn), theCredential("booking", resource.ClientOwn)
	was := s.world.Look(client).Version
	s.world.Overwrite(credential, resource.NewSecret("somebody's"))
	s.world.Things[credential].Former = nil // so that the application needs a fresh one
	struck := false
	s.world.Fail = func(step plan.Step, after bool) error {
		if !after || step.ID != client || struck {
			return nil
		}
		struck = true
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed = map[resource.ID]int{client: was + 1}
		return fault.New(fault.Unknown, "ConnectionLost", "the connection ended before the answer did")
	}
	ask := func() int {
		return s.consumer(binding("booking").ClientID(resource.ClientOwn), s.secret("booking", resource.ClientOwn))
	}
	_, report := s.apply()
	if !struck || ask() == http.StatusOK {
		t.Fatal("the secret was stored")
	}
	if len(report.Errors) == 0 || s.row("booking").Status == inventory.Converged {
		t.Errorf("it is told %s", s.row("booking").Status)
	}
	s.apply()
	if got := ask(); got != http.StatusOK {
		t.Errorf("the next pass leaves the consumer with %d: %+v", got, s.row("booking"))
	}
}

// cut is a client target that cannot list what is ours.
type cut struct{ target.Target }

// Discover implements target.Discoverer.
func (cut) Discover(context.Context) ([]resource.ID, error) {
	return nil, fault.New(fault.Stalled, "ListLimit", "more than 1000")
}

// A consumer that git gives up gets no tokens any more, though the records are
// lost and the identity provider cannot list its clients.
func TestConsumerIsFoundByItsCredential(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	a := agent("booking", schema.SchemeOAuth2)
	a.Environments[0].Authentication.Clients = []schema.Client{{Name: "partner"}}
	s.push(a)
	s.apply()
	store, err := inventory.Open(t.Context(), "sqlite::memory:", inventory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // it is in memory
	s.store, s.engine.Store = store, store
	targets := s.engine.Environments[0].Targets
	targets[resource.KindClient] = cut{targets[resource.KindClient]}
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	if s.world.Look(theCredential("booking", "partner")) != nil || s.world.Look(theClient("booking", "partner")) != nil {
		t.Errorf("credential or client of the consumer stand: %+v", s.row("booking"))
	}
	if s.world.Look(theClient("booking", resource.ClientOwn)) == nil {
		t.Error("the agent's own client is gone")
	}
}

// What was reached and proved is forgotten with a spec that is gone, and not with
// one that cannot be read for a while.
func TestWhatWasReachedStays(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	both := []schema.Agent{agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2)}
	s.push(both...)
	s.apply()
	was := s.row("booking")
	s.broken = true
	s.push(both[1])
	s.apply()
	s.broken = false
	s.push(both...)
	s.apply()
	if row := s.row("booking"); row.LastProof == nil || !row.LastProof.At.Equal(was.LastProof.At) || row.ConvergedAt.IsZero() {
		t.Errorf("unreadable for a while: %+v\nbefore: %+v", row, was)
	}
	s.push(both[1])
	s.apply()
	if row := s.row("booking"); !row.ConvergedAt.IsZero() || row.DesiredHash != "" {
		t.Errorf("gone: %+v", row)
	}
}
