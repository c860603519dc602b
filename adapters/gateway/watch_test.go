//go:build unix

package gateway

import (
	"context"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// seen collects what a watch has told.
type seen struct {
	mu sync.Mutex
	n  map[resource.Binding]int
}

func (s *seen) look(b resource.Binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == nil {
		s.n = map[resource.Binding]int{}
	}
	s.n[b]++
}

func (s *seen) count(b resource.Binding) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[b]
}

func TestWatch(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.release("r-1", "booking", []any{apiKeys}, "booking")
	b.agent("booking", object{"policies": []any{apiKeys}})
	cfg, proxy := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	ctx, cancel := context.WithCancel(t.Context())
	var s seen
	done := make(chan struct{})
	go func() { defer close(done); x.Watch(ctx, s.look) }()
	b.eventually("the agent that is there is told", func() bool { return s.count(id.Binding) > 0 })

	b.bind("booking", "development", "r-1", nil)
	b.bind("booking", "production", "r-1", nil)
	before := s.count(id.Binding)
	b.apply(b.target(Config{RESTConfig: b.cluster.Config(), NamespacePrefix: b.prefix}), id, oauthOf(id))
	b.eventually("a change is told", func() bool { return s.count(id.Binding) > before })
	if other := b.id("booking", "production").Binding; s.count(other) > 0 {
		t.Errorf("another environment was told")
	}

	// A watch that breaks off starts anew and tells what happened meanwhile.
	if _, err := proxy.Arm(faulty.Fault{Class: faulty.Read, Action: faulty.Reset, Times: 4}); err != nil {
		t.Fatal(err)
	}
	before = s.count(id.Binding)
	b.merge(components, "booking", "somebody", object{"spec": object{"autoDeploy": false}})
	b.eventually("a change is told after a break", func() bool { return s.count(id.Binding) > before })
	cancel()
	<-done
}
