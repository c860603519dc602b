package gateway

import (
	"strings"
	"sync"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// versions remembers at which version each endpoint was last read or written,
// so that a watch tells of what others have changed: not of a status, and not
// of our own writes.
type versions struct {
	mu    sync.Mutex
	known map[resource.Binding]halves
}

// halves are the versions of an endpoint's two objects.
type halves struct{ binding, component string }

// note keeps the version of an observation or of an outcome.
func (v *versions) note(b resource.Binding, of string) {
	if of == "" {
		return
	}
	var h halves
	h.binding, h.component, _ = strings.Cut(of, " ")
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		v.known = map[resource.Binding]halves{}
	}
	v.known[b] = h
}

// of returns what is known of b; the zero value if that is nothing.
func (v *versions) of(b resource.Binding) halves {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.known[b]
}
