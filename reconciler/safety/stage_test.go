package safety_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// stage is a token endpoint and a gateway over HTTP for a world in memory that
// can be exchanged, and what stands for the repository.
type stage struct {
	identity, gateway *httptest.Server

	mu       sync.Mutex
	world    *memory.World
	revision int
	agents   []schema.Agent
	late     time.Duration
}

var signingKey = []byte(strings.Repeat("k", 32))

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{}
	s.identity, s.gateway = httptest.NewServer(http.HandlerFunc(s.token)), httptest.NewServer(http.HandlerFunc(s.call))
	t.Cleanup(s.identity.Close)
	t.Cleanup(s.gateway.Close)
	return s
}

// fresh puts an empty world on the stage, whose gateway trusts the token endpoint.
func (s *stage) fresh() *memory.World {
	w := memory.New()
	w.URL = s.gateway.URL
	km := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "production"}, Name: keyManager}
	w.Things[km] = &memory.Thing{State: resource.State{KeyManager: &resource.KeyManager{Name: keyManager, Issuer: s.identity.URL}}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world, s.revision, s.agents = w, 0, nil
	return w
}

// look returns what stands in the present world.
func (s *stage) look(id resource.ID) *memory.Thing {
	s.mu.Lock()
	w := s.world
	s.mu.Unlock()
	return w.Look(id)
}

// token answers as a token endpoint does.
func (s *stage) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if b, name, err := resource.ParseClientID(id); err == nil {
		t := s.look(resource.ID{Kind: resource.KindClient, Binding: b, Name: name})
		if t != nil && t.State.Client.SecretDigest == resource.NewSecret(secret).Digest(id) {
			tok, _ := jwt.NewBuilder().Issuer(s.identity.URL).Audience([]string{t.State.Client.Audience}).
				Expiration(time.Now().Add(5 * time.Minute)).Build()
			signed, _ := jwt.Sign(tok, jwt.WithKey(jwa.HS256(), signingKey))
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": string(signed), "token_type": "Bearer", "expires_in": 300})
			return
		}
	}
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
}

// call answers as a gateway does.
func (s *stage) call(w http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 4)
	t := s.look(resource.ID{Kind: resource.KindEndpoint, Binding: resource.Binding{
		Organization: parts[0], Project: parts[1], Agent: parts[2], Environment: "production",
	}})
	if t == nil || t.State.Endpoint.Scheme == schema.SchemeNone {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	e := t.State.Endpoint
	token := strings.TrimSpace(strings.TrimPrefix(r.Header.Get(e.Header), e.Prefix))
	tok, err := jwt.Parse([]byte(token), jwt.WithKey(jwa.HS256(), signingKey))
	if err == nil && e.Scheme == schema.SchemeOAuth2 {
		if aud, _ := tok.Audience(); len(aud) == 1 && aud[0] == e.Audience {
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	w.WriteHeader(http.StatusUnauthorized)
}

// push makes agents the newest revision.
func (s *stage) push(agents []schema.Agent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision++
	s.agents = agents
}

// Snapshot implements loop.Source.
func (s *stage) Snapshot(context.Context) (source.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return source.Snapshot{Revision: source.Revision{Hash: "revision-" + strconv.Itoa(s.revision)}}, nil
}

// now is the clock of all processes.
func (s *stage) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return start.Add(s.late)
}

// wait lets it become so late.
func (s *stage) wait(late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = late
}

// IsAncestor implements loop.Source.
func (*stage) IsAncestor(context.Context, string, string) (bool, error) { return true, nil }

// Watch implements loop.Source.
func (*stage) Watch(context.Context) <-chan struct{} { return nil }

// Load implements loop.Loader.
func (s *stage) Load(context.Context, schema.Tree) (schema.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return schema.Result{Agents: s.agents, Whole: true}, nil
}

// engine readies a process with a life and a store.
func (s *stage) engine(l *life, store *inventory.Store) *loop.Engine {
	targets := map[resource.Kind]target.Target{}
	s.mu.Lock()
	for kind, t := range s.world.Targets() {
		targets[kind] = mortal{t, l}
	}
	s.mu.Unlock()
	calls := func(what string) *http.Client {
		return &http.Client{Timeout: 5 * time.Second, Transport: mortalCalls{l, what}}
	}
	return loop.New(loop.Engine{
		Source: s, Loader: s, Store: store, Log: slog.New(slog.DiscardHandler), Options: loop.Options{Workers: 1, Now: s.now},
		Environments: []*loop.Environment{{
			Environment: s.environment(),
			Targets:     targets, Prover: &proof.Prover{Identity: calls("token request"), Gateway: calls("call of the gateway")},
		}},
	})
}

// converge converges once, as `gatewright apply` does, and returns the plan.
func converge(ctx context.Context, e *loop.Engine) (plan.Plan, error) {
	snap, err := e.Source.Snapshot(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	st, err := e.Load(ctx, snap)
	if err != nil {
		return plan.Plan{}, err
	}
	p, err := e.Plan(ctx, st, nil)
	if err != nil {
		return plan.Plan{}, err
	}
	made := p.Plan
	report, err := e.Converge(ctx, p, loop.TriggerApply, nil)
	if err != nil {
		return made, err
	}
	for _, err := range report.Errors {
		return made, err
	}
	return made, nil
}

// setOf is what the specs of a stage ask for.
func setOf(s *stage) desired.Set {
	e := s.environment()
	set, _ := desired.From(s.agents, []desired.Environment{e})
	return set
}

// environment is the configuration of the stage's only environment.
func (s *stage) environment() desired.Environment {
	return desired.Environment{
		Name: "production", Production: true, Issuer: s.identity.URL, TokenEndpoint: s.identity.URL,
		CredentialPrefix: "secret/agents", Validity: 900, KeyManagers: map[string]resource.KeyManager{keyManager: {}},
	}
}
