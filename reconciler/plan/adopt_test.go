package plan_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// adoptee is a world in which all of booking stands already, by others.
func adoptee(secret string) *memory.World {
	w := trusting()
	b := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	id := b.ClientID(resource.ClientOwn)
	stands := func(kind resource.Kind, name string, s resource.State) {
		w.Things[resource.ID{Kind: kind, Binding: b, Name: name}] = &memory.Thing{Owner: resource.OwnerOther, Adoptable: true, State: s, Version: 1}
	}
	credential := &resource.Credential{Path: "secret/agents/acme/travel/booking/production/own", ClientID: id}
	if secret != "" {
		credential.ClientSecret = resource.NewSecret(secret)
		credential.SecretDigest = credential.ClientSecret.Digest(id)
	}
	stands(resource.KindCredential, resource.ClientOwn, resource.State{Credential: credential})
	stands(resource.KindClient, resource.ClientOwn, resource.State{Client: &resource.Client{ClientID: id, ApplicationID: resource.ApplicationID(id)}})
	stands(resource.KindEndpoint, "", resource.State{Endpoint: &resource.Endpoint{Scheme: schema.SchemeAPIKey, Attached: true}})
	return w
}

// adopting is the spec of booking that adopts some kinds.
func adopting(kinds ...schema.Adoptable) []schema.Agent {
	a := agent("booking", "production", schema.SchemeOAuth2)
	a.Environments[0].Adopt = kinds
	return []schema.Agent{a}
}

// TestAdopt: what the spec adopts is taken over, and its secret goes on working;
// what it does not, or what another gatewright has marked, is a conflict.
func TestAdopt(t *testing.T) {
	t.Parallel()
	all := []schema.Adoptable{schema.AdoptClient, schema.AdoptCredential, schema.AdoptEndpoint}
	w := adoptee("theirs")
	p, observed := planFor(t, w, adopting(all...), nil)
	if c := p.Counts(); c.Adopt != 3 || c.Skip != 0 || !strings.Contains(c.String(), "3 to adopt") {
		t.Fatalf("got %s: %v", c, actions(p))
	}
	carryOut(t, w, p, observed)
	if p, _ := planFor(t, w, adopting(all...), nil); !p.Empty() {
		t.Errorf("not converged: %v", actions(p))
	}
	for id, thing := range w.Things {
		if id.Binding.Agent == "booking" && thing.Owner != resource.OwnerUs {
			t.Errorf("%s was not adopted", id)
		}
		if c := thing.State.Credential; c != nil && id.Binding.Agent == "booking" && c.ClientSecret.Reveal() != "theirs" {
			t.Error("the secret that consumers have was replaced")
		}
	}
}

func TestAdoptOnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kinds  []schema.Adoptable
		secret string
		change func(*memory.World)
		// want has the action of the credential, the client and the endpoint.
		want [3]plan.Action
	}{
		"nothing":          {nil, "theirs", nil, [3]plan.Action{plan.Skip, plan.Skip, plan.Skip}},
		"the client alone": {[]schema.Adoptable{schema.AdoptClient}, "theirs", nil, [3]plan.Action{plan.Skip, plan.Skip, plan.Skip}},
		"the credential":   {[]schema.Adoptable{schema.AdoptCredential}, "theirs", nil, [3]plan.Action{plan.Adopt, plan.Skip, plan.Skip}},
		"the endpoint":     {[]schema.Adoptable{schema.AdoptEndpoint}, "theirs", nil, [3]plan.Action{plan.Skip, plan.Skip, plan.Skip}},
		"both of a client": {
			[]schema.Adoptable{schema.AdoptClient, schema.AdoptCredential}, "", nil, [3]plan.Action{plan.Adopt, plan.Adopt, plan.Skip},
		},
		"what another gatewright has marked": {
			[]schema.Adoptable{schema.AdoptClient, schema.AdoptCredential, schema.AdoptEndpoint}, "theirs", func(w *memory.World) {
				for _, thing := range w.Things {
					thing.Adoptable = false
				}
			}, [3]plan.Action{plan.Skip, plan.Skip, plan.Skip},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := adoptee(tc.secret)
			if tc.change != nil {
				tc.change(w)
			}
			p, _ := planFor(t, w, adopting(tc.kinds...), nil)
			var got [3]plan.Action
			for _, s := range p.Steps {
				if s.ID.Binding.Agent != "booking" {
					continue
				}
				at := map[resource.Kind]int{resource.KindCredential: 0, resource.KindClient: 1, resource.KindEndpoint: 2}[s.ID.Kind]
				got[at] = s.Action
				if s.Class == fault.Conflict && strings.Contains(s.Hint, "adopt: [\""+string(s.ID.Kind)+"\"]") == (tc.change != nil) {
					t.Errorf("%s: hint %s", s.ID, s.Hint)
				}
				if s.Action == plan.Adopt && s.ID.Kind == resource.KindCredential && s.NewSecret != (tc.secret == "") {
					t.Errorf("a fresh secret: %v", s.NewSecret)
				}
			}
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
