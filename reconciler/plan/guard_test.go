package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	var agents []schema.Agent
	for i := range 10 {
		agents = append(agents, agent(fmt.Sprintf("agent-%d", i), "production", schema.SchemeOAuth2))
	}
	w := trusting()
	p, observed := planFor(t, w, agents, nil)
	carryOut(t, w, p, observed)
	limits := plan.Limits{Percent: 30, From: 10}
	p, _ = planFor(t, w, agents[1:], nil)
	if err := p.Guard(limits); err != nil {
		t.Errorf("one agent of ten: %v", err)
	}
	p, _ = planFor(t, w, agents[6:], nil)
	err := p.Guard(limits)
	if fault.ClassOf(err) != fault.Unsafe {
		t.Fatalf("six agents of ten: got %v", err)
	}
	if c := p.Hold(err).Counts(); c.Delete != 0 {
		t.Errorf("held plan still deletes: %+v", c)
	}
}

// TestGuardOfEachEnvironment: one that loses much is held back though it is
// little of the whole, and the whole though no environment loses much.
func TestGuardOfEachEnvironment(t *testing.T) {
	t.Parallel()
	deletes := func(n map[string]int) plan.Plan {
		p := plan.Plan{Revision: "r1", Owned: 100, OwnedIn: map[string]int{"production": 20, "staging": 80}}
		for env, n := range n {
			for range n {
				p.Steps = append(p.Steps, plan.Step{ID: resource.ID{Binding: resource.Binding{Environment: env}}, Action: plan.Delete})
			}
		}
		return p
	}
	for name, tc := range map[string]struct {
		taken  map[string]int
		limits plan.Limits
		want   string
	}{
		"little": {map[string]int{"production": 6, "staging": 24}, plan.Limits{Percent: 30, From: 10}, ""},
		"much of a small environment": {
			map[string]int{"production": 7}, plan.Limits{Percent: 30, From: 10},
			"the plan deletes or disables 7 of 20 owned resources in environment production, more than 30 %",
		},
		"much of both": {
			map[string]int{"production": 20, "staging": 80}, plan.Limits{Percent: 30, From: 10},
			"the plan deletes or disables 20 of 20 owned resources in environment production, more than 30 %; " +
				"80 of 80 owned resources in environment staging, more than 30 %",
		},
		"an environment with a limit of its own": {
			map[string]int{"production": 2},
			plan.Limits{Percent: 30, From: 10, Environments: map[string]plan.Limit{"production": {Percent: 5, From: 1}}},
			"the plan deletes or disables 2 of 20 owned resources in environment production, more than 5 %",
		},
		"much in all, within what each environment allows": {
			map[string]int{"production": 10, "staging": 30},
			plan.Limits{Percent: 30, From: 10, Environments: map[string]plan.Limit{"production": {50, 1}, "staging": {50, 1}}},
			"the plan deletes or disables 40 of 100 owned resources in all, more than 30 %",
		},
		"an environment that is too small": {
			map[string]int{"production": 20}, plan.Limits{Percent: 30, From: 21}, "",
		},
	} {
		err := deletes(tc.taken).Guard(tc.limits)
		if (err == nil) != (tc.want == "") || err != nil && err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
		if err != nil && !strings.Contains(fault.HintOf(err), "--confirm r1") {
			t.Errorf("%s: hint %s", name, fault.HintOf(err))
		}
	}
}
