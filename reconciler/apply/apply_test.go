package apply_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/apply"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

var environment = desired.Environment{
	Name: "production", Production: true, Issuer: "https://id.example", TokenEndpoint: "https://id.example/oauth2/token",
	CredentialPrefix: "secret/agents", Validity: 900,
	KeyManagers: map[string]resource.KeyManager{"ThunderKeyManager": {}},
}

var booking = resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}

// set is what one agent with a named consumer wants.
func set(t *testing.T, clients ...string) desired.Set {
	t.Helper()
	auth := schema.Authentication{
		Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", Issuers: []string{"ThunderKeyManager"},
	}
	for _, c := range clients {
		auth.Clients = append(auth.Clients, schema.Client{Name: c})
	}
	s, diagnostics := desired.From([]schema.Agent{{
		Name: "booking", Organization: "acme", Project: "travel", Kind: schema.KindCustomAPI,
		Environments: []schema.Environment{{Name: "production", Authentication: auth}},
	}}, []desired.Environment{environment})
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	s.Bindings = slices.DeleteFunc(s.Bindings, func(b desired.Binding) bool { return desired.IsProbe(b.Binding) })
	return s
}

// scene is a world and what the executor told of its work.
type scene struct {
	*memory.World
	journal []string
	refuse  map[string]error
	// now is the clock, and asked what somebody asked to rotate.
	now   time.Time
	asked map[resource.ID]plan.Rotation
}

func newScene() *scene {
	s := &scene{World: memory.New(), refuse: map[string]error{}, now: time.Unix(1_800_000_000, 0).UTC()}
	id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "production"}, Name: "ThunderKeyManager"}
	s.Things[id] = &memory.Thing{State: resource.State{KeyManager: &resource.KeyManager{Name: id.Name, Issuer: environment.Issuer}}}
	return s
}

// Intend implements apply.Recorder.
func (s *scene) Intend(_ context.Context, steps []plan.Step) ([]int, error) {
	out := make([]int, len(steps))
	for i, st := range steps {
		out[i] = i
		s.journal = append(s.journal, "intend "+string(st.Action)+" "+st.ID.String())
	}
	return out, nil
}

// Settle implements apply.Recorder.
func (s *scene) Settle(_ context.Context, outcomes []apply.Settled) error {
	for _, o := range outcomes {
		result := "done"
		if o.Err != nil {
			result = string(fault.ClassOf(o.Err))
		}
		s.journal = append(s.journal, fmt.Sprintf("%s %s: %s", o.Step.Action, o.Step.ID, result))
	}
	return nil
}

// Credential implements apply.Credentials: a credential works if its client
// holds the same secret.
func (s *scene) Credential(_ context.Context, c resource.Credential) (proof.Token, resource.Proof, error) {
	s.journal = append(s.journal, "prove "+c.ClientID)
	if err := s.refuse[c.ClientID]; err != nil {
		return proof.Token{}, resource.Proof{}, err
	}
	for id, t := range s.Things {
		if id.Kind == resource.KindClient && t.State.Client.ClientID == c.ClientID && t.State.Client.SecretDigest == c.ClientSecret.Digest(c.ClientID) {
			return proof.Token{}, resource.Proof{OK: true}, nil
		}
	}
	return proof.Token{}, resource.Proof{}, fault.New(fault.Stalled, "InvalidClient", "refused")
}

// pass observes, plans and carries out once, and returns the plan.
func (s *scene) pass(ctx context.Context, want desired.Set) (plan.Plan, apply.Result) {
	targets := s.Targets()
	in := plan.Input{Desired: want, Observed: map[resource.ID]resource.Observed{}, Now: s.now, Rotate: s.asked}
	look := func(r resource.Resource) {
		o, _ := targets[r.ID.Kind].Observe(ctx, []resource.Resource{r})
		in.Observed[r.ID] = o[0]
	}
	wanted := map[resource.ID]bool{}
	for _, b := range want.Bindings {
		for _, r := range b.Resources {
			wanted[r.ID] = true
			look(r)
		}
	}
	for _, r := range want.KeyManagers {
		look(r)
	}
	for id := range s.Things {
		if id.Binding == booking && !wanted[id] {
			in.Gone = append(in.Gone, plan.Gone{ID: id, Deletion: schema.DeletionPrune, SpecPresent: len(want.Bindings) > 0})
			look(resource.Resource{ID: id})
		}
	}
	for _, r := range plan.Unseen(in, false) {
		look(r)
	}
	p := plan.Compute(in)
	e := apply.Executor{
		Targets: targets, Prover: s, Record: s, Now: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler),
	}
	return p, e.Binding(ctx, p.Of(booking), func(id resource.ID) resource.Observed { return in.Observed[id] })
}

