package plan_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// environments are what the tests plan for.
var environments = []desired.Environment{environment("development", false), environment("production", true)}

func environment(name string, production bool) desired.Environment {
	return desired.Environment{
		Name: name, Production: production, Issuer: "https://id.example", TokenEndpoint: "https://id.example/oauth2/token",
		JWKSURI: "https://id.example/oauth2/jwks", CredentialPrefix: "secret/agents", Validity: 900,
		KeyManagers: map[string]resource.KeyManager{"ThunderKeyManager": {}},
	}
}

// agent makes a spec with one environment.
func agent(name, env string, scheme schema.Scheme, clients ...string) schema.Agent {
	auth := schema.Authentication{Scheme: scheme}
	if scheme == schema.SchemeOAuth2 {
		auth.Header, auth.Prefix, auth.Issuers = "Authorization", "Bearer", []string{"ThunderKeyManager"}
		slices.Sort(clients)
		for _, c := range slices.Compact(clients) {
			auth.Clients = append(auth.Clients, schema.Client{Name: c})
		}
	}
	return schema.Agent{
		Name: name, Organization: "acme", Project: "travel", Kind: schema.KindCustomAPI,
		Environments: []schema.Environment{{Name: env, Authentication: auth}},
	}
}

// planFor observes the world and plans agents in it.
func planFor(t interface{ Fatalf(string, ...any) }, w *memory.World, agents []schema.Agent, adjust func(*plan.Input)) (plan.Plan, map[resource.ID]resource.Observed) {
	set, diagnostics := desired.From(agents, environments)
	if diagnostics.HasErrors() {
		t.Fatalf("desired: %v", diagnostics)
	}
	targets := w.Targets()
	var ask []resource.Resource
	wanted := map[resource.ID]bool{}
	present := map[resource.Binding]bool{}
	for _, b := range set.Bindings {
		present[b.Binding] = true
		for _, r := range b.Resources {
			ask, wanted[r.ID] = append(ask, r), true
		}
	}
	ask = append(ask, set.KeyManagers...)
	in := plan.Input{Desired: set, Observed: map[resource.ID]resource.Observed{}}
	for _, kind := range []resource.Kind{resource.KindClient, resource.KindCredential, resource.KindEndpoint} {
		ids, _ := targets[kind].Discover(context.Background())
		in.Owned += len(ids)
		for _, id := range ids {
			if !wanted[id] {
				in.Gone = append(in.Gone, plan.Gone{ID: id, Deletion: schema.DeletionPrune, SpecPresent: present[id.Binding]})
				ask = append(ask, resource.Resource{ID: id})
			}
		}
	}
	for _, r := range ask {
		o, _ := targets[r.ID.Kind].Observe(context.Background(), []resource.Resource{r})
		in.Observed[r.ID] = o[0]
	}
	if adjust != nil {
		adjust(&in)
	}
	return plan.Compute(in), in.Observed
}

// carryOut applies a plan to the world as package apply would.
func carryOut(t interface{ Fatalf(string, ...any) }, w *memory.World, p plan.Plan, observed map[resource.ID]resource.Observed) {
	targets := w.Targets()
	secrets := map[resource.ID]resource.Secret{}
	for _, s := range p.Steps {
		if !s.Action.Effectful() {
			continue
		}
		credential := s.ID
		credential.Kind = resource.KindCredential
		var in target.Input
		if s.ID.Kind == resource.KindClient {
			in.Secret = secrets[credential]
			if c := observed[credential].State.Credential; in.Secret.IsZero() && c != nil {
				in.Secret = c.ClientSecret
			}
		}
		out, err := targets[s.ID.Kind].Apply(context.Background(), s, in)
		if err != nil {
			t.Fatalf("%s %s: %v", s.Action, s.ID, err)
		}
		secrets[s.ID] = out.Secret
	}
}

// trusting returns a world whose gateways know the key manager.
func trusting() *memory.World {
	w := memory.New()
	for _, e := range environments {
		id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: e.Name}, Name: "ThunderKeyManager"}
		w.Things[id] = &memory.Thing{Owner: resource.OwnerNobody, State: resource.State{KeyManager: &resource.KeyManager{Name: id.Name, Issuer: e.Issuer}}}
	}
	return w
}

// actions shows the effects and skips of a plan, in order.
func actions(p plan.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		if s.Action != plan.Keep {
			out = append(out, fmt.Sprintf("%s %s %s", s.Action, s.ID.Kind, s.ID.Name))
		}
	}
	return out
}

