package source

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

const (
	// settle is how long refs must be quiet before a push is told of: git
	// updates several files for one push.
	settle = 15 * time.Millisecond
	// settleAtMost tells of a push though others go on.
	settleAtMost = 50 * time.Millisecond
	// whileBlind is the poll of a local repository that cannot be watched.
	whileBlind = 2 * time.Second
)

// Watch says when to take a Snapshot again: when the configured ref has moved,
// when the repository cannot be read any more, and when it can be again. Events
// that nobody took become one. The channel is closed when ctx ends.
//
// A repository on this machine is watched through its files, so that a push is
// told of within 100 ms, and looked at every Poll in case that an event was
// lost. A remote one is looked at every Poll, give or take a tenth, so that
// many replicas do not ask at the same moment.
func (s *Source) Watch(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	w := &watch{source: s, out: out}
	if s.location.local() {
		// Before Watch returns, so that no push falls in between.
		w.notifier = newNotifier(s.location.path, s.config.Logger)
		w.seen = w.state(ctx)
	}
	w.catchUp()
	go w.run(ctx)
	return out
}

// state is what decides whether to look again: the id behind the ref, or that
// there is an error.
type state struct {
	id     plumbing.Hash
	broken bool
}

type watch struct {
	source   *Source
	out      chan<- struct{}
	notifier *notifier
	seen     state
}

// catchUp tells of what happened between the last snapshot and the watch.
func (w *watch) catchUp() {
	s := w.source
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	switch {
	case s.last == nil:
	case w.notifier == nil:
		w.seen = state{id: s.lastID}
	case w.seen.id != s.lastID:
		w.tell()
	}
}

func (w *watch) tell() {
	select {
	case w.out <- struct{}{}:
	default: // it has not yet looked for the event before
	}
}

func (w *watch) run(ctx context.Context) {
	defer close(w.out)
	defer w.notifier.close()
	poll := time.NewTimer(w.next())
	defer poll.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	var since time.Time // of the first event that was not looked after yet
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.notifier.events():
			if !w.notifier.relevant(e) {
				continue
			}
		case err := <-w.notifier.errors():
			w.source.config.Logger.LogAttrs(ctx, slog.LevelDebug, "file events were lost", slog.Any("error", err))
		case <-quiet.C:
			since = time.Time{}
			w.look(ctx)
			continue
		case <-poll.C:
			w.notifier.arm()
			w.look(ctx)
			poll.Reset(w.next())
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		quiet.Reset(min(settle, max(0, settleAtMost-time.Since(since))))
	}
}

// next is when to look without having been told: sooner while a repository on
// this machine is not there or cannot be watched.
func (w *watch) next() time.Duration {
	poll := w.source.config.Poll
	if w.notifier != nil && (w.notifier.blind || w.seen.broken) {
		poll = min(poll, whileBlind)
	}
	return poll - poll/10 + rand.N(poll/5+1)
}

func (w *watch) look(ctx context.Context) {
	now := w.state(ctx)
	if ctx.Err() == nil && now != w.seen {
		w.source.config.Logger.LogAttrs(ctx, slog.LevelDebug, "ref changed",
			slog.String("revision", now.id.String()), slog.Bool("readable", !now.broken))
		w.seen = now
		w.tell()
	}
}

// state asks for the ref alone. The error itself is not told here: whoever
// takes the snapshot gets it.
func (w *watch) state(ctx context.Context) state {
	var now state
	err := w.source.exclusively(ctx, func(l look) error {
		_, id, err := selectRef(l, w.source.config)
		now.id = id
		return err
	})
	return state{id: now.id, broken: err != nil}
}
