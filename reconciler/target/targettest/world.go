package targettest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// patience is the deadline of one call that ought to be answered.
const patience = 30 * time.Second

// world is a World with the harness and the test that it belongs to.
type world struct {
	*testing.T
	Harness
	World
	seen []string
}

func start(t *testing.T, h Harness) *world {
	t.Helper()
	w := &world{T: t, Harness: h, World: h.Start(t)}
	if w.Diff == nil {
		w.Diff = Changes
	}
	if w.Empty == nil {
		w.Empty = func(o resource.Observed) bool { return !o.Found }
	}
	if w.Input == nil {
		w.Input = func(int) target.Input { return target.Input{} }
	}
	if w.Faults == nil {
		w.Faults = AllFaults()
	}
	if w.Many == 0 {
		w.Many = 50
	}
	t.Cleanup(w.checkSecrets)
	return w
}

// observe asks for one resource and insists on an answer.
func (w *world) observe(n int, want resource.State) resource.Observed {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	got := w.observeAll(ctx, []resource.Resource{{ID: w.ID(n), State: want}})[0]
	if got.Err != nil {
		w.Fatalf("observe %s: %v", w.ID(n), got.Err)
	}
	return got
}

func (w *world) observeAll(ctx context.Context, rs []resource.Resource) []resource.Observed {
	w.Helper()
	got, err := w.Target.Observe(ctx, rs)
	w.note(err)
	if err != nil {
		w.Fatalf("observe: %v", err)
	}
	if len(got) != len(rs) {
		w.Fatalf("observe: want %d observations, got %d", len(rs), len(got))
	}
	for i, o := range got {
		w.note(o.Err)
		w.show(o)
		if o.ID != rs[i].ID {
			w.Fatalf("observation %d: want %s, got %s", i, rs[i].ID, o.ID)
		}
		if o.Found && o.Err == nil && o.Owner == "" {
			w.Errorf("observation of %s: found, and no owner", o.ID)
		}
		if o.Err == nil && o.Owner == resource.OwnerOther && o.OwnerName == "" {
			w.Errorf("observation of %s: owned by another, and no name", o.ID)
		}
	}
	return got
}

// step is what a plan would hold for the n-th resource; nil if nothing.
func (w *world) step(n int, want *resource.State) *plan.Step {
	w.Helper()
	if want == nil {
		got := w.observe(n, resource.State{})
		if w.Empty(got) {
			return nil
		}
		s := plan.Step{ID: w.ID(n), Action: plan.Delete, Before: &got.State, Version: got.Version}
		if w.Remove != nil {
			s = w.Remove(n, got)
		}
		return &s
	}
	got := w.observe(n, *want)
	if !got.Found {
		return &plan.Step{ID: w.ID(n), Action: plan.Create, After: want, Version: got.Version}
	}
	changes := w.Diff(*want, got, w.Input(n))
	if len(changes) == 0 {
		return nil
	}
	return &plan.Step{
		ID: w.ID(n), Action: plan.Update, Before: &got.State, After: want, Version: got.Version, Changes: changes,
	}
}

// apply carries a step out and returns its outcome and error.
func (w *world) apply(ctx context.Context, n int, s plan.Step) (target.Outcome, error) {
	out, err := w.Target.Apply(ctx, s, w.Input(n))
	w.note(err)
	w.show(out)
	return out, err
}

// converge brings the n-th resource to a state within some passes and insists
// that the difference is empty then. It returns the first step that it took.
func (w *world) converge(n int, want *resource.State, passes int) *plan.Step {
	w.Helper()
	var first *plan.Step
	var last error
	for range passes {
		s := w.step(n, want)
		if s == nil {
			return first
		}
		if first == nil {
			first = s
		}
		ctx, cancel := context.WithTimeout(w.Context(), patience)
		_, last = w.apply(ctx, n, *s)
		cancel()
	}
	if s := w.step(n, want); s != nil {
		w.Fatalf("%s does not converge: still to do after %d passes: %s %v (last error: %v)",
			w.ID(n), passes, s.Action, s.Changes, last)
	}
	return first
}

// state returns A or B of the n-th resource as a pointer.
func state(f func(int) resource.State, n int) *resource.State {
	s := f(n)
	return &s
}

// note keeps an error for checkSecrets and insists that it is a run error.
func (w *world) note(err error) {
	w.Helper()
	if err == nil {
		return
	}
	if _, ok := errors.AsType[*fault.Error](err); !ok {
		w.Errorf("an error that is no *fault.Error: %v", err)
	}
	w.seen = append(w.seen, fmt.Sprintf("%v %+v %#v %s", err, err, err, fault.HintOf(err)))
}

// show keeps every rendering of a value for checkSecrets.
func (w *world) show(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.Errorf("%T has no JSON form: %v", v, err)
	}
	w.seen = append(w.seen, fmt.Sprintf("%s %+v %#v", b, v, v))
}

func (w *world) checkSecrets() {
	if w.Secrets == nil {
		return
	}
	texts := w.seen
	if w.Logs != nil {
		texts = append(texts, w.Logs())
	}
	for i, secret := range w.Secrets() {
		for _, text := range texts {
			if secret != "" && strings.Contains(text, secret) {
				w.Errorf("secret %d shows in: %s", i, strings.ReplaceAll(text, secret, "<SECRET>"))
			}
		}
	}
}
