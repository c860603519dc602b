package target

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"golang.org/x/sync/semaphore"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Limits bound what a gate lets through.
type Limits struct {
	// Steps is how many steps may be under way at once; zero means 8.
	Steps int
	// Observation and Step are the deadlines of one call; zero means a minute.
	// An observation of many resources gets ten milliseconds more for each.
	Observation, Step time.Duration
	// Retries is how often a transient failure is tried again; negative means
	// never, zero means twice.
	Retries int
	// Failures is how many calls in a row may find the target unreachable
	// before the breaker opens; zero means 5. It stays open for Rest, zero
	// meaning ten seconds.
	Failures int
	Rest     time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Steps == 0 {
		l.Steps = 8
	}
	if l.Observation == 0 {
		l.Observation = time.Minute
	}
	if l.Step == 0 {
		l.Step = time.Minute
	}
	switch {
	case l.Retries == 0:
		l.Retries = 2
	case l.Retries < 0:
		l.Retries = 0
	}
	if l.Failures == 0 {
		l.Failures = 5
	}
	if l.Rest == 0 {
		l.Rest = 10 * time.Second
	}
	return l
}

// Gate wraps a target with the same verbs: it bounds how many steps are under
// way, gives each call a deadline, repeats transient failures with back-off
// (never an unknown outcome), and leaves a target alone for a while that could
// not be reached several times in a row. What the core calls is always a gate.
type Gate struct {
	Target
	limits  Limits
	slots   *semaphore.Weighted
	breaker circuitbreaker.CircuitBreaker[any]
	retry   retrypolicy.RetryPolicy[any]
	// lost is why the target could not be reached the last time.
	lost atomic.Pointer[fault.Error]
}

// NewGate puts a gate before t.
func NewGate(t Target, l Limits) *Gate {
	l = l.withDefaults()
	g := &Gate{Target: t, limits: l, slots: semaphore.NewWeighted(int64(l.Steps))}
	g.breaker = circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return g.unreachable(err) }).
		WithFailureThreshold(uint(l.Failures)).
		WithDelay(l.Rest).
		Build()
	g.retry = retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool {
			return err != nil && fault.ClassOf(err) == fault.Transient && !g.resting(err)
		}).
		WithBackoff(100*time.Millisecond, 2*time.Second).
		WithJitterFactor(0.25).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[any]) time.Duration { return retryAfter(e.LastError()) }).
		WithMaxRetries(l.Retries).
		ReturnLastFailure().
		Build()
	return g
}

// unreachable reports that err says so of the target, and keeps it for the
// errors of the breaker, which alone would tell nobody what to mend.
func (g *Gate) unreachable(err error) bool {
	var f *fault.Error
	if !errors.As(err, &f) || !f.Unreachable {
		return false
	}
	g.lost.Store(f)
	return true
}

// resting reports that err is the breaker's own, which another try now cannot
// change.
func (g *Gate) resting(err error) bool { return errors.Is(err, circuitbreaker.ErrOpen) }

// retryAfter is the delay that the target asked for, if it is short enough to
// wait for here; negative leaves it to the back-off.
func retryAfter(err error) time.Duration {
	var f *fault.Error
	if errors.As(err, &f) && f.RetryAfter > 0 && f.RetryAfter <= 5*time.Second {
		return f.RetryAfter
	}
	return -1
}

// Observe implements Observer. Resources whose own observation failed in
// passing are asked for again by themselves.
func (g *Gate) Observe(ctx context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	limit := g.limits.Observation + time.Duration(len(resources))*10*time.Millisecond
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("the observation took too long"))
	defer cancel()
	out := make([]resource.Observed, len(resources))
	left := make([]int, len(resources))
	for i := range left {
		left[i] = i
	}
	err := g.run(ctx, func(ctx context.Context) error {
		ask := make([]resource.Resource, len(left))
		for i, at := range left {
			ask[i] = resources[at]
		}
		got, err := g.Target.Observe(ctx, ask)
		if err != nil {
			return err
		}
		var again []int
		var first error
		for i, at := range left {
			out[at] = got[i]
			if got[i].Err != nil && fault.ClassOf(got[i].Err) == fault.Transient {
				again = append(again, at)
				if first == nil {
					first = got[i].Err
				}
			}
		}
		left = again
		return first
	})
	if err != nil && len(left) == len(resources) {
		// Nothing was observed at all: each resource says so for itself, so
		// that the caller need not tell one resource from a thousand.
		switch {
		case errors.Is(err, circuitbreaker.ErrOpen):
			err = g.open("observe", "")
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			err = g.late(limit, err)
		}
		for i := range out {
			if out[i].Err == nil {
				out[i] = resource.Observed{ID: resources[i].ID, Err: err}
			}
		}
	}
	return out, nil
}

// Apply implements Applier.
func (g *Gate) Apply(ctx context.Context, step plan.Step, input Input) (Outcome, error) {
	if err := g.slots.Acquire(ctx, 1); err != nil {
		return Outcome{}, g.named(err, step)
	}
	defer g.slots.Release(1)
	ctx, cancel := context.WithTimeoutCause(ctx, g.limits.Step, errors.New("the step took too long"))
	defer cancel()
	var out Outcome
	err := g.run(ctx, func(ctx context.Context) error {
		got, err := g.Target.Apply(ctx, step, input)
		got.Writes += out.Writes
		out = got
		return err
	})
	return out, g.named(err, step)
}

// run calls f under the breaker and the retry policy.
func (g *Gate) run(ctx context.Context, f func(context.Context) error) error {
	return failsafe.With[any](g.retry, g.breaker).WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error {
		return f(e.Context())
	})
}

// named gives err a class and a resource if it has none.
func (g *Gate) named(err error, step plan.Step) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	switch {
	case errors.Is(err, circuitbreaker.ErrOpen):
		return g.open(string(step.Action), step.ID.String())
	case errors.As(err, &f):
		return err
	default:
		return &fault.Error{Class: fault.Transient, Target: g.Name(), Op: string(step.Action), Resource: step.ID.String(), Err: err}
	}
}

// late is the error of an observation that took longer than limit: the target
// hangs, or is far slower than it should be.
func (g *Gate) late(limit time.Duration, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Unreachable {
		return err
	}
	return &fault.Error{
		Class: fault.Transient, Target: g.Name(), Op: "observe", Reason: "TooSlow", Unreachable: true,
		Err:  fmt.Errorf("no answer within %s", limit.Round(time.Millisecond)),
		Hint: "see `gatewright doctor`; if it is only slow, raise limits.observation of the environment",
	}
}

// open is the error of a call that was not made because the breaker is open.
func (g *Gate) open(op, id string) error {
	f := &fault.Error{
		Class: fault.Transient, Target: g.Name(), Op: op, Resource: id, Reason: "CircuitOpen", Unreachable: true,
		RetryAfter: g.breaker.RemainingDelay(), Err: errors.New("it could not be reached several times in a row and is left alone for a while"),
		Hint: "see `gatewright doctor`",
	}
	if last := g.lost.Load(); last != nil && last.Err != nil {
		f.Err = fmt.Errorf("%w: %w", f.Err, last.Err)
		if last.Hint != "" {
			f.Hint = last.Hint
		}
	}
	return f
}
