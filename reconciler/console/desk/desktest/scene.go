// Package desktest is a desk for tests: a repository, targets in memory, a token
// endpoint and a gateway that answer over HTTP, and a desk in front of them.
package desktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// Scene is a desk and what is behind it. Its environments are development and
// production.
type Scene struct {
	T     testing.TB
	World *memory.World
	Store *inventory.Store
	// Engine follows Push.
	Engine *loop.Engine
	Desk   *desk.Desk
	// Elsewhere counts the requests at a host that no endpoint is at.
	Elsewhere atomic.Int64
	// Called counts those at the gateway.
	Called atomic.Int64
	Logs   *Logs

	issuer    string
	elsewhere string

	mu       sync.Mutex
	ahead    time.Duration
	revision int
	agents   []schema.Agent
	pushes   chan struct{}
}

// The people of a scene.
var (
	// Viewer sees everything of acme.
	Viewer = person("vera", access.Viewer, "acme")
	// Developer works on acme/travel and sees no more.
	Developer = person("dev", access.Developer, "acme/travel")
	// Admin may do everything.
	Admin = person("ada", access.Admin, "*")
	// Stranger works on another organization.
	Stranger = person("sam", access.Developer, "other")
	// Nobody has no role at all.
	Nobody = access.Principal{Subject: "nemo"}
)

// person has a role within a scope.
func person(name string, role access.Role, scope string) access.Principal {
	s, err := resource.ParseSelector(scope)
	if err != nil {
		panic(err)
	}
	return access.Principal{Subject: name, Name: name, Email: name + "@acme.test", Grants: []access.Grant{{Role: role, Scope: s}}}
}

// Booking is the binding that most tests are about: oauth2, with a client
// mobile-app.
var Booking = Binding("acme", "travel", "booking")

// Binding is an agent in production.
func Binding(organization, project, agent string) resource.Binding {
	return resource.Binding{Organization: organization, Project: project, Agent: agent, Environment: "production"}
}

