package loop_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// finder finds the endpoints of agents.
type finder []string

// Find implements target.Finder.
func (f finder) Find(context.Context) ([]resource.ID, error) {
	var out []resource.ID
	for _, name := range f {
		out = append(out, resource.ID{Kind: resource.KindEndpoint, Binding: binding(name)})
	}
	return out, nil
}

// TestDraft: what stands as specs asked for is drafted, what a plan would change
// is left, and nothing is changed.
func TestDraft(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	var agents []schema.Agent
	for _, name := range []string{"booking", "halved", "lost", "search"} {
		agents = append(agents, agent(name, schema.SchemeOAuth2))
	}
	agents[3] = agent("search", schema.SchemeNone)
	s.push(agents...)
	s.apply()
	// A secret that somebody changed, and an agent that is not deployed any more.
	s.world.Overwrite(resource.ID{Kind: resource.KindCredential, Binding: binding("halved"), Name: resource.ClientOwn}, resource.NewSecret("another"))
	s.engine.Environments[0].Finder = finder{"booking", "halved", "search"}
	loader := schema.NewLoader(schema.Options{})
	t.Cleanup(func() { _ = loader.Close() })
	s.engine.Loader = loader
	before := s.world.Count()
	d, err := s.engine.Draft(t.Context())
	if err != nil || s.world.Count() != before {
		t.Fatalf("%v, %d changes", err, s.world.Count()-before)
	}
	var names []string
	for _, f := range d.Files {
		names = append(names, f.Path)
	}
	if want := []string{"acme/travel/booking.cue", "acme/travel/search.cue"}; !slices.Equal(names, want) {
		t.Errorf("drafted are %v, want %v", names, want)
	}
	left := map[resource.Binding]string{}
	for _, l := range d.Left {
		left[l.ID.Binding] += l.Reason + "\n"
	}
	if got := left[binding("halved")]; !strings.Contains(got, "a plan would update") {
		t.Errorf("halved: %s", got)
	}
	if got := left[binding("lost")]; !strings.Contains(got, "its spec is gone") && !strings.Contains(got, "is not deployed") {
		t.Errorf("lost: %s", got)
	}
	if len(left) != 2 {
		t.Errorf("left are %v", d.Left)
	}
}

// TestDraftOfAWorldThatCannotBeSeen fails: what is not seen would be lacking.
func TestDraftOfAWorldThatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for _, kind := range []resource.Kind{resource.KindClient, resource.KindCredential} {
		s := newScene(t, loop.Options{})
		s.push(agent("booking", schema.SchemeOAuth2))
		s.apply()
		s.engine.Environments[0].Finder = finder{"booking"}
		s.world.Down[kind] = true
		if d, err := s.engine.Draft(t.Context()); fault.ClassOf(err) != fault.Transient || err == nil {
			t.Errorf("%s is down: drafted %+v, %v", kind, d, err)
		}
	}
}
