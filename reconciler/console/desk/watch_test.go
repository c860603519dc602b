package desk_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// await reads notices until one is of a kind.
func await(t *testing.T, from <-chan desk.Notice, kind string) desk.Notice {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case n, open := <-from:
			if !open {
				t.Fatalf("the channel was closed before a notice of %s", kind)
			}
			if n.Kind == kind {
				return n
			}
		case <-limit:
			t.Fatalf("not within 20 s: a notice of %s", kind)
		}
	}
}

// touch changes a binding, with an event.
func touch(t *testing.T, s *desktest.Scene, b resource.Binding) {
	t.Helper()
	row, _, err := s.Store.Binding(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	row.Status, row.Class, row.Message = inventory.Failing, fault.Transient, time.Now().String()
	if err := s.Store.SaveBindings(t.Context(), []inventory.Binding{row}); err != nil {
		t.Fatal(err)
	}
	if err := s.Store.Event(t.Context(), inventory.Event{Actor: "x", Action: "y", Binding: b}); err != nil {
		t.Fatal(err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	till := desktest.Binding("other", "shop", "till")
	ctx, leave := context.WithCancel(t.Context())
	slow := s.Desk.Watch(ctx, desktest.Admin) // which nobody reads
	dev, stranger := s.Desk.Watch(ctx, desktest.Developer), s.Desk.Watch(ctx, desktest.Stranger)
	time.Sleep(1200 * time.Millisecond) //nolint:forbidigo // the first look is what later ones are compared with
	touch(t, s, desktest.Booking)
	if n := await(t, dev, desk.NoticeBindings); !slices.Equal(n.Bindings, []resource.Binding{desktest.Booking}) {
		t.Errorf("notice of bindings %v", n.Bindings)
	}
	touch(t, s, till)
	for _, kind := range []string{desk.NoticeEvent, desk.NoticeBindings} {
		if n := await(t, stranger, kind); !slices.Equal(n.Bindings, []resource.Binding{till}) {
			t.Errorf("a stranger is told of %v", n.Bindings)
		}
	}
	s.Later(time.Minute)
	s.Push(desktest.Agent("acme", "travel", "booking", schema.SchemeOAuth2))
	await(t, dev, desk.NoticeRevision)
	s.Apply()
	await(t, dev, desk.NoticeRun)
	leave()
	for _, c := range []<-chan desk.Notice{slow, dev, stranger} {
		for range c { // ends, since it is closed
		}
	}
	if _, open := <-s.Desk.Watch(t.Context(), desktest.Nobody); open {
		t.Error("who may see nothing is told something")
	}
}

// TestSync: an order is heeded at once by a daemon of the same process.
func TestSync(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Engine.Run(ctx) }()
	defer func() {
		stop()
		<-ended
	}()
	client := resource.ID{Kind: resource.KindClient, Binding: desktest.Booking, Name: "own"}
	limit := time.Now().Add(20 * time.Second)
	for _, err := s.Engine.Newest(t.Context()); err != nil; _, err = s.Engine.Newest(t.Context()) {
		if time.Now().After(limit) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // until the daemon has loaded the revision
	}
	time.Sleep(50 * time.Millisecond) //nolint:forbidigo // its first pass is about to read what stands
	s.World.Remove(client)
	if err := s.Desk.Sync(t.Context(), desktest.Developer); err != nil {
		t.Fatal(err)
	}
	for s.World.Look(client) == nil {
		if time.Now().After(limit) {
			t.Fatal("not within 20 s: what somebody took away is put back")
		}
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // as above
	}
}
