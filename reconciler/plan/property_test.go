package plan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// agentsGen draws specs of up to six agents.
func agentsGen(t *rapid.T) []schema.Agent {
	var out []schema.Agent
	for i := range 6 {
		scheme := rapid.SampledFrom([]schema.Scheme{"", schema.SchemeOAuth2, schema.SchemeAPIKey, schema.SchemeNone}).Draw(t, "scheme")
		if scheme == "" {
			continue
		}
		env := rapid.SampledFrom([]string{"development", "production"}).Draw(t, "environment")
		clients := rapid.SliceOfN(rapid.SampledFrom([]string{"mobile", "partner", "web"}), 0, 3).Draw(t, "clients")
		out = append(out, agent(fmt.Sprintf("agent-%d", i), env, scheme, clients...))
	}
	return out
}

// TestProperties: whatever stood before, a plan that was carried out leaves
// nothing to plan; foreign things are as they were; nothing opens unless the
// spec says so; the order of the input does not matter.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := trusting()
		for range rapid.IntRange(1, 4).Draw(t, "revisions") {
			agents := agentsGen(t)
			if len(w.Things) > 0 && rapid.Bool().Draw(t, "meddle") {
				meddle(t, w)
			}
			p, observed := planFor(t, w, agents, nil)
			shuffled, _ := planFor(t, w, rapid.Permutation(agents).Draw(t, "order"), nil)
			if a, b := encode(p), encode(shuffled); a != b {
				t.Fatalf("the order of the specs changes the plan:\n%s\n%s", a, b)
			}
			opensOnlyWhenAsked(t, p, agents)
			carryOut(t, w, p, observed)
			if p, _ := planFor(t, w, agents, nil); !p.Empty() {
				t.Fatalf("not converged: %v", actions(p))
			}
			sound(t, w)
		}
	})
}

// meddle changes something at a target behind gatewright's back.
func meddle(t *rapid.T, w *memory.World) {
	ids := make([]resource.ID, 0, len(w.Things))
	for id, thing := range w.Things {
		if thing.Owner == resource.OwnerUs {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.SortFunc(ids, resource.ID.Compare)
	id := rapid.SampledFrom(ids).Draw(t, "meddled")
	switch thing := w.Things[id]; {
	case id.Kind == resource.KindCredential && rapid.Bool().Draw(t, "overwrite"):
		w.Overwrite(id, resource.NewSecret("a stranger's"))
	case id.Kind == resource.KindEndpoint:
		thing.State.Endpoint.Audience = "urn:someone:else"
	default:
		delete(w.Things, id)
	}
}

func opensOnlyWhenAsked(t *rapid.T, p plan.Plan, agents []schema.Agent) {
	for _, s := range p.Steps {
		if s.ID.Kind != resource.KindEndpoint || !s.Action.Effectful() || s.After.Endpoint.Scheme != schema.SchemeNone {
			continue
		}
		asked := slices.ContainsFunc(agents, func(a schema.Agent) bool {
			return a.Name == s.ID.Binding.Agent && a.Environments[0].Authentication.Scheme == schema.SchemeNone
		})
		if !asked {
			t.Fatalf("%s is opened though no spec asks for it", s.ID)
		}
	}
}

// sound: each application holds the secret of its credential.
func sound(t *rapid.T, w *memory.World) {
	for id, thing := range w.Things {
		if id.Kind != resource.KindClient {
			continue
		}
		id.Kind = resource.KindCredential
		credential, ok := w.Things[id]
		if !ok || credential.State.Credential.SecretDigest != thing.State.Client.SecretDigest {
			t.Fatalf("the secret of %s is lost", id)
		}
	}
}

func encode(p plan.Plan) string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(b)
}
