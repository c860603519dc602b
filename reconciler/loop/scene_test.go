package loop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// scene is a repository, a world of targets in memory with a token endpoint
// and a gateway that answer over HTTP, and an engine between them.
type scene struct {
	t      *testing.T
	world  *memory.World
	store  *inventory.Store
	engine *loop.Engine
	issuer string

	mu       sync.Mutex
	revision int
	agents   []schema.Agent
	broken   bool
	unborn   error
	descends bool
	pushes   chan struct{}
	// changed has the versions of clients whose secret is another than their
	// mark says, until they are written again.
	changed map[resource.ID]int
}

var key = []byte(strings.Repeat("k", 32))

func newScene(t *testing.T, options loop.Options) *scene {
	t.Helper()
	s := &scene{t: t, world: memory.New(), pushes: make(chan struct{}, 1), descends: true}
	identity := httptest.NewServer(http.HandlerFunc(s.token))
	gateway := httptest.NewServer(http.HandlerFunc(s.call))
	t.Cleanup(identity.Close)
	t.Cleanup(gateway.Close)
	s.issuer, s.world.URL = identity.URL, gateway.URL
	store, err := inventory.Open(t.Context(), "sqlite::memory:", inventory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s.store = store
	km := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "production"}, Name: "ThunderKeyManager"}
	s.world.Things[km] = &memory.Thing{State: resource.State{KeyManager: &resource.KeyManager{Name: km.Name, Issuer: s.issuer}}}
	client := &http.Client{Timeout: 5 * time.Second}
	s.engine = loop.New(loop.Engine{
		Source: s, Loader: s, Store: store, Options: options, Log: slog.New(slog.DiscardHandler),
		Environments: []*loop.Environment{{
			Environment: desired.Environment{
				Name: "production", Production: true, Issuer: s.issuer, TokenEndpoint: s.issuer, CredentialPrefix: "secret/agents",
				Validity: 900, KeyManagers: map[string]resource.KeyManager{"ThunderKeyManager": {}},
			},
			Targets: s.world.Targets(), Prover: &proof.Prover{Identity: client, Gateway: client},
		}},
	})
	return s
}

// token answers as a token endpoint does.
func (s *scene) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	b, name, err := resource.ParseClientID(id)
	if err == nil {
		of := resource.ID{Kind: resource.KindClient, Binding: b, Name: name}
		t := s.world.Look(of)
		if t != nil && !s.hasChanged(of, t.Version) && t.State.Client.SecretDigest == resource.NewSecret(secret).Digest(id) {
			tok, _ := jwt.NewBuilder().Issuer(s.issuer).Audience([]string{t.State.Client.Audience}).
				Expiration(s.engine.Options.Now().Add(5 * time.Minute)).Build()
			signed, _ := jwt.Sign(tok, jwt.WithKey(jwa.HS256(), key))
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": string(signed), "token_type": "Bearer", "expires_in": 300})
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
}

// changeSecret changes the secret of a client and leaves its mark.
func (s *scene) changeSecret(id resource.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = map[resource.ID]int{id: s.world.Look(id).Version}
}

// hasChanged reports that the secret of a client is not the one of its mark.
func (s *scene) hasChanged(id resource.ID, version int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.changed[id]
	return ok && v == version
}

// call answers as a gateway does.
func (s *scene) call(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 4)
	b := resource.Binding{Organization: parts[0], Project: parts[1], Agent: parts[2], Environment: "production"}
	t := s.world.Look(resource.ID{Kind: resource.KindEndpoint, Binding: b})
	if t == nil || t.State.Endpoint.Scheme == schema.SchemeNone {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	tok, err := jwt.Parse([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")), jwt.WithKey(jwa.HS256(), key),
		jwt.WithClock(jwt.ClockFunc(s.engine.Options.Now)))
	if err == nil && t.State.Endpoint.Scheme == schema.SchemeOAuth2 {
		if aud, _ := tok.Audience(); len(aud) == 1 && aud[0] == t.State.Endpoint.Audience {
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	w.WriteHeader(http.StatusUnauthorized)
}

// Snapshot implements loop.Source.
func (s *scene) Snapshot(context.Context) (source.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return source.Snapshot{Revision: source.Revision{Hash: fmt.Sprintf("revision-%04d", s.revision)}}, s.unborn
}

// IsAncestor implements loop.Source.
func (s *scene) IsAncestor(context.Context, string, string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.descends, nil
}

// Watch implements loop.Source.
func (s *scene) Watch(context.Context) <-chan struct{} { return s.pushes }

// Load implements loop.Loader.
func (s *scene) Load(context.Context, schema.Tree) (schema.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return schema.Result{Agents: s.agents, Whole: !s.broken}, nil
}

// push makes agents the newest revision.
func (s *scene) push(agents ...schema.Agent) {
	s.mu.Lock()
	s.revision++
	s.agents = agents
	s.mu.Unlock()
	select {
	case s.pushes <- struct{}{}:
	default:
	}
}

// apply converges once, as `gatewright apply` does.
func (s *scene) apply() (*loop.Planned, *loop.Report) {
	s.t.Helper()
	p := s.plan()
	report, err := s.engine.Converge(s.t.Context(), p, loop.TriggerApply, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return p, report
}

func (s *scene) plan() *loop.Planned {
	s.t.Helper()
	snap, _ := s.Snapshot(s.t.Context())
	st, err := s.engine.Load(s.t.Context(), snap)
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := s.engine.Plan(s.t.Context(), st, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// row is what the inventory says of an agent.
func (s *scene) row(name string) inventory.Binding {
	s.t.Helper()
	row, _, err := s.store.Binding(context.WithoutCancel(s.t.Context()), binding(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return row
}

func binding(name string) resource.Binding {
	return resource.Binding{Organization: "acme", Project: "travel", Agent: name, Environment: "production"}
}

// agent is a spec.
func agent(name string, scheme schema.Scheme) schema.Agent {
	auth := schema.Authentication{Scheme: scheme}
	if scheme == schema.SchemeOAuth2 {
		auth.Header, auth.Prefix, auth.Issuers = "Authorization", "Bearer", []string{"ThunderKeyManager"}
	}
	return schema.Agent{
		Name: name, Organization: "acme", Project: "travel", Kind: schema.KindCustomAPI,
		Environments: []schema.Environment{{Name: "production", Authentication: auth}},
	}
}

// eventually waits for a condition, for as long as a slow machine may need.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
