package safety_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// passesOfEach is how often each of two writers looks again.
const passesOfEach = 6

// TestTwoWritersLeaveOneOutcome: two planners that know nothing of each other,
// their calls interleaved in any way, end where one of them alone would have:
// each credential and its client agree, and nothing opened in between.
func TestTwoWritersLeaveOneOutcome(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	rapid.Check(t, func(rt *rapid.T) {
		d := draw(rt, true)
		for _, id := range sorted(d.world.Things) {
			if thing := d.world.Things[id]; id.Kind != resource.KindKeyManager && rapid.IntRange(0, 3).Draw(rt, "accident") == 0 {
				drift(rt, thing)
			}
		}
		alone := cloneOf(d)
		for range passesOfEach {
			alone.once(context.Background())
		}
		opened := watch(d, &c)
		race(rt, d, &c)
		d.world.Fail = nil
		if *opened != "" {
			rt.Fatal(*opened)
		}
		last, _ := d.once(context.Background())
		if !last.Empty() {
			rt.Fatalf("the two have left something to do: %s", show(last))
		}
		if wrong := disagree(d, last); wrong != "" {
			rt.Fatal(wrong)
		}
		if diff := cmp.Diff(outline(alone.world), outline(d.world)); diff != "" {
			rt.Fatalf("two end elsewhere than one: -one +two:\n%s", diff)
		}
		c.add("worlds", 1)
	})
}

// watch notes the effect that opens an endpoint which no spec opens.
func watch(d *drawn, c *tally) *string {
	opened := new(string)
	closed := map[resource.ID]bool{}
	for id, thing := range d.world.Things {
		closed[id] = id.Kind == resource.KindEndpoint && !open(thing)
	}
	d.world.Fail = func(s plan.Step, after bool) error {
		if !after || s.ID.Kind != resource.KindEndpoint {
			return nil
		}
		c.add("endpoints watched", 1)
		is := open(d.world.Things[s.ID])
		if want := wantedEndpoint(d.want, s.ID.Binding); closed[s.ID] && is && (want == nil || want.Scheme != schema.SchemeNone) {
			*opened = fmt.Sprintf("%s %s opens it", s.Action, s.ID)
		}
		closed[s.ID] = closed[s.ID] || !is
		return nil
	}
	return opened
}

// race runs two writers and lets rapid say whose turn it is.
func race(rt *rapid.T, d *drawn, c *tally) {
	gates := []*turnstile{newTurnstile(), newTurnstile()}
	for _, gate := range gates {
		writer := *d.pass
		writer.targets = map[resource.Kind]target.Target{}
		for kind, t := range d.world.Targets() {
			writer.targets[kind] = guarded{Target: t, world: d.world, gate: gate}
		}
		go func() {
			defer close(gate.done)
			for range passesOfEach {
				writer.once(context.Background())
			}
		}()
	}
	live := []bool{gates[0].settled(), gates[1].settled()}
	for live[0] || live[1] {
		at := 0
		if live[1] && (!live[0] || rapid.Bool().Draw(rt, "the second's turn")) {
			at = 1
		}
		gates[at].turn <- struct{}{}
		live[at] = gates[at].settled()
		c.add("calls interleaved", 1)
	}
}

// cloneOf is a world of its own with the same things.
func cloneOf(d *drawn) *pass {
	w := memory.New()
	for id := range d.world.Things {
		w.Things[id] = d.world.Look(id)
	}
	p := newPass(w, d.want)
	p.deletion = d.deletion
	return p
}

// outline is what stands, secrets aside: they are random.
func outline(w *memory.World) map[string]string {
	out := map[string]string{}
	for id, t := range w.Things {
		out[id.String()] = fmt.Sprintf("%s %v", t.Owner, t.State.Fields())
	}
	return out
}
