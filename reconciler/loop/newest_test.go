package loop_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// TestNewest: a process without a daemon loads for itself, and keeps what it has
// for some seconds, and longer while the repository is away.
func TestNewest(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := newScene(t, loop.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	s.unborn = errors.New("the repository is away")
	if _, err := s.engine.Newest(t.Context()); err == nil {
		t.Fatal("nothing was ever loaded, and there is a newest revision")
	}
	s.unborn = nil
	s.push(agent("booking", schema.SchemeOAuth2))
	first, err := s.engine.Newest(t.Context())
	if err != nil || first.Wants(binding("booking")) == nil || len(first.Specs) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	s.push(agent("booking", schema.SchemeNone))
	if same, err := s.engine.Newest(t.Context()); err != nil || same != first {
		t.Errorf("a moment later another one, %v", err)
	}
	ahead.Add(int64(time.Minute))
	second, err := s.engine.Newest(t.Context())
	if err != nil || second.Revision.Hash == first.Revision.Hash {
		t.Errorf("a minute later: %s, %v", second.Revision.Hash, err)
	}
	ahead.Add(int64(time.Minute))
	s.unborn = errors.New("the repository is away")
	if third, err := s.engine.Newest(t.Context()); err != nil || third != second {
		t.Errorf("with the repository away: %v", err)
	}
}

// TestNewestOfDaemon: beside a daemon it is what that has loaded.
func TestNewestOfDaemon(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.unborn = errors.New("the repository is away")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.engine.Run(ctx) }()
	var f *fault.Error
	eventually(t, "the daemon says that it has loaded nothing", func() bool {
		_, err := s.engine.Newest(t.Context())
		return errors.As(err, &f) && f.Reason == "NotLoaded"
	})
	s.mu.Lock()
	s.unborn = nil
	s.mu.Unlock()
	s.push(agent("booking", schema.SchemeOAuth2))
	eventually(t, "the daemon has loaded it", func() bool {
		st, err := s.engine.Newest(t.Context())
		return err == nil && st.Wants(binding("booking")) != nil
	})
	eventually(t, "it converges", func() bool { return s.row("booking").Status == inventory.Converged })
	s.world.Remove(resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: "own"})
	if err := s.store.Event(t.Context(), inventory.Event{Actor: "ada", Action: inventory.ActionSync}); err != nil {
		t.Fatal(err)
	}
	s.engine.Wake()
	eventually(t, "what was taken away is put back by an order", func() bool {
		return s.world.Look(resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: "own"}) != nil
	})
	stop()
	<-ended
	if _, err := s.engine.Newest(t.Context()); err != nil {
		t.Errorf("after the daemon: %v", err)
	}
}

// TestProve: the proof of a daemon, on demand and recorded nowhere.
func TestProve(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Nanosecond})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	st, err := s.engine.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := s.row("booking")
	if p, err := s.engine.Prove(t.Context(), st, binding("booking")); err != nil || !p.OK {
		t.Errorf("%+v, %v", p, err)
	}
	s.changeSecret(resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: "own"})
	if p, err := s.engine.Prove(t.Context(), st, binding("booking")); err != nil || p.OK || len(p.Checks) == 0 {
		t.Errorf("with another secret: %+v, %v", p, err)
	}
	if _, err := s.engine.Prove(t.Context(), st, binding("search")); fault.ClassOf(err) != fault.Waiting {
		t.Errorf("of what no spec names: %v", err)
	}
	if after := s.row("booking"); !after.UpdatedAt.Equal(before.UpdatedAt) {
		t.Error("the inventory was changed")
	}
}
