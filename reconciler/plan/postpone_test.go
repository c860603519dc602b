package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// TestPostpones: a plan says of which credential it leaves a rotation to the
// next one, and no plan leaves one without saying so.
func TestPostpones(t *testing.T) {
	t.Parallel()
	spec := agent("booking", "production", schema.SchemeOAuth2, "mobile")
	changed := agent("booking", "production", schema.SchemeOAuth2, "mobile")
	changed.Environments[0].Authentication.Validity = 300
	b := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	mobile := resource.ID{Kind: resource.KindCredential, Binding: b, Name: "mobile"}
	mine := []resource.Binding{b}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	down := fault.New(fault.Transient, "Down", "it is down")
	asked := func(in *plan.Input) {
		in.Now, in.Rotate = now, map[resource.ID]plan.Rotation{mobile: {At: now, Reason: "it leaked"}}
	}
	for name, tc := range map[string]struct {
		spec      schema.Agent
		adjust    func(*plan.Input)
		postponed []resource.ID
		left      []resource.Binding
		turns     bool
		reason    string
	}{
		"nothing is due":     {spec: changed, reason: "a changed client leaves nothing"},
		"it changes nothing": {spec: spec, adjust: asked, turns: true, reason: "the rotation is carried out, with an overlap"},
		"it changes the client": {
			spec: changed, adjust: asked, postponed: []resource.ID{mobile}, left: mine, reason: "the client is changed first",
		},
		"no overlap": {
			spec: spec, left: mine, turns: true, reason: "what was replaced is to go at once",
			adjust: func(in *plan.Input) {
				var none schema.Seconds
				asked(in)
				in.Rotate[mobile] = plan.Rotation{At: now, Overlap: &none, Reason: "it leaked"}
			},
		},
		"the client cannot be seen": {
			spec: changed, reason: "what is skipped is not carried out, and leaves nothing by that",
			adjust: func(in *plan.Input) {
				asked(in)
				client := mobile
				client.Kind = resource.KindClient
				in.Observed[client] = resource.Observed{ID: client, Err: down}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := trusting()
			first, observed := planFor(t, w, []schema.Agent{spec}, nil)
			carryOut(t, w, first, observed)
			if left := first.Unfinished(); left != nil {
				t.Errorf("what is made anew leaves %v", left)
			}
			p, _ := planFor(t, w, []schema.Agent{tc.spec}, tc.adjust)
			var postponed []resource.ID
			for _, s := range p.Steps {
				if s.Postpones {
					postponed = append(postponed, s.ID)
				}
			}
			if diff := cmp.Diff(tc.postponed, postponed); diff != "" {
				t.Errorf("%s: postponed: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.left, p.Unfinished()); diff != "" {
				t.Errorf("%s: left: -want +got:\n%s", tc.reason, diff)
			}
			effects := slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Action.Effectful() })
			if got := effects && p.Turns(); got != tc.turns {
				t.Errorf("%s: it does nothing but rotate: %v, want %v\n%v", tc.reason, got, tc.turns, actions(p))
			}
			if rotates := len(p.Rotations()) > 0; rotates != tc.turns {
				t.Errorf("%s: rotations %v", tc.reason, p.Rotations())
			}
		})
	}
}
