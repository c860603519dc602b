package openbao

import (
	"context"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// A standby of OpenBAO 2.5 and later answers reads by itself, from a state that
// is up to 100 ms old, and after a restart tens of seconds. Read so, a secret
// that we have just stored is missing, and would be replaced by another. So what
// was written lately is remembered, and an older answer is not believed.

// staleFor is how long a write is held against answers.
const staleFor = time.Minute

// stalePauses are the waits before an answer that is too old is asked for again.
var stalePauses = []time.Duration{
	20 * time.Millisecond, 40 * time.Millisecond, 80 * time.Millisecond, 160 * time.Millisecond, 320 * time.Millisecond,
}

// ledger remembers what was written lately. It is safe for concurrent use.
type ledger struct {
	mu     sync.Mutex
	writes map[string]written
	sweep  int // size at which what is too old is thrown out
}

// written is the last write of an entry.
type written struct {
	at      time.Time
	created time.Time // of the version that was written, or of the last before a removal
	version int
	removed bool
}

func newLedger() *ledger { return &ledger{writes: map[string]written{}, sweep: 1024} }

// wrote remembers a version of an entry.
func (l *ledger) wrote(key string, version int, created string) {
	l.put(key, written{at: time.Now(), created: since(created), version: version})
}

// removed remembers that an entry is gone.
func (l *ledger) removed(key string, last record) {
	l.put(key, written{at: time.Now(), created: since(last.created), version: last.version, removed: true})
}

func (l *ledger) put(key string, w written) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes[key] = w
	if len(l.writes) < l.sweep {
		return
	}
	for k, v := range l.writes {
		if time.Since(v.at) > staleFor {
			delete(l.writes, k)
		}
	}
	l.sweep = max(1024, 2*len(l.writes))
}

func (l *ledger) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.writes, key)
}

// stale reports that an answer is older than what we wrote.
func (l *ledger) stale(key string, r record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, known := l.writes[key]
	if !known || time.Since(w.at) > staleFor {
		return false
	}
	created := since(r.created)
	if w.removed {
		return r.there && !created.After(w.created)
	}
	return !r.there || created.Before(w.created) && r.version <= w.version
}

// fresh reads until the answer is no older than what we wrote. If it stays
// older, the node is asked what it is: the active one is believed, for then
// somebody else removed or replaced the entry since.
func (t *Target) fresh(ctx context.Context, e entry, read func(context.Context) (record, error)) (record, error) {
	r, err := read(ctx)
	for try := 0; err == nil && t.ledger.stale(e.key, r); try++ {
		if try < len(stalePauses) {
			if err := pause(ctx, stalePauses[try]); err != nil {
				return record{}, err
			}
			r, err = read(ctx)
			continue
		}
		h, herr := t.health(ctx)
		if herr != nil {
			return record{}, herr
		}
		if h.Standby {
			f := fault.New(fault.Transient, "StaleRead", "a standby answers with a state older than our last write")
			f.Hint = "let the address lead to the active node, or set disable_standby_reads on the servers"
			return record{}, f
		}
		if r, err = read(ctx); err == nil {
			t.ledger.forget(e.key)
		}
	}
	return r, err
}