func TestOrderOfEffects(t *testing.T) {
	t.Parallel()
	probe := []string{"create credential own", "create client own"}
	tests := map[string]struct {
		reason string
		from   []schema.Agent
		to     []schema.Agent
		want   []string
	}{
		"enable": {
			reason: "the key exists before the door is closed",
			to:     []schema.Agent{agent("booking", "production", schema.SchemeOAuth2, "mobile")},
			want: append([]string{
				"create credential own", "create client own", "create credential mobile", "create client mobile", "update endpoint ",
			}, probe...),
		},
		"disable": {
			reason: "the door opens before its key is destroyed, and the application goes before its secret",
			from:   []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)},
			to:     []schema.Agent{agent("booking", "production", schema.SchemeNone)},
			want:   []string{"update endpoint ", "delete client own", "delete credential own", "delete client own", "delete credential own"},
		},
		"gone": {
			reason: "a vanished spec locks: the endpoint is left alone",
			from:   []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)},
			want:   []string{"delete client own", "delete credential own", "delete client own", "delete credential own"},
		},
		"consumer leaves": {
			reason: "the gateway policy is not touched",
			from:   []schema.Agent{agent("booking", "production", schema.SchemeOAuth2, "mobile")},
			to:     []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)},
			want:   []string{"delete client mobile", "delete credential mobile"},
		},
		"test client": {
			reason: "outside production there is a client for test tokens",
			to:     []schema.Agent{agent("booking", "development", schema.SchemeOAuth2)},
			want: append([]string{
				"create credential own", "create client own", "create credential test", "create client test", "update endpoint ",
			}, probe...),
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := trusting()
			p, observed := planFor(t, w, tc.from, nil)
			carryOut(t, w, p, observed)
			p, observed = planFor(t, w, tc.to, nil)
			if diff := cmp.Diff(tc.want, actions(p)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			carryOut(t, w, p, observed)
			if p, _ := planFor(t, w, tc.to, nil); !p.Empty() {
				t.Errorf("not converged: %v", actions(p))
			}
		})
	}
}

func TestSkips(t *testing.T) {
	t.Parallel()
	booking := []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)}
	b := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	own := func(k resource.Kind) resource.ID { return resource.ID{Kind: k, Binding: b, Name: resource.ClientOwn} }
	tests := map[string]struct {
		reason string
		world  func(*memory.World)
		adjust func(*plan.Input)
		agents []schema.Agent
		step   resource.ID
		class  fault.Class
	}{
		"key manager unknown": {
			reason: "the gateway would accept the policy and refuse everyone",
			world:  func(w *memory.World) { clear(w.Things) }, agents: booking,
			step: resource.ID{Kind: resource.KindEndpoint, Binding: b}, class: fault.Stalled,
		},
		"another issuer under the name": {
			reason: "the same name may mean another identity provider",
			world: func(w *memory.World) {
				for _, t := range w.Things {
					t.State.KeyManager.Issuer = "https://other.example"
				}
			},
			agents: booking, step: resource.ID{Kind: resource.KindEndpoint, Binding: b}, class: fault.Stalled,
		},
		"credential of someone else": {
			reason: "what is not marked ours is never touched",
			world: func(w *memory.World) {
				w.Things[own(resource.KindCredential)] = &memory.Thing{Owner: resource.OwnerOther, State: resource.State{Credential: &resource.Credential{}}}
			},
			agents: booking, step: own(resource.KindCredential), class: fault.Conflict,
		},
		"client waits for its credential": {
			reason: "an application whose secret is nowhere is a lost secret",
			world: func(w *memory.World) {
				w.Things[own(resource.KindCredential)] = &memory.Thing{Owner: resource.OwnerOther, State: resource.State{Credential: &resource.Credential{}}}
			},
			agents: booking, step: own(resource.KindClient), class: fault.Waiting,
		},
		"endpoint waits for its client": {
			reason: "never lock an API whose key does not exist",
			world:  func(w *memory.World) { w.Down[resource.KindCredential] = true },
			agents: booking, step: resource.ID{Kind: resource.KindEndpoint, Binding: b}, class: fault.Waiting,
		},
		"suspended": {
			reason: "a suspended binding is observed and never changed",
			adjust: func(in *plan.Input) { in.Suspended = map[resource.Binding]string{b: "incident 12"} },
			agents: booking, step: own(resource.KindCredential), class: fault.Waiting,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := trusting()
			if tc.world != nil {
				tc.world(w)
			}
			p, _ := planFor(t, w, tc.agents, tc.adjust)
			for _, s := range p.Steps {
				if s.ID == tc.step {
					if s.Action != plan.Skip || s.Class != tc.class {
						t.Errorf("%s: got %s, class %q (%s)", tc.reason, s.Action, s.Class, s.Reason)
					}
					return
				}
			}
			t.Errorf("no step for %s", tc.step)
		})
	}
}

func TestNothingIsPrunedWhileBlocked(t *testing.T) {
	t.Parallel()
	w := trusting()
	p, observed := planFor(t, w, []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)}, nil)
	carryOut(t, w, p, observed)
	p, _ = planFor(t, w, nil, func(in *plan.Input) { in.PruneBlocked = "a file is broken" })
	for _, s := range p.Steps {
		if s.Action.Effectful() {
			t.Errorf("%s %s", s.Action, s.ID)
		}
	}
	p, _ = planFor(t, w, nil, func(in *plan.Input) {
		for i := range in.Gone {
			in.Gone[i].Deletion = ""
		}
	})
	if c := p.Counts(); c.Delete != 0 || c.Skip == 0 {
		t.Errorf("an unknown deletion policy: got %+v, want skips alone", c)
	}
}

func TestOverwrittenSecretIsRestored(t *testing.T) {
	t.Parallel()
	w := trusting()
	agents := []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)}
	p, observed := planFor(t, w, agents, nil)
	carryOut(t, w, p, observed)
	id := resource.ID{
		Kind: resource.KindCredential, Name: resource.ClientOwn,
		Binding: resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"},
	}
	w.Overwrite(id, resource.NewSecret("a stranger's"))
	p, observed = planFor(t, w, agents, nil)
	if diff := cmp.Diff([]string{"update credential own", "update client own"}, actions(p)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	carryOut(t, w, p, observed)
	if p, _ := planFor(t, w, agents, nil); !p.Empty() {
		t.Errorf("not converged: %v", actions(p))
	}
}
