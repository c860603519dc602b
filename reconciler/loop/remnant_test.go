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
