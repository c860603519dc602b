package safety_test

import (
	"context"
	"net/http"
	"sync"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// life is one life of a process. It ends at a call that is about to be made or
// has just been answered: from then on none of its goroutines gets any further,
// as if all had been killed at once.
type life struct {
	mu sync.Mutex
	// left is how many more points it survives; negative means all.
	left   int
	points []string
	over   bool
	dead   chan struct{}
}

// newLife returns a life that ends at its n-th point, counted from 0.
func newLife(n int) *life { return &life{left: n, dead: make(chan struct{})} }

// immortal is a life that nothing ends.
func immortal() *life { return newLife(-1) }

// at passes a point and reports whether the process is still alive.
func (l *life) at(point string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	l.points = append(l.points, point)
	if l.left == 0 {
		l.over = true
		close(l.dead)
	}
	l.left--
	return !l.over
}

// pass passes a point, and never returns where that is the end.
func (l *life) pass(point string) {
	if !l.at(point) {
		select {}
	}
}

// last is the point at which it ended.
func (l *life) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.points[len(l.points)-1]
}

// ended reports that it is over.
func (l *life) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// mortal is a target whose effects are points of a life.
type mortal struct {
	target.Target
	life *life
}

// Observe implements target.Observer. To look is no effect, but the dead do
// not even look.
func (m mortal) Observe(ctx context.Context, rs []resource.Resource) ([]resource.Observed, error) {
	if m.life.ended() {
		select {}
	}
	return m.Target.Observe(ctx, rs)
}

// Apply implements target.Applier.
func (m mortal) Apply(ctx context.Context, s plan.Step, in target.Input) (target.Outcome, error) {
	what := string(s.Action) + " " + s.ID.String()
	m.life.pass("before " + what)
	out, err := m.Target.Apply(ctx, s, in)
	m.life.pass("after " + what)
	return out, err
}

// mortalCalls makes points of the calls of proofs.
type mortalCalls struct {
	life *life
	what string
}

// RoundTrip implements http.RoundTripper.
func (m mortalCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	m.life.pass("before " + m.what)
	resp, err := http.DefaultTransport.RoundTrip(r)
	m.life.pass("after " + m.what)
	return resp, err
}
