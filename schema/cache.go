package schema

import (
	"container/list"
	"sync"
	"time"
)

// cache keeps values by key, the least recently used leaving first when their
// sizes pass the bound. It is safe for concurrent use.
type cache struct {
	bound int64

	mu    sync.Mutex
	items map[string]*list.Element
	order *list.List // the most recently used in front
	size  int64
}

// item is one value in a cache.
type item struct {
	key     string
	value   any
	size    int64
	expires time.Time // zero for never
}

// newCache makes a cache of at most bound bytes.
func newCache(bound int64) *cache {
	return &cache{bound: bound, items: map[string]*list.Element{}, order: list.New()}
}

// get returns the value of key.
func (c *cache) get(key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[key]
	if !ok {
		return nil, false
	}
	it := e.Value.(*item) //nolint:errcheck,forcetypeassert // put keeps nothing else
	if !it.expires.IsZero() && time.Now().After(it.expires) {
		c.removeLocked(e)
		return nil, false
	}
	c.order.MoveToFront(e)
	return it.value, true
}

// cached returns the value of key, which is a T by its key's kind.
func cached[T any](c *cache, key string) (T, bool) {
	v, ok := c.get(key)
	t, isT := v.(T)
	return t, ok && isT
}

// put keeps a value, for good if life is zero.
func (c *cache) put(key string, value any, size int64, life time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[key]; ok {
		c.removeLocked(e)
	}
	it := &item{key: key, value: value, size: size + int64(len(key)) + 128}
	if life > 0 {
		it.expires = time.Now().Add(life)
	}
	c.items[key] = c.order.PushFront(it)
	c.size += it.size
	for c.size > c.bound && c.order.Len() > 1 {
		c.removeLocked(c.order.Back())
	}
}

// removeLocked takes an element out.
func (c *cache) removeLocked(e *list.Element) {
	it := c.order.Remove(e).(*item) //nolint:errcheck,forcetypeassert // put keeps nothing else
	delete(c.items, it.key)
	c.size -= it.size
}