// New makes a scene in which nothing was pushed.
func New(tb testing.TB) *Scene {
	tb.Helper()
	s := &Scene{T: tb, World: memory.New(), pushes: make(chan struct{}, 1), Logs: &Logs{}}
	s.issuer = serve(tb, s.token)
	s.World.URL = serve(tb, s.call)
	s.elsewhere = serve(tb, func(http.ResponseWriter, *http.Request) { s.Elsewhere.Add(1) })
	store, err := inventory.Open(context.Background(), "sqlite::memory:", inventory.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	s.Store = store
	log := slog.New(slog.NewTextHandler(s.Logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.Engine = loop.New(loop.Engine{
		Source: s, Loader: s, Store: store, Log: log, Options: loop.Options{Lag: time.Second, Now: s.Now},
		Environments: []*loop.Environment{s.environment("development"), s.environment("production")},
	})
	s.Desk = &desk.Desk{Engine: s.Engine, Store: store, Repo: s, Log: log, Now: s.Now}
	return s
}

func serve(tb testing.TB, h http.HandlerFunc) string {
	tb.Helper()
	server := httptest.NewServer(h)
	tb.Cleanup(server.Close)
	return server.URL
}

// environment is one whose targets are the world.
func (s *Scene) environment(name string) *loop.Environment {
	km := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: name}, Name: "ThunderKeyManager"}
	s.World.Things[km] = &memory.Thing{State: resource.State{KeyManager: &resource.KeyManager{Name: km.Name, Issuer: s.issuer}}}
	client := &http.Client{Timeout: 5 * time.Second}
	return &loop.Environment{
		Environment: desired.Environment{
			Name: name, Installation: "test", Issuer: s.issuer, TokenEndpoint: s.issuer, JWKSURI: s.issuer + "/jwks",
			CredentialPrefix: "secret/agents", Validity: 900, KeyManagers: map[string]resource.KeyManager{"ThunderKeyManager": {}},
		},
		Targets: s.World.Targets(), Prover: &proof.Prover{Identity: client, Gateway: client},
	}
}

// Now is the clock of the scene.
func (s *Scene) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

// Later lets some time pass.
func (s *Scene) Later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// Snapshot implements loop.Source.
func (s *Scene) Snapshot(context.Context) (source.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return source.Snapshot{Revision: source.Revision{
		Hash: fmt.Sprintf("%040x", s.revision), Author: "Ada", Message: fmt.Sprintf("change %d\n\nwhy", s.revision),
	}}, nil
}

// At implements desk.Repository: every revision is the newest.
func (s *Scene) At(ctx context.Context, _ string) (source.Snapshot, error) { return s.Snapshot(ctx) }

// Commit implements desk.Repository.
func (*Scene) Commit(context.Context, source.Commit) (source.Revision, error) {
	return source.Revision{}, errors.ErrUnsupported
}

// IsAncestor implements loop.Source.
func (*Scene) IsAncestor(context.Context, string, string) (bool, error) { return true, nil }

// Watch implements loop.Source.
func (s *Scene) Watch(context.Context) <-chan struct{} { return s.pushes }

// Load implements loop.Loader.
func (s *Scene) Load(context.Context, schema.Tree) (schema.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return schema.Result{Agents: s.agents, Whole: true}, nil
}

// Push makes agents the newest revision.
func (s *Scene) Push(agents ...schema.Agent) {
	s.mu.Lock()
	s.revision++
	s.agents = agents
	s.mu.Unlock()
	select {
	case s.pushes <- struct{}{}:
	default:
	}
}

// Usual pushes and applies what most tests begin with: booking, open (scheme
// none) and, of others, till.
func (s *Scene) Usual() *Scene {
	s.T.Helper()
	s.Push(Agent("acme", "travel", "booking", schema.SchemeOAuth2, "mobile-app"),
		Agent("acme", "travel", "open", schema.SchemeNone), Agent("other", "shop", "till", schema.SchemeOAuth2))
	s.Apply()
	return s
}

// Apply converges once, as `gatewright apply` does.
func (s *Scene) Apply() {
	s.T.Helper()
	ctx := context.Background()
	snap, _ := s.Snapshot(ctx)
	st, err := s.Engine.Load(ctx, snap)
	if err != nil {
		s.T.Fatal(err)
	}
	p, err := s.Engine.Plan(ctx, st, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	report, err := s.Engine.Converge(ctx, p, loop.TriggerApply, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	for b, err := range report.Errors {
		s.T.Errorf("%s: %v", b, err)
	}
}

// Secrets are all secrets that stand.
func (s *Scene) Secrets() []string {
	var out []string
	for _, t := range s.World.Things {
		if c := t.State.Credential; c != nil && !c.ClientSecret.IsZero() {
			out = append(out, c.ClientSecret.Reveal())
		}
	}
	return out
}

// Secret is that of a client of a binding.
func (s *Scene) Secret(b resource.Binding, client string) string {
	return s.World.Look(resource.ID{Kind: resource.KindCredential, Binding: b, Name: client}).State.Credential.ClientSecret.Reveal()
}

// Actions are the actions of the events, newest first.
func (s *Scene) Actions() []string {
	s.T.Helper()
	events, err := s.Store.Events(context.Background(), inventory.EventFilter{})
	if err != nil {
		s.T.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, e.Actor+" "+e.Action)
	}
	return out
}

// Agent is a spec of an agent in both environments.
func Agent(organization, project, name string, scheme schema.Scheme, clients ...string) schema.Agent {
	auth := schema.Authentication{Scheme: scheme}
	if scheme == schema.SchemeOAuth2 {
		auth.Header, auth.Prefix, auth.Issuers = "Authorization", "Bearer", []string{"ThunderKeyManager"}
		for _, c := range slices.Sorted(slices.Values(clients)) {
			auth.Clients = append(auth.Clients, schema.Client{Name: c})
		}
	}
	return schema.Agent{
		Name: name, Organization: organization, Project: project, Kind: schema.KindCustomAPI,
		Positions: schema.Positions{"": {File: organization + "/" + name + ".cue", Line: 3, Column: 1}},
		Environments: []schema.Environment{
			{Name: "development", Authentication: auth}, {Name: "production", Authentication: auth},
		},
	}
}

// Logs keeps what was logged.
type Logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is all of it.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
