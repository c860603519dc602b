package safety_test

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// TestRotationLocksNobodyOut: whatever is due and whoever asks, after every
// single step each stored credential gets a token; what a consumer read before
// gets one until the overlap has ended; and as much is left over as before.
func TestRotationLocksNobodyOut(t *testing.T) {
	t.Parallel()
	var c tally
	report(t, &c)
	rapid.Check(t, func(rt *rapid.T) {
		d := draw(rt, true)
		rest(d)
		rest(d) // the first may have rotated what authenticates otherwise now
		things := len(d.world.Things)
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			d.now = d.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, 15 * time.Minute, 2 * time.Hour, 50 * time.Hour}).Draw(rt, "later"))
			d.rotate = drawRequests(rt, d)
			before, locked := credentials(d), ""
			d.world.Fail = func(s plan.Step, after bool) error {
				if after {
					c.add("prefixes", 1)
					locked = cmp.Or(locked, serves(d, s))
				}
				return nil
			}
			made, errs := d.once(context.Background())
			if len(errs) > 0 {
				rt.Fatalf("what was planned fails: %v", errs)
			}
			d.world.Fail = nil
			if locked != "" {
				rt.Fatal(locked)
			}
			if second, _ := d.once(context.Background()); !second.Turns() {
				rt.Fatalf("it does more than rotate: %s", show(second))
			}
			d.once(context.Background())
			if second, _ := d.once(context.Background()); effects(second) > 0 {
				rt.Fatalf("there is still to do: %s", show(second))
			}
			for _, s := range made.Steps {
				if s.Rotates {
					c.add("rotations", 1)
					stillServes(rt, d, s, before[s.ID])
				}
			}
		}
		rest(d)
		if len(d.world.Things) != things {
			rt.Fatalf("%d things stand, %d did before", len(d.world.Things), things)
		}
		c.add("worlds", 1)
	})
}

// rest lets every overlap end, and what it leaves be taken away.
func rest(d *drawn) {
	d.rotate, d.now = nil, d.now.Add(100*time.Hour)
	for range 3 {
		d.once(context.Background())
		d.now = d.now.Add(12 * time.Minute)
	}
}

// drawRequests draws what somebody asks to rotate.
func drawRequests(t *rapid.T, d *drawn) map[resource.ID]plan.Rotation {
	out := map[resource.ID]plan.Rotation{}
	for _, id := range sorted(credentials(d)) {
		if rapid.IntRange(0, 3).Draw(t, "asked") > 0 {
			continue
		}
		r := plan.Rotation{At: d.now, Cut: rapid.IntRange(0, 3).Draw(t, "cut") == 0, Reason: "leaked"}
		if rapid.Bool().Draw(t, "an overlap") {
			overlap := rapid.SampledFrom([]schema.Seconds{0, 300}).Draw(t, "overlap")
			r.Overlap = &overlap
		}
		out[id] = r
	}
	return out
}

// credentials are those that stand and are wanted.
func credentials(d *drawn) map[resource.ID]resource.Credential {
	out := map[resource.ID]resource.Credential{}
	for id, thing := range d.world.Things {
		if c := thing.State.Credential; c != nil && wanted(d.want, id) {
			out[id] = *c
		}
	}
	return out
}

// serves says which stored credential gets no token after a step. It is called
// from the executor, which a test must not be ended in.
func serves(d *drawn, after plan.Step) string {
	for _, id := range sorted(credentials(d)) {
		if c := d.world.Things[id].State.Credential; !getsToken(d.world, *c) {
			return fmt.Sprintf("after %s of %s the credential %s gets no token", after.Action, after.ID, id)
		}
	}
	return ""
}

// stillServes wants what a consumer has read before a rotation to work on, if
// there is an overlap.
func stillServes(t *rapid.T, d *drawn, s plan.Step, was resource.Credential) {
	thing := d.world.Things[s.ID]
	if s.ID.Kind != resource.KindCredential || thing == nil {
		return
	}
	if until := thing.State.Credential.Until; until.After(d.now) != (s.Overlap > 0) {
		t.Fatalf("%s: an overlap of %s until %s, and it is %s", s.ID, s.Overlap, until, d.now)
	}
	if s.Overlap > 0 && !getsToken(d.world, was) {
		t.Fatalf("%s: what was read before gets no token within the overlap", s.ID)
	}
}

// getsToken reports whether a credential gets a token in a world, which is
// locked while a step is under way.
func getsToken(w *memory.World, c resource.Credential) bool {
	b, name, err := resource.ParseClientID(c.ClientID)
	thing := w.Things[resource.ID{Kind: resource.KindClient, Binding: b, Name: name}]
	return err == nil && thing != nil && !c.ClientSecret.IsZero() && thing.State.Client.SecretDigest == c.ClientSecret.Digest(c.ClientID)
}
