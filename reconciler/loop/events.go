package loop

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// events looks again whenever there is reason to. A pass over all bindings runs
// beside the loop once the first has ended: it may take long, and a push is not
// to wait for it.
func (d *daemon) events(ctx context.Context) {
	pushes := d.Source.Watch(ctx)
	said := d.orders(ctx, "")
	if st, changed := d.newest(ctx); st != nil {
		d.carry(ctx, *st, nil, triggerStart, changed)
	}
	defer d.watchTargets(ctx).Wait()
	timer := time.NewTimer(d.interval())
	defer timer.Stop()
	orders := time.NewTicker(heed)
	defer orders.Stop()
	whole := wholePass{ended: make(chan struct{}, 1)}
	defer whole.wait()
	heeded := func() {
		now := d.orders(ctx, said)
		if now == said {
			return
		}
		said = now
		if st, changed := d.newest(ctx); st != nil {
			whole.start(func() { d.carry(ctx, *st, nil, triggerOrder, changed) })
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-pushes:
			if !open {
				pushes = nil
				continue
			}
			st, changed := d.newest(ctx)
			switch {
			case st == nil:
			case d.toReview():
				whole.start(func() { d.carry(ctx, *st, nil, triggerPush, changed) })
			case len(changed) > 0:
				d.carry(ctx, *st, changed, triggerPush, changed)
			}
		case <-timer.C:
			if st, changed := d.newest(ctx); st != nil {
				whole.start(func() { d.carry(ctx, *st, nil, triggerInterval, changed) })
			} else {
				timer.Reset(d.interval())
			}
		case <-orders.C:
			heeded()
		case <-d.woken:
			heeded()
		case <-whole.ended:
			if whole.next(); !whole.running {
				timer.Reset(d.interval())
			}
		}
	}
}

// heed is how often the inventory is asked what people want: what they suspend
// is looked up again before each effect, but what they resume, or what ends by
// itself, is not to wait for the interval.
const heed = 2 * time.Second

// orders names what people want now, and is last where that cannot be read.
func (d *daemon) orders(ctx context.Context, last string) string {
	suspensions, err := d.Store.Suspensions(ctx)
	if err != nil {
		return last
	}
	order, err := d.Store.LastOrder(ctx)
	if err != nil {
		return last
	}
	var b strings.Builder
	fmt.Fprintf(&b, "order %d\n", order)
	for _, s := range suspensions {
		if s.Active(d.Options.Now()) {
			fmt.Fprintf(&b, "%s is suspended\n", s.Scope)
		}
	}
	return b.String()
}

// wholePass runs one pass over all bindings at a time. One that is asked for
// meanwhile comes after it, and only the last of several.
type wholePass struct {
	running bool
	waiting func()
	ended   chan struct{}
}

// start runs a pass, or keeps it until the one that runs has ended.
func (w *wholePass) start(pass func()) {
	if w.running {
		w.waiting = pass
		return
	}
	w.running = true
	go func() {
		pass()
		w.ended <- struct{}{}
	}()
}

// next takes note that a pass has ended.
func (w *wholePass) next() {
	pass := w.waiting
	w.running, w.waiting = false, nil
	if pass != nil {
		w.start(pass)
	}
}

// wait waits for the pass that runs.
func (w *wholePass) wait() {
	if w.running {
		<-w.ended
	}
}
