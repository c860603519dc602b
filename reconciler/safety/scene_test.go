package safety_test

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// drawn is a world that earlier specs have left, that people have meddled
// with, and that newer specs are compared with.
type drawn struct {
	*pass
	was, agents []schema.Agent
}

// draw draws a world. A calm one has no accidents: nothing is unreadable,
// nobody meddled, and every gateway knows what it should.
func draw(t *rapid.T, calm bool) *drawn {
	w := memory.New()
	d := &drawn{was: drawAgents(t)}
	if calm {
		trustAll(w)
	} else {
		drawKeyManagers(t, w)
	}
	before := newPass(w, derive(t, d.was))
	before.once(context.Background())
	d.agents = d.was
	if rapid.IntRange(0, 3).Draw(t, "new specs") > 0 {
		d.agents = drawAgents(t)
	}
	d.pass = newPass(w, derive(t, d.agents))
	d.deletion = map[resource.Binding]schema.Deletion{}
	for _, b := range before.want.Bindings {
		d.deletion[b.Binding] = b.Deletion
	}
	if calm {
		return d
	}
	meddle(t, w, d.want)
	d.unreadable, d.suspended, d.proved = map[resource.ID]bool{}, map[resource.Binding]string{}, map[resource.Binding]bool{}
	for _, id := range sorted(w.Things) {
		if rapid.IntRange(0, 14).Draw(t, "unreadable") == 0 {
			d.unreadable[id] = true
		}
	}
	for _, b := range d.want.Bindings {
		if rapid.IntRange(0, 9).Draw(t, "suspended") == 0 {
			d.suspended[b.Binding] = "incident"
		}
		d.proved[b.Binding] = b.Enabled() && rapid.Bool().Draw(t, "proved")
	}
	for _, b := range before.want.Bindings {
		if rapid.IntRange(0, 9).Draw(t, "forgotten") == 0 {
			delete(d.deletion, b.Binding) // the database was lost
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "blocked") == 0 {
		d.blocked = "not every spec could be read"
	}
	return d
}

// trustAll lets every gateway know every issuer.
func trustAll(w *memory.World) {
	for _, env := range environments() {
		for name, km := range env.KeyManagers {
			if km.Issuer == "" {
				km.Issuer = issuer
			}
			km.Name = name
			id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: env.Name}, Name: name}
			w.Things[id] = &memory.Thing{State: resource.State{KeyManager: &km}}
		}
	}
}

// wantedEndpoint is what a set asks of the endpoint of b; nil if it asks nothing.
func wantedEndpoint(set desired.Set, b resource.Binding) *resource.Endpoint {
	for _, d := range set.Bindings {
		i := slices.IndexFunc(d.Resources, func(r resource.Resource) bool { return r.ID.Kind == resource.KindEndpoint })
		if d.Binding == b && i >= 0 {
			return d.Resources[i].State.Endpoint
		}
	}
	return nil
}

// open reports that anybody may call an endpoint, or that its policy holds only
// under conditions.
func open(t *memory.Thing) bool {
	return t == nil || t.State.Endpoint.Scheme == schema.SchemeNone || !t.State.Endpoint.Attached || t.State.Endpoint.Altered != ""
}

// effects counts the steps that change something.
func effects(p plan.Plan) int { return p.Counts().Effects() }

// report prints the counts of a property when its test ends.
func report(t *testing.T, c *tally) {
	t.Helper()
	t.Cleanup(func() { t.Logf("%v", c.counts) })
}
