package safety_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// TestPlanOfWhatWasCarriedOutIsEmpty: whatever stands, one pass leaves nothing
// that a second would change; and nothing that it would even speak of if
// nothing was in the way.
func TestPlanOfWhatWasCarriedOutIsEmpty(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	for _, calm := range []bool{true, false} {
		rapid.Check(t, func(rt *rapid.T) {
			d := draw(rt, calm)
			first, errs := d.once(context.Background())
			if len(errs) > 0 {
				rt.Fatalf("what was planned fails: %v", errs)
			}
			before := first
			second, _ := d.once(context.Background())
			for range 2 {
				if effects(second) > 0 && second.Turns() {
					c.add("turns", 1)
					if what := unsaid(before, second); what != "" {
						rt.Fatalf("the plan before does not say that it leaves %s: %s\nafter it: %s", what, show(before), show(second))
					}
					before = second
					second, _ = d.once(context.Background())
				}
			}
			if effects(second) > 0 || calm && !second.Empty() {
				rt.Fatalf("there is still to do: %s", show(second))
			}
			if wrong := disagree(d, second); wrong != "" {
				rt.Fatalf("the plan is empty and %s", wrong)
			}
			c.add("worlds", 1)
			c.add("effects", effects(first))
			c.add("skips", first.Counts().Skip)
		})
	}
}

// unsaid is what rotates though the plan before did not say that it leaves it,
// which is how an apply knows that it has to go on.
func unsaid(before, turns plan.Plan) string {
	left := before.Unfinished()
	for _, s := range turns.Steps {
		if s.Rotates && s.Action.Effectful() && !slices.Contains(left, s.ID.Binding) {
			return s.ID.String()
		}
	}
	return ""
}

// disagree says what of a kept resource is not as desired. A client and its
// credential agree if they hold the same secret, so that a consumer gets in.
func disagree(d *drawn, p plan.Plan) string {
	for _, s := range p.Steps {
		thing := d.world.Things[s.ID]
		if s.Action != plan.Keep || s.After == nil || thing == nil || s.ID.Kind == resource.KindKeyManager {
			continue
		}
		if diff := cmp.Diff(s.After.Fields(), thing.State.Fields()); diff != "" && wanted(d.want, s.ID) {
			return fmt.Sprintf("%s differs: -want +got:\n%s", s.ID, diff)
		}
		peer := s.ID
		peer.Kind, peer.Name = resource.KindCredential, resource.Consumer(s.ID.Name)
		credential := d.world.Things[peer]
		if c := thing.State.Client; c != nil && wanted(d.want, s.ID) && !d.unreadable[peer] && credential != nil && credential.Owner == resource.OwnerUs &&
			credential.State.Credential.ClientID == c.ClientID && credential.State.Credential.SecretDigest != c.SecretDigest {
			return fmt.Sprintf("%s holds another secret than its credential", s.ID)
		}
	}
	return ""
}

// wanted reports that a set asks for id.
func wanted(set desired.Set, id resource.ID) bool {
	for _, b := range set.Bindings {
		for _, r := range b.Resources {
			if r.ID == id {
				return true
			}
		}
	}
	return false
}

// TestInputOrderNeverMatters: the same specs, environments, owned resources and
// observations in any order give a plan of the same bytes.
func TestInputOrderNeverMatters(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	rapid.Check(t, func(rt *rapid.T) {
		d := draw(rt, false)
		in := d.observe(context.Background())
		want := encode(rt, plan.Compute(in))
		agents := rapid.Permutation(d.agents).Draw(rt, "agents")
		for i, a := range agents {
			agents[i].Environments = rapid.Permutation(a.Environments).Draw(rt, "environments")
			for j, e := range agents[i].Environments {
				agents[i].Environments[j].Authentication.Clients = rapid.Permutation(e.Authentication.Clients).Draw(rt, "clients")
			}
		}
		in.Desired = derive(rt, agents)
		in.Desired.Bindings = rapid.Permutation(in.Desired.Bindings).Draw(rt, "bindings")
		in.Gone = rapid.Permutation(in.Gone).Draw(rt, "gone")
		if diff := cmp.Diff(want, encode(rt, plan.Compute(in))); diff != "" {
			rt.Fatalf("another order, another plan: -want +got:\n%s", diff)
		}
		c.add("plans", 1)
		c.add("bytes", len(want))
	})
}

// TestNothingUnmarkedIsTouched: what is marked as somebody else's is as before,
// and no step that would change it is in the plan.
func TestNothingUnmarkedIsTouched(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	rapid.Check(t, func(rt *rapid.T) {
		d := draw(rt, false)
		before := map[resource.ID]string{}
		for id, thing := range d.world.Things {
			if thing.Owner != resource.OwnerUs {
				before[id] = fmt.Sprintf("%+v %d", thing.State.Fields(), thing.Version)
			}
		}
		for range 2 {
			made, _ := d.once(context.Background())
			for _, s := range made.Steps {
				if before[s.ID] != "" && s.Action.Effectful() {
					rt.Fatalf("it plans to %s %s, which is not ours", s.Action, s.ID)
				}
			}
		}
		for id, was := range before {
			thing := d.world.Things[id]
			if thing == nil || fmt.Sprintf("%+v %d", thing.State.Fields(), thing.Version) != was {
				rt.Fatalf("%s was not ours and was changed", id)
			}
		}
		c.add("worlds", 1)
		c.add("foreign resources", len(before))
	})
}

