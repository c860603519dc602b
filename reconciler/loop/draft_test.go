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
	s.loads()
	before := s.world.Count()
	d, err := s.engine.Draft(t.Context(), resource.Selector{})
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

// TestDraftOfAScope: nothing outside of it is drafted, left or told of.
func TestDraftOfAScope(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2), agent("lost", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.apply()
	s.engine.Environments[0].Finder = finder{"booking", "search"}
	s.engine.Environments[0].Lister = lister{"another's"}
	s.loads()
	for scope, want := range map[string]struct{ files, left, unmarked int }{
		"acme/travel/booking": {1, 0, 1},
		"acme/travel/lost":    {0, 2, 1},
		"globex":              {0, 0, 1},
		"acme@production":     {2, 2, 1},
		"@staging":            {0, 0, 0},
		"*":                   {2, 2, 1},
	} {
		selector, err := resource.ParseSelector(scope)
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.engine.Draft(t.Context(), selector)
		if err != nil {
			t.Fatalf("%s: %v", scope, err)
		}
		if len(d.Files) != want.files || len(d.Left) != want.left || len(d.Unmarked) != want.unmarked {
			t.Errorf("%s: %d files, left %v, unmarked %v, want %+v", scope, len(d.Files), d.Left, d.Unmarked, want)
		}
	}
}

// TestDraftOfAnOddInterface: a trait may say what no spec can; the agent is
// drafted without it.
func TestDraftOfAnOddInterface(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	odd := agent("booking", schema.SchemeOAuth2)
	odd.Interface = &schema.Interface{Port: 8000, Operations: []schema.Operation{{Method: "FETCH", Path: "/*"}}}
	fine := agent("search", schema.SchemeOAuth2)
	fine.Interface = &schema.Interface{Port: 8000}
	s.push(odd, fine)
	s.apply()
	s.engine.Environments[0].Finder = finder{"booking", "search"}
	s.loads()
	d, err := s.engine.Draft(t.Context(), resource.Selector{})
	if err != nil || len(d.Files) != 2 {
		t.Fatalf("drafted are %+v, %v", d, err)
	}
	if strings.Contains(string(d.Files[0].Text), "interface") || !strings.Contains(string(d.Files[1].Text), "port: 8000") {
		t.Errorf("drafted are\n%s%s", d.Files[0].Text, d.Files[1].Text)
	}
	if len(d.Left) != 1 || d.Left[0].ID.Binding != binding("booking") || !strings.Contains(d.Left[0].Reason, "without the interface") {
		t.Errorf("left are %+v", d.Left)
	}
}

// loads makes the engine read specs as they are written.
func (s *scene) loads() {
	loader := schema.NewLoader(schema.Options{})
	s.t.Cleanup(func() { _ = loader.Close() })
	s.engine.Loader = loader
}

// lister lists clients of others.
type lister []string

// Unmarked implements target.Lister.
func (l lister) Unmarked(context.Context) ([]string, error) { return l, nil }

// TestDraftOfAWorldThatCannotBeSeen fails: what is not seen would be lacking.
func TestDraftOfAWorldThatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for _, kind := range []resource.Kind{resource.KindClient, resource.KindCredential} {
		s := newScene(t, loop.Options{})
		s.push(agent("booking", schema.SchemeOAuth2))
		s.apply()
		s.engine.Environments[0].Finder = finder{"booking"}
		s.world.Down[kind] = true
		if d, err := s.engine.Draft(t.Context(), resource.Selector{}); fault.ClassOf(err) != fault.Transient || err == nil {
			t.Errorf("%s is down: drafted %+v, %v", kind, d, err)
		}
	}
}