func TestOrder(t *testing.T) {
	t.Parallel()
	s := newScene()
	if _, r := s.pass(t.Context(), set(t)); r.Err != nil || !r.Endpoint {
		t.Fatalf("got %+v", r)
	}
	want := []string{
		"intend create credential acme/travel/booking@production", "intend create client acme/travel/booking@production",
		"intend update endpoint acme/travel/booking@production",
		"prove acme_travel_booking_production",
		"create credential acme/travel/booking@production: done", "create client acme/travel/booking@production: done",
		"update endpoint acme/travel/booking@production: done",
	}
	if diff := cmp.Diff(want, s.journal); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEndpointStaysOpenUntilTheCredentialIsProved(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.refuse["acme_travel_booking_production"] = fault.New(fault.Stalled, "ProofFailed", "audience: want a, got b")
	_, r := s.pass(t.Context(), set(t))
	if fault.ClassOf(r.Err) != fault.Stalled || r.Endpoint {
		t.Errorf("got %+v, want a failure before the endpoint", r)
	}
	if _, ok := s.Things[resource.ID{Kind: resource.KindEndpoint, Binding: booking}]; ok {
		t.Error("the endpoint was locked though nobody can open it")
	}
}

func TestAConsumersFailureDoesNotConcernTheOthers(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.Fail = func(st plan.Step, after bool) error {
		if st.ID.Name == "mobile" && st.ID.Kind == resource.KindClient && !after {
			return fault.New(fault.Stalled, "Refused", "refused")
		}
		return nil
	}
	_, r := s.pass(t.Context(), set(t, "mobile"))
	if r.Err == nil || !r.Endpoint {
		t.Errorf("got %+v, want the endpoint changed and the failure told", r)
	}
}

func TestCancelledBeforeTheNextEffect(t *testing.T) {
	t.Parallel()
	s := newScene()
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Fail = func(_ plan.Step, after bool) error {
		if after {
			cancel(errors.New("lease lost"))
		}
		return nil
	}
	_, r := s.pass(ctx, set(t))
	if len(s.Steps) != 1 {
		t.Errorf("got %d effects after the context ended, want the one that had begun", len(s.Steps))
	}
	if len(r.Settled) != 3 || !strings.Contains(fmt.Sprint(r.Settled[2].Err), "lease lost") {
		t.Errorf("outcomes are not recorded: %+v", r.Settled)
	}
}

// TestCrashes ends a pass before and after each effect of each transition and
// goes on as a new process would. The end must be that of an undisturbed run.
func TestCrashes(t *testing.T) {
	t.Parallel()
	empty := desired.Set{}
	one, two := set(t), set(t, "mobile", "partner")
	tests := map[string]struct{ from, to desired.Set }{
		"enable": {empty, one}, "enable with consumers": {empty, two}, "gone": {two, empty},
		"add consumers": {one, two}, "remove consumers": {two, one},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			undisturbed := newScene()
			undisturbed.converge(t, tc.from)
			before := len(undisturbed.Steps)
			undisturbed.converge(t, tc.to)
			effects := len(undisturbed.Steps) - before
			for n := range effects {
				for _, after := range []bool{false, true} {
					s := newScene()
					s.converge(t, tc.from)
					s.crash(t, tc.to, n, after)
					s.converge(t, tc.to)
					if got := len(s.Steps) - before; got != effects {
						t.Errorf("crash at %d, after %v: %d effects in all, want %d", n, after, got, effects)
					}
					if diff := cmp.Diff(undisturbed.ids(), s.ids()); diff != "" {
						t.Errorf("crash at %d, after %v: -want +got:\n%s", n, after, diff)
					}
				}
			}
		})
	}
}

func (s *scene) ids() []string {
	var out []string
	for id := range s.Things {
		out = append(out, id.String())
	}
	slices.Sort(out)
	return out
}

func (s *scene) converge(t *testing.T, want desired.Set) {
	t.Helper()
	for range 3 {
		if p, _ := s.pass(t.Context(), want); p.Empty() {
			return
		}
	}
	t.Fatalf("does not converge: %v", s.journal)
}

// crash makes the process die at the n-th effect.
func (s *scene) crash(t *testing.T, want desired.Set, n int, after bool) {
	t.Helper()
	type death struct{}
	s.Fail = func(_ plan.Step, done bool) error {
		if done == after {
			if n--; n < 0 {
				panic(death{})
			}
		}
		return nil
	}
	defer func() {
		s.Fail = nil
		if r := recover(); r != nil && r != any(death{}) {
			panic(r)
		}
	}()
	s.pass(t.Context(), want)
	t.Fatal("the process did not die")
}