// TestNoStepOpens: after every single step each endpoint is open only if it was
// before or if the spec says "none" in so many words.
func TestNoStepOpens(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	rapid.Check(t, func(rt *rapid.T) {
		d := draw(rt, false)
		was := map[resource.ID]bool{}
		for id, thing := range d.world.Things {
			if id.Kind == resource.KindEndpoint {
				was[id] = open(thing)
			}
		}
		d.world.Fail = func(s plan.Step, after bool) error {
			if !after {
				return nil
			}
			c.add("prefixes", 1)
			for id, before := range was {
				want := wantedEndpoint(d.want, id.Binding)
				said := want != nil && want.Scheme == schema.SchemeNone
				if !before && !said && open(d.world.Things[id]) {
					rt.Fatalf("%s %s opens %s", s.Action, s.ID, id)
				}
				if before && s.ID == id {
					was[id] = open(d.world.Things[id]) // what was closed stays so
				}
			}
			return nil
		}
		made, _ := d.once(context.Background())
		for _, s := range made.Steps {
			want := wantedEndpoint(d.want, s.ID.Binding)
			if s.Action.Effectful() && s.Opens && (want == nil || want.Scheme != schema.SchemeNone) {
				rt.Fatalf("the plan says that it opens %s", s.ID)
			}
			if s.ID.Kind == resource.KindEndpoint && s.Action == plan.Delete {
				rt.Fatalf("it deletes %s: the trait is never detached", s.ID)
			}
		}
		d.world.Fail = nil
		d.once(context.Background())
		c.add("worlds", 1)
	})
}

// TestDisabledAndVanishedDiffer: what a spec disables is opened or changed as
// it says and robbed of its clients; what has no spec any more stays locked,
// and its clients go only where the deletion policy says so.
func TestDisabledAndVanishedDiffer(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	rapid.Check(t, func(rt *rapid.T) {
		d := draw(rt, true)
		stood := map[resource.ID]memory.Thing{}
		for id, thing := range d.world.Things {
			stood[id] = *thing
		}
		d.once(context.Background())
		for id, was := range stood {
			want, present := wantedEndpoint(d.want, id.Binding), false
			for _, b := range d.want.Bindings {
				present = present || b.Binding == id.Binding
			}
			now := d.world.Things[id]
			switch {
			case id.Kind == resource.KindKeyManager:
			case id.Kind == resource.KindEndpoint && !present:
				c.add("vanished endpoints", 1)
				if diff := cmp.Diff(was.State.Endpoint, now.State.Endpoint); diff != "" {
					rt.Fatalf("%s has no spec and was changed: -was +is:\n%s", id, diff)
				}
			case id.Kind == resource.KindEndpoint:
				if now.State.Endpoint.Scheme != want.Scheme {
					rt.Fatalf("%s is %s, want %s", id, now.State.Endpoint.Scheme, want.Scheme)
				}
			case !present:
				c.add("vanished clients", 1)
				if policy := d.deletion[id.Binding]; (now == nil) != (policy == schema.DeletionPrune) {
					rt.Fatalf("%s: its policy is %s; gone: %v", id, policy, now == nil)
				}
			case want != nil && want.Scheme != schema.SchemeOAuth2:
				c.add("disabled clients", 1)
				if now != nil {
					rt.Fatalf("%s stands though its endpoint is %s", id, want.Scheme)
				}
			}
		}
	})
}

// TestGuardHolds: a plan that the guard lets through takes no more than the
// limits allow, and what it holds back takes nothing at all.
func TestGuardHolds(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	rapid.Check(t, func(rt *rapid.T) {
		d := draw(rt, rapid.Bool().Draw(rt, "calm"))
		in := d.observe(context.Background())
		made := plan.Compute(in)
		limits := plan.Limits{Percent: rapid.IntRange(1, 60).Draw(rt, "percent"), From: rapid.IntRange(1, 12).Draw(rt, "from")}
		taken, takenIn := 0, map[string]int{}
		for _, s := range made.Steps {
			if s.Takes() {
				taken++
				takenIn[s.ID.Binding.Environment]++
			}
		}
		err := made.Guard(limits)
		if err == nil {
			if in.Owned >= limits.From && taken*100 > limits.Percent*in.Owned {
				rt.Fatalf("%d of %d are taken away with limits %+v", taken, in.Owned, limits)
			}
			for env, n := range takenIn {
				if owned := in.OwnedIn[env]; owned >= limits.From && n*100 > limits.Percent*owned {
					rt.Fatalf("%d of %d are taken away from %s with limits %+v", n, owned, env, limits)
				}
			}
			c.add("let through", 1)
			return
		}
		if fault.ClassOf(err) != fault.Unsafe || fault.HintOf(err) == "" || taken == 0 {
			rt.Fatalf("refused %d of %d: %v, hint %q", taken, in.Owned, err, fault.HintOf(err))
		}
		c.add("held back", 1)
		before := clientsOf(d.world)
		d.carryOut(context.Background(), in, made.Hold(err))
		for id := range before {
			if d.world.Things[id] == nil {
				rt.Fatalf("%s was held back and deleted", id)
			}
		}
	})
}

// clientsOf lists what stands and could be deleted.
func clientsOf(w *memory.World) map[resource.ID]bool {
	out := map[resource.ID]bool{}
	for id := range w.Things {
		out[id] = true
	}
	return out
}

func encode(t *rapid.T, p plan.Plan) string {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// show lists what a plan would do or skips.
func show(p plan.Plan) string {
	out := p.Counts().String()
	for _, s := range p.Steps {
		if s.Action.Effectful() || s.Action == plan.Skip {
			out += fmt.Sprintf("\n%s %s: %s %v", s.Action, s.ID, s.Reason, s.Changes)
		}
	}
	return out
}
