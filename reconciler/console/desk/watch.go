package desk

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// What a Notice is about.
const (
	NoticeBindings = "bindings"
	NoticeEvent    = "event"
	NoticeRun      = "run"
	NoticeRevision = "revision"
)

// Notice says that something has changed, so that whoever shows it looks again.
type Notice struct {
	Kind string `enum:"bindings,event,run,revision" json:"kind"`
	// Bindings are those that have changed, sorted; none means many.
	Bindings []resource.Binding `json:"bindings,omitempty"`
	At       time.Time          `json:"at"`
}

// How often it is looked, how many bindings a notice names at most, and how many
// notices wait for a slow reader before the next is lost.
const (
	lookEvery  = time.Second
	maxNoticed = 100
	maxUnread  = 16
)

// watch tells those who watch. The zero value is ready; it costs nothing while
// nobody watches.
type watch struct {
	mu      sync.Mutex
	readers map[chan Notice]access.Principal
	stop    context.CancelFunc
	stopped chan struct{}
}

// Watch tells of changes of what who may see until ctx ends, and then closes the
// channel. It never waits for a reader: who is slow loses notices, and looks
// again at the next one.
func (d *Desk) Watch(ctx context.Context, who access.Principal) <-chan Notice {
	out := make(chan Notice, maxUnread)
	if !who.MayAny(access.Viewer) {
		close(out)
		return out
	}
	d.join(ctx, out, who)
	go func() {
		<-ctx.Done()
		d.leave(out)
		close(out)
	}()
	return out
}

// join adds a reader, and begins to look if it is the first.
func (d *Desk) join(ctx context.Context, out chan Notice, who access.Principal) {
	w := &d.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readers == nil {
		w.readers = map[chan Notice]access.Principal{}
	}
	w.readers[out] = who
	if len(w.readers) > 1 {
		return
	}
	// Others join, and stay when the first has left.
	looking, stop := context.WithCancel(context.WithoutCancel(ctx))
	before, done := w.stopped, make(chan struct{})
	w.stop, w.stopped = stop, done
	go func() {
		defer close(done)
		if before != nil {
			<-before // one looks at a time
		}
		d.lookOut(looking)
	}()
}

// leave takes a reader away, and ends looking if it was the last.
func (d *Desk) leave(out chan Notice) {
	w := &d.watch
	w.mu.Lock()
	delete(w.readers, out)
	last, stopped := len(w.readers) == 0, w.stopped
	if last {
		w.stop()
	}
	w.mu.Unlock()
	if last {
		<-stopped
	}
}

// lookOut looks every second until ctx ends.
func (d *Desk) lookOut(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	l := lookout{desk: d}
	for {
		if err := l.look(ctx); err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "what has changed could not be read", "error", err, "hint", fault.HintOf(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lookout remembers how things were when it looked last.
type lookout struct {
	desk  *Desk
	begun bool
	last  inventory.Pulse
	// running and coming are revisions.
	running, coming string
	// told are the changes of the last seconds that were told already.
	told map[resource.Binding]time.Time
}

// overlap is how far changes are looked for behind the newest: what is stored
// together bears the times at which it was asked for.
const overlap = 2 * time.Second

// look tells what is new since the last time. The first time nothing is.
func (l *lookout) look(ctx context.Context) error {
	p, err := l.desk.Store.Pulse(ctx)
	if err != nil {
		return err
	}
	running, _, err := l.desk.Store.Meta(ctx, metaRevision)
	if err != nil {
		return err
	}
	coming := l.coming
	if st, err := l.desk.Engine.Newest(ctx); err == nil {
		coming = st.Revision.Hash
	}
	if l.begun {
		err = l.tell(ctx, p)
		if running != l.running || coming != l.coming {
			l.desk.tell(NoticeRevision, nil)
		}
	}
	l.begun, l.last, l.running, l.coming = true, p, running, coming
	return err
}

// tell tells what differs between the last look and p.
func (l *lookout) tell(ctx context.Context, p inventory.Pulse) error {
	if p.Run != l.last.Run || !p.Ended.Equal(l.last.Ended) {
		l.desk.tell(NoticeRun, nil)
	}
	if p.Event != l.last.Event {
		if err := l.events(ctx, p.Event); err != nil {
			return err
		}
	}
	if p.Updated.Equal(l.last.Updated) && p.Bindings == l.last.Bindings {
		return nil
	}
	changed, err := l.desk.Store.Changed(ctx, l.last.Updated.Add(-overlap), 10*maxNoticed)
	if err != nil {
		return err
	}
	fresh := maps.Clone(changed)
	maps.DeleteFunc(fresh, func(b resource.Binding, at time.Time) bool {
		return l.told[b].Equal(at) || l.told == nil && !at.After(l.last.Updated)
	})
	l.told = changed
	if len(fresh) == 0 && p.Bindings == l.last.Bindings {
		return nil
	}
	if len(changed) == 10*maxNoticed || p.Bindings < l.last.Bindings {
		fresh = nil // many, or some of which only others know the names
	}
	l.desk.tell(NoticeBindings, fresh)
	return nil
}

// events tells of the events up to an id that are new.
func (l *lookout) events(ctx context.Context, upTo int64) error {
	found, err := l.desk.Store.Events(ctx, inventory.EventFilter{Before: upTo + 1, Limit: maxNoticed})
	if err != nil {
		return err
	}
	about := map[resource.Binding]time.Time{}
	for _, e := range found {
		if e.ID > l.last.Event && e.Binding.Agent != "" {
			about[e.Binding] = e.At
		}
	}
	if upTo-l.last.Event > maxNoticed || len(about) == 0 {
		about = nil
	}
	l.desk.tell(NoticeEvent, about)
	return nil
}

// tell gives a notice to everybody who may see something of it; no bindings
// means many.
func (d *Desk) tell(kind string, bindings map[resource.Binding]time.Time) {
	d.watch.mu.Lock()
	defer d.watch.mu.Unlock()
	now := d.now().UTC()
	sorted := slices.SortedFunc(maps.Keys(bindings), resource.Binding.Compare)
	for out, who := range d.watch.readers {
		n := Notice{Kind: kind, At: now}
		for _, b := range sorted {
			if who.May(access.Viewer, b) && !desired.IsProbe(b) {
				n.Bindings = append(n.Bindings, b)
			}
		}
		if len(sorted) > 0 && len(n.Bindings) == 0 {
			continue
		}
		if len(n.Bindings) > maxNoticed {
			n.Bindings = nil
		}
		select {
		case out <- n:
		default: // it is slow, and looks again at what it has unread
		}
	}
}
