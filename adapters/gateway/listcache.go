package gateway

import (
	"hash/maphash"
	"sync"
)

// listCache remembers the decoded items of each listing's last reading, by the
// digest of their bytes. An API server writes an object that has not changed to
// the byte as before (its resourceVersion is part of it), so a steady pass
// decodes nothing. What is remembered must not be changed.
type listCache struct {
	mu    sync.Mutex
	lists map[string]map[digest]any
}

// digest is 128 bits of two keyed hashes, so that nobody can make two objects
// collide, and chance will not.
type digest [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func digestOf(b []byte) digest {
	return digest{maphash.Bytes(seeds[0], b), maphash.Bytes(seeds[1], b)}
}

// last is what the last reading of a listing left; nil if there was none.
func (c *listCache) last(key string) map[digest]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists[key]
}

// keep replaces what is remembered of a listing.
func (c *listCache) keep(key string, items map[digest]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists == nil {
		c.lists = map[string]map[digest]any{}
	}
	c.lists[key] = items
}

// key names what l reads.
func (l listing) key() string { return l.kind.path(l.namespace, "") + "?" + l.labels }
