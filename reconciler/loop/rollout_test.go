package loop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/apply"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// arriving is a gateway at which the first so many endpoints have arrived. It
// notes how many it was asked for at a time.
type arriving struct {
	target.Target
	arrived int
	asked   []int
}

func (*arriving) Name() string { return "gateway" }

func (a *arriving) Observe(_ context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	a.asked = append(a.asked, len(resources))
	out := make([]resource.Observed, len(resources))
	for i, r := range resources {
		out[i] = resource.Observed{ID: r.ID, Found: true}
		if r.ID.Binding.Agent >= fmt.Sprintf("agent-%04d", a.arrived) {
			out[i].Rollout = resource.Rollout{Class: string(fault.Waiting), Reason: "Rendering"}
		}
	}
	return out, nil
}

// TestManyRolloutsAreListedSeldom: a thousand pending rollouts are asked for as
// a whole when it is worth it, and at least now and then.
func TestManyRolloutsAreListedSeldom(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	gateway := &arriving{}
	env := &Environment{Targets: map[resource.Kind]target.Target{resource.KindEndpoint: gateway}}
	e := New(Engine{Environments: []*Environment{env}, Options: Options{Rollout: time.Minute, Now: func() time.Time { return now }}})
	r := e.newRollouts(env)
	r.listed = now
	var all []*pending
	for i := range 1000 {
		b := resource.Binding{Agent: fmt.Sprintf("agent-%04d", i)}
		want := resource.Resource{ID: resource.ID{Kind: resource.KindEndpoint, Binding: b}}
		all = append(all, &pending{job: &job{binding: b, wanted: &desired.Binding{Resources: []resource.Resource{want}}}, since: now})
	}
	for _, step := range []struct {
		reason  string
		arrived int
		wait    time.Duration
		asked   []int
		left    int
	}{
		{"none of the few has arrived", 0, time.Second, []int{8}, 1000},
		{"three of them have", 400, time.Second, []int{8}, 997},
		{"half of the few that are left have", 700, time.Second, []int{8, 992}, 300},
		{"nothing new", 700, 28 * time.Second, []int{8}, 300},
		{"half the limit has passed", 700, 2 * time.Second, []int{8, 300}, 300},
		{"few are left", 996, time.Second, []int{8, 293}, 4},
		{"the rest", 1000, time.Second, []int{4}, 0},
	} {
		now, gateway.arrived, gateway.asked = now.Add(step.wait), step.arrived, nil
		r.observe(t.Context(), all)
		if diff := cmp.Diff(step.asked, gateway.asked); diff != "" {
			t.Errorf("%s: asked for -want +got:\n%s", step.reason, diff)
		}
		if left := len(under(all)); left != step.left {
			t.Errorf("%s: %d left, want %d", step.reason, left, step.left)
		}
	}
}

// TestResume: a pass that changes nothing of an endpoint that is on its way
// does not set its clock back.
func TestResume(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	changed := Outcome{Settled: []apply.Settled{{Step: plan.Step{ID: resource.ID{Kind: resource.KindEndpoint}}}}}
	tests := map[string]struct {
		reason  string
		hash    string
		outcome Outcome
		want    bool
	}{
		"looked at again": {reason: "its proof has to be able to fail", hash: "a", want: true},
		"written again":   {reason: "the gateway has its time for each change", hash: "a", outcome: changed},
		"another wish":    {reason: "the former one is of no interest", hash: "b"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &round{engine: New(Engine{}), report: &Report{}, total: 2, flushed: time.Now()}
			b := resource.Binding{Agent: "booking"}
			earlier := &pending{
				job: &job{round: r, binding: b, wanted: &desired.Binding{Hash: "a"}}, since: start, rolled: start.Add(time.Second),
				lastSeen: resource.Observed{URL: "http://gateway/booking"},
			}
			later := &pending{
				job: &job{round: r, binding: b, wanted: &desired.Binding{Hash: tc.hash}}, outcome: tc.outcome, since: start.Add(time.Minute),
			}
			got := join([]*pending{earlier}, []*pending{later})
			if len(got) != 1 || got[0] != later {
				t.Fatalf("got %d pending, want the later one", len(got))
			}
			resumed := later.since.Equal(start) && later.rolled.Equal(earlier.rolled) && later.lastSeen.URL == earlier.lastSeen.URL
			if resumed != tc.want {
				t.Errorf("%s: resumed is %v, want %v", tc.reason, resumed, tc.want)
			}
		})
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	after := start.Add
	const limit = time.Minute
	tests := map[string]struct {
		reason       string
		now, arrived time.Time
		rolled       bool
		want         bool
	}{
		"within the limit":         {reason: "the gateway has its time", now: after(limit)},
		"past the limit":           {reason: "nothing arrives at all", now: after(limit + 1), want: true},
		"others arrive":            {reason: "the gateway works through them", now: after(5 * limit), arrived: after(4 * limit)},
		"others have ceased to":    {reason: "the limit runs again", now: after(5 * limit), arrived: after(4*limit - 1), want: true},
		"others arrive for ever":   {reason: "one that is stuck is told", now: after(patience*limit + 1), arrived: after(patience * limit), want: true},
		"arrived, not yet proved":  {reason: "its proof has a limit of its own", now: after(patience*limit + 1), rolled: true},
		"others arrived before it": {reason: "that says nothing about this one", now: after(limit + 1), arrived: after(-1), want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pending{since: start}
			if tc.rolled {
				p.rolled = start
			}
			if got := p.late(tc.now, tc.arrived, limit); got != tc.want {
				t.Errorf("got %v, want %v: %s", got, tc.want, tc.reason)
			}
		})
	}
}
