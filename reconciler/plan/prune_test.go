package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// TestOrphan: what a spec that is gone asked to give up loses our mark and nothing
// else; what a rotation has replaced serves out its overlap first.
func TestOrphan(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		// until is when the overlap ends of the application before; zero for no
		// rotation.
		until   time.Time
		blocked bool
		want    []string
	}{
		"as it was made":   {want: []string{"orphan client own", "orphan credential own", "keep endpoint "}},
		"in an overlap":    {until: now.Add(time.Hour), want: []string{"keep client own", "orphan client own_b", "keep credential own", "keep endpoint "}},
		"after an overlap": {until: now.Add(-time.Hour), want: []string{"delete client own", "orphan client own_b", "orphan credential own", "keep endpoint "}},
		"while blocked":    {blocked: true, want: []string{"skip client own", "skip credential own", "keep endpoint "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := trusting()
			p, observed := planFor(t, w, []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)}, nil)
			carryOut(t, w, p, observed)
			b := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
			own := resource.ID{Kind: resource.KindClient, Binding: b, Name: resource.ClientOwn}
			if !tc.until.IsZero() {
				replaced(w, own, tc.until)
			}
			p, observed = planFor(t, w, nil, func(in *plan.Input) {
				in.Now = now
				if tc.blocked {
					in.PruneBlocked = "a file is broken"
				}
				for i := range in.Gone {
					in.Gone[i].Deletion = schema.DeletionOrphan
				}
			})
			if diff := cmp.Diff(tc.want, stepsOf(p, b)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, s := range p.Steps {
				if s.Takes() {
					t.Errorf("%s %s takes something away", s.Action, s.ID)
				}
			}
			if len(tc.want) != 3 || tc.blocked {
				return
			}
			carryOut(t, w, p, observed)
			p, _ = planFor(t, w, nil, func(in *plan.Input) {
				in.Gone = []plan.Gone{{ID: own, Deletion: schema.DeletionOrphan}}
			})
			if diff := cmp.Diff([]string{"keep client own"}, stepsOf(p, b)); diff != "" {
				t.Errorf("after it was given up: -want +got:\n%s", diff)
			}
			// What asks for it again finds it like anybody's.
			p, _ = planFor(t, w, []schema.Agent{agent("booking", "production", schema.SchemeOAuth2)}, nil)
			for _, s := range p.Steps {
				if s.ID == (resource.ID{Kind: resource.KindCredential, Binding: b, Name: resource.ClientOwn}) && s.Action != plan.Skip {
					t.Errorf("%s %s, which was given up", s.Action, s.ID)
				}
			}
		})
	}
}

// stepsOf shows every step of a binding, in order.
func stepsOf(p plan.Plan, b resource.Binding) []string {
	var out []string
	for _, s := range p.Of(b) {
		out = append(out, fmt.Sprintf("%s %s %s", s.Action, s.ID.Kind, s.ID.Name))
	}
	return out
}

// replaced has a client's second application take over from its first, which
// serves until then.
func replaced(w *memory.World, own resource.ID, until time.Time) {
	spare, credential := own, own
	spare.Name, credential.Kind = resource.Spare(own.Name), resource.KindCredential
	id := own.Binding.ClientID(spare.Name)
	client := *w.Things[own].State.Client
	client.ClientID = id
	w.Things[spare] = &memory.Thing{Owner: resource.OwnerUs, State: resource.State{Client: &client}, Version: 1}
	c := w.Things[credential].State.Credential
	c.ClientID, c.Application, c.Until = id, spare.Name, until
	c.SecretDigest = c.ClientSecret.Digest(id)
	c.MarkDigest, client.SecretDigest = c.SecretDigest, c.SecretDigest
}
