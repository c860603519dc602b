package gateway

import (
	"slices"
	"sync"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// passCache remembers what was concluded about each endpoint in the last pass
// over many, and from what. Objects that have not changed keep their place in
// memory (see listCache), so the same four objects and an equal desired state
// mean the same conclusion.
type passCache struct {
	mu         sync.Mutex
	last, next map[resource.ID]conclusion
}

// passKey is what a conclusion was made from.
type passKey struct {
	component *component
	binding   *releaseBinding
	release   *verdict
	api       *restAPI
}

type conclusion struct {
	from     passKey
	desired  *resource.Endpoint // a copy, or nil
	state    resource.Endpoint
	observed resource.Observed
}

func passKeyOf(f *facts) passKey { return passKey{f.component, f.binding, f.release, f.api} }

// recall returns the last conclusion about r, if it was made from the same.
func (c *passCache) recall(r resource.Resource, key passKey) (resource.Observed, bool) {
	if key.api == nil {
		return resource.Observed{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	was, ok := c.last[r.ID]
	if !ok || was.from != key || !equal(was.desired, r.State.Endpoint) {
		return resource.Observed{}, false
	}
	c.put(r.ID, was)
	return was.copy(), true
}

// equal compares what an observation depends on of two desired states.
func equal(a, b *resource.Endpoint) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Issuers, b.Issuers) && a.Scheme == b.Scheme && a.Header == b.Header && a.Prefix == b.Prefix &&
		a.ForwardToken == b.ForwardToken && a.Audience == b.Audience && a.Attached == b.Attached && a.Altered == b.Altered
}

// remember keeps a conclusion that depends on nothing but its key: neither on
// what stands in the way of attaching, nor on a copy of the RestApi.
func (c *passCache) remember(key passKey, f *facts, r resource.Resource, o resource.Observed) {
	if key.api == nil || f.err != nil || o.Err != nil || o.State.Endpoint == nil || !o.State.Endpoint.Attached {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	what := conclusion{from: key, state: *o.State.Endpoint, observed: o}
	if r.State.Endpoint != nil {
		desired := *r.State.Endpoint
		desired.Issuers = slices.Clone(desired.Issuers)
		what.desired = &desired
	}
	c.put(o.ID, what)
}

func (c *passCache) put(id resource.ID, what conclusion) {
	if c.next == nil {
		c.next = make(map[resource.ID]conclusion, len(c.last))
	}
	c.next[id] = what
}

// turn ends a pass: what was not asked for in it is forgotten.
func (c *passCache) turn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.next = c.next, nil
}

// copy is the observation with a state of its own: what is handed out may be
// changed by who gets it.
func (c conclusion) copy() resource.Observed {
	o, state := c.observed, c.state
	state.Issuers = slices.Clone(state.Issuers)
	o.State = resource.State{Endpoint: &state}
	return o
}
