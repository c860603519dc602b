package targettest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// hangLimit is the deadline of a call that meets a hang.
const hangLimit = 2 * time.Second

// transition is a step whose every write is made to fail in turn.
type transition struct {
	name     string
	from, to func(h Harness) *resource.State
}

func transitions() []transition {
	none := func(Harness) *resource.State { return nil }
	a := func(h Harness) *resource.State { return state(h.A, 0) }
	b := func(h Harness) *resource.State { return state(h.B, 0) }
	return []transition{{"create", none, a}, {"update", a, b}, {"remove", b, none}}
}

// faults: whichever write of a step fails, before or after its effect, the
// step tells the truth about it (done, or an error whose class allows looking
// again), and a few further passes end in the state that was asked for.
func faults(t *testing.T, h Harness) {
	t.Helper()
	for _, tr := range transitions() {
		t.Run(tr.name, func(t *testing.T) {
			h.parallel(t)
			w := start(t, h)
			if w.Arm == nil || w.Disarm == nil {
				t.Skip("the harness cannot arm faults")
			}
			for nth := range w.countWrites(tr) {
				for _, f := range w.Faults {
					t.Run(fmt.Sprintf("write %d %s", nth+1, f), func(t *testing.T) {
						h.parallel(t)
						start(t, h).fail(tr, f, nth+1)
					})
				}
			}
		})
	}
}

// countWrites makes a transition undisturbed and counts, 1 at least.
func (w *world) countWrites(tr transition) int {
	w.converge(0, tr.from(w.Harness), 1)
	before := w.writes()
	w.converge(0, tr.to(w.Harness), 1)
	return max(1, w.writes()-before)
}

func (w *world) fail(tr transition, f Fault, nth int) {
	w.converge(0, tr.from(w.Harness), 1)
	want := tr.to(w.Harness)
	s := w.step(0, want)
	if s == nil {
		w.Fatalf("nothing to do")
	}
	limit := patience
	if f.Action == FaultHang {
		limit = hangLimit
	}
	ctx, cancel := context.WithTimeout(w.Context(), limit)
	defer cancel()
	w.Arm(w.T, f, nth)
	_, err := w.apply(ctx, 0, *s)
	w.Disarm()
	w.truthful(f, err)
	if err == nil {
		if s := w.step(0, want); s != nil {
			w.Errorf("reported as done, and still to do: %s %v", s.Action, s.Changes)
		}
	}
	w.converge(0, want, 3)
	w.still(0, want)
}

// truthful insists on a class that fits: after an effect whose answer is lost
// only "unknown outcome" is true; before it "transient" is, too.
func (w *world) truthful(f Fault, err error) {
	if err == nil {
		return
	}
	switch class := fault.ClassOf(err); {
	case class == fault.Unknown:
	case class == fault.Transient && !f.After:
	case class == fault.Stalled && f.Action == FaultPage:
		// a login page in between needs a person
	default:
		w.Errorf("class of %v: got %q", err, class)
	}
}
