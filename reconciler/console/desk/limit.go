package desk

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

// perMinute is how often one person may do what costs a target something, or
// shows a secret.
var perMinute = map[string]int{
	ActionReveal: 10,
	ActionToken:  30,
	ActionTry:    60,
	ActionProve:  10,
	// What a change leads to is evaluated and planned each time.
	ActionCommit: 60,
	// A page that is open looks at its binding whenever something happens, a
	// second apart at most.
	lookAtOne:            120,
	lookAtAll:            6,
	inventory.ActionSync: 6,
}

// Looks at the targets, which the daemon needs for itself. They are no acts, and
// in no audit.
const (
	lookAtOne = "look at a binding"
	lookAtAll = "look at a revision"
)

// maxLimited is how many persons and actions are remembered. Who is not is like
// one who has asked for nothing yet.
const maxLimited = 4096

// limits bound how often each person does each thing. The zero value is ready.
type limits struct {
	mu sync.Mutex
	of map[limited]*rate.Limiter
}

// limited is what is counted by itself.
type limited struct{ subject, action string }

// allow refuses an action that somebody has asked for too often.
func (d *Desk) allow(who access.Principal, action string) error {
	wait := d.limits.take(limited{who.Subject, action}, d.now())
	if wait == 0 {
		return nil
	}
	return &fault.Error{
		Class: fault.Transient, Op: action, Reason: "RateLimited", RetryAfter: wait,
		Err:  fmt.Errorf("at most %d a minute are allowed", perMinute[action]),
		Hint: fmt.Sprintf("try again in %s", wait.Truncate(time.Second)+time.Second),
	}
}

// take takes one of those that are left, or says how long there is none.
func (l *limits) take(of limited, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[limited]*rate.Limiter{}
	}
	limiter := l.of[of]
	if limiter == nil {
		l.forget(now)
		burst := perMinute[of.action]
		limiter = rate.NewLimiter(rate.Every(time.Minute/time.Duration(burst)), burst)
		l.of[of] = limiter
	}
	r := limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// forget makes room where none is left: first those who have nothing to wait
// for, then anybody.
func (l *limits) forget(now time.Time) {
	if len(l.of) < maxLimited {
		return
	}
	for of, limiter := range l.of {
		if limiter.TokensAt(now) >= float64(limiter.Burst()) {
			delete(l.of, of)
		}
	}
	for of := range l.of {
		if len(l.of) < maxLimited {
			return
		}
		delete(l.of, of)
	}
}
