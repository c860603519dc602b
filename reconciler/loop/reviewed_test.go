package loop_test

import (
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// TestReviewedPlanStaysWhatItIs: what has to be tried again of a plan that was
// reviewed changes nothing that the plan did not, though the world has moved.
func TestReviewedPlanStaysWhatItIs(t *testing.T) {
	t.Parallel()
	for name, reviewed := range map[string]bool{"reviewed": true, "not reviewed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{})
			s.push(agent("booking", schema.SchemeOAuth2))
			s.apply()
			client := resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}
			endpoint := resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}
			s.world.Remove(client)
			p := s.plan()
			p.Reviewed = reviewed
			failed := false
			s.world.Fail = func(step plan.Step, after bool) error {
				if step.ID != client || after || failed {
					return nil
				}
				failed = true
				delete(s.world.Things, endpoint) // somebody opens the API meanwhile
				return fault.New(fault.Transient, "Reset", "the connection was reset")
			}
			report, err := s.engine.Converge(t.Context(), p, loop.TriggerApply, nil)
			if err != nil || !failed {
				t.Fatal(err, failed)
			}
			if s.world.Look(client) == nil {
				t.Error("what was reviewed was not tried again")
			}
			if got := s.world.Look(endpoint) == nil; got != reviewed {
				t.Errorf("the endpoint was left as it is: %v", got)
			}
			if err := report.Errors[binding("booking")]; reviewed != (fault.ClassOf(err) == fault.Unsafe && err != nil) {
				t.Errorf("got %v", err)
			}
		})
	}
}
