package targettest

import (
	"context"
	"slices"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// lifecycle: empty → A → B → A → empty, one step each, with an empty
// difference after each, and no write where there is nothing to do.
func lifecycle(w *world) {
	if s := w.step(0, nil); s != nil {
		w.Fatalf("the world is not empty at the start: %s %s", s.Action, s.ID)
	}
	for i, want := range []*resource.State{state(w.A, 0), state(w.B, 0), state(w.A, 0), nil} {
		if w.converge(0, want, 1) == nil {
			w.Fatalf("stage %d: nothing to do; A and B must differ", i)
		}
		w.still(0, want)
	}
}

// still insists that observing writes nothing and reports us as the owner.
func (w *world) still(n int, want *resource.State) {
	w.Helper()
	before := w.writes()
	desired := resource.State{}
	if want != nil {
		desired = *want
	}
	got := w.observe(n, desired)
	if want != nil && got.Owner != resource.OwnerUs {
		w.Errorf("owner of %s: want %s, got %q", w.ID(n), resource.OwnerUs, got.Owner)
	}
	if after := w.writes(); after != before {
		w.Errorf("observing made %d writes", after-before)
	}
}

func (w *world) writes() int {
	if w.Writes == nil {
		return 0
	}
	return w.Writes()
}

// doneAgain: a step that has taken effect is reported as done, leaves the same
// secret, and changes nothing.
func doneAgain(w *world) {
	var secrets []string
	for _, want := range []*resource.State{state(w.A, 0), state(w.B, 0), nil} {
		s := w.step(0, want)
		if s == nil {
			w.Fatalf("nothing to do")
		}
		secrets = secrets[:0]
		for range 3 {
			ctx, cancel := context.WithTimeout(w.Context(), patience)
			out, err := w.apply(ctx, 0, *s)
			cancel()
			if err != nil {
				w.Fatalf("%s %s again: %v", s.Action, s.ID, err)
			}
			secrets = append(secrets, out.Secret.Reveal())
		}
		if len(slices.Compact(secrets)) != 1 {
			w.Errorf("%s %s: applying again left another secret", s.Action, s.ID)
		}
		if next := w.step(0, want); next != nil {
			w.Errorf("%s %s: after applying again there is still to do: %s %v", s.Action, s.ID, next.Action, next.Changes)
		}
	}
}

// pruneByIdentity: what is owned and no longer desired is observed by its ID
// alone, and removing it leaves its neighbour alone.
func pruneByIdentity(w *world) {
	for n := range 2 {
		w.converge(n, state(w.A, n), 1)
	}
	got := w.observe(0, resource.State{})
	if w.Empty(got) || got.Owner != resource.OwnerUs {
		w.Fatalf("observed without a desired state: want ours, got found=%v owner=%q", got.Found, got.Owner)
	}
	w.converge(0, nil, 1)
	if s := w.step(1, state(w.A, 1)); s != nil {
		w.Errorf("removing %s changed %s: %v", w.ID(0), w.ID(1), s.Changes)
	}
}

// manyInOrder: many resources at once, some absent, are answered by index.
func manyInOrder(w *world) {
	var rs []resource.Resource
	stands := map[resource.ID]bool{}
	for n := range w.Many {
		if n%3 != 0 {
			w.converge(n, state(w.A, n), 1)
			stands[w.ID(n)] = true
		}
		rs = append(rs, resource.Resource{ID: w.ID(n), State: w.A(n)})
	}
	slices.Reverse(rs)
	input := slices.Clone(rs)
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	for i, got := range w.observeAll(ctx, rs) {
		if got.Err != nil {
			w.Fatalf("observation %d: %v", i, got.Err)
		}
		if stands[got.ID] == w.Empty(got) {
			w.Errorf("observation %d of %s: want standing %v, got found %v", i, got.ID, stands[got.ID], got.Found)
		}
		if input[i].ID != rs[i].ID {
			w.Fatalf("Observe reordered its input")
		}
	}
}

// meddled: a step that was planned before somebody changed the resource
// changes nothing, or at least nothing but what the step says; the next pass
// mends what was meddled with.
func meddled(w *world) {
	if w.Meddle == nil {
		w.Skip("the harness cannot meddle")
	}
	w.converge(0, state(w.A, 0), 1)
	stale := w.step(0, state(w.B, 0))
	w.Meddle(w.T, 0)
	if s := w.step(0, state(w.A, 0)); s == nil || s.Action != plan.Update {
		w.Fatalf("drift does not show: %v", s)
	}
	before := w.writes()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if _, err := w.apply(ctx, 0, *stale); err == nil {
		w.Errorf("a step planned before the resource moved was applied")
	}
	if w.Writes != nil && w.writes() != before {
		w.Errorf("a step planned before the resource moved wrote something")
	}
	w.converge(0, state(w.A, 0), 1)
	w.still(0, state(w.A, 0))
}
