package loop

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// freshFor is how long a revision that was loaded for people is not looked up
// again.
const freshFor = 3 * time.Second

// loaded is what a process without a daemon has loaded last.
type loaded struct {
	// turn is held by whoever loads; a channel, so that waiting for it ends with
	// the context.
	turn  chan struct{}
	state *State
	at    time.Time
}

// Newest returns what the newest revision asks for: what the daemon of this
// process loaded last, whom it does not keep waiting, or, where none runs, what
// the repository has now or had some seconds ago. It must not be changed.
func (e *Engine) Newest(ctx context.Context) (*State, error) {
	if d := e.running.Load(); d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.state == nil {
			f := fault.New(fault.Waiting, "NotLoaded", "no revision has been loaded yet")
			f.Op, f.Hint = "read the newest revision", "look again in a moment; if it stays, see the log of the daemon"
			return nil, f
		}
		return d.state, nil
	}
	l := e.loaded
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if l.state != nil && e.Options.Now().Sub(l.at) < freshFor {
		return l.state, nil
	}
	snap, err := e.Source.Snapshot(ctx)
	if err != nil {
		return l.stale(ctx, e, err)
	}
	if l.state == nil || l.state.Revision.Hash != snap.Revision.Hash {
		st, err := e.Load(ctx, snap)
		if err != nil {
			return l.stale(ctx, e, err)
		}
		l.state = &st
	}
	l.at = e.Options.Now()
	return l.state, nil
}

// stale is what was loaded before, if anything was: a repository that is away
// for a while blinds nobody.
func (l *loaded) stale(ctx context.Context, e *Engine, err error) (*State, error) {
	if l.state == nil {
		return nil, err
	}
	e.Log.WarnContext(ctx, "the newest revision could not be loaded", "error", err, "hint", fault.HintOf(err))
	l.at = e.Options.Now()
	return l.state, nil
}

// Wake lets the daemon of this process, if there is one, ask at once what people
// want; one in another process asks every few seconds by itself.
func (e *Engine) Wake() {
	select {
	case e.woken <- struct{}{}:
	default: // it is about to ask anyway
	}
}
