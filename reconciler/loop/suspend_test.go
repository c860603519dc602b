package loop_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// suspend suspends a scope for a while.
func (s *scene) suspend(scope string, d time.Duration) {
	s.t.Helper()
	sel, err := resource.ParseSelector(scope)
	if err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	err = s.store.Suspend(s.t.Context(), inventory.Suspension{Scope: sel, Reason: "a freeze", Author: "ada", Since: now, Until: now.Add(d)})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) resume(scope string) {
	s.t.Helper()
	sel, err := resource.ParseSelector(scope)
	if err != nil {
		s.t.Fatal(err)
	}
	if found, err := s.store.Resume(s.t.Context(), sel, "ada"); err != nil || !found {
		s.t.Fatalf("resume %s: %v, %v", scope, found, err)
	}
}

// TestSuspensionHolds: within its scope nothing is changed, whatever asks for
// it; outside of it everything is.
func TestSuspensionHolds(t *testing.T) {
	t.Parallel()
	endpoint := resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}
	for name, tc := range map[string]struct {
		scope  string
		change func(*scene)
	}{
		"a spec that changes":         {"acme/travel/booking", func(s *scene) { s.push(agent("booking", schema.SchemeNone), agent("search", schema.SchemeOAuth2)) }},
		"a spec that is gone":         {"acme/travel/booking@production", func(s *scene) { s.push(agent("search", schema.SchemeOAuth2)) }},
		"an API that somebody opened": {"acme", func(s *scene) { s.world.Remove(endpoint) }},
		"by environment":              {"@production", func(s *scene) { s.push(agent("search", schema.SchemeOAuth2)) }},
		"everything":                  {"*", func(s *scene) { s.push(agent("booking", schema.SchemeNone)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{})
			s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
			s.apply()
			s.suspend(tc.scope, time.Hour)
			tc.change(s)
			before := s.world.Count()
			p, report := s.apply()
			if s.world.Count() != before || report.Writes > 0 {
				t.Errorf("something was changed: %s", p.Counts())
			}
			row := s.row("booking")
			if row.Status != inventory.Suspended || row.SuspendReason != "a freeze" || row.SuspendedUntil == nil || !strings.Contains(row.Message, "by ada") {
				t.Errorf("got %+v", row)
			}
			s.resume(tc.scope)
			if p, _ := s.apply(); p.Counts().Effects() == 0 {
				t.Error("nothing is done after it was resumed")
			}
			if row := s.row("booking"); row.SuspendedUntil != nil || row.Status == inventory.Suspended {
				t.Errorf("it is suspended still: %+v", row)
			}
		})
	}
}

// TestSuspensionIsNarrow: who is not in the scope is worked on.
func TestSuspensionIsNarrow(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.suspend("acme/travel/booking", time.Hour)
	s.suspend("@staging", time.Hour)
	s.suspend("other", time.Hour)
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	_, report := s.apply()
	if err := report.Errors[binding("booking")]; fault.ClassOf(err) != fault.Waiting || len(report.Errors) != 1 {
		t.Errorf("got %v", report.Errors)
	}
	if got := s.row("search").Status; got != inventory.Converged {
		t.Errorf("search is %s", got)
	}
	if s.world.Look(resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}) != nil {
		t.Error("a suspended binding got a client")
	}
}

// TestSuspensionEndsByItself, and leaves an event.
func TestSuspensionEndsByItself(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.suspend("*", 50*time.Millisecond)
	time.Sleep(60 * time.Millisecond)
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	if got := s.row("booking").Status; got != inventory.Converged {
		t.Errorf("booking is %s", got)
	}
	left, err := s.store.Suspensions(t.Context())
	if err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	events, err := s.store.Events(t.Context(), inventory.EventFilter{Action: inventory.ActionSuspensionEnd})
	if err != nil || len(events) != 1 {
		t.Errorf("events: %v, %v", events, err)
	}
}

// TestSuspensionOvertakesAPlan: what was planned before is not done any more.
func TestSuspensionOvertakesAPlan(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	p := s.plan()
	s.suspend("acme/travel/booking", time.Hour)
	report, err := s.engine.Converge(t.Context(), p, loop.TriggerApply, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.world.Look(resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}) != nil {
		t.Error("a suspended binding got a client")
	}
	if row := s.row("booking"); row.Status != inventory.Suspended || len(report.Errors) != 1 {
		t.Errorf("got %+v, %v", row, report.Errors)
	}
	if got := s.row("search").Status; got != inventory.Converged {
		t.Errorf("search is %s", got)
	}
}

// TestDaemonHeedsSuspensions: one that comes while the daemon runs holds at
// once, and what is resumed does not wait for the interval.
func TestDaemonHeedsSuspensions(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.daemon()
	converged := func() bool { return s.row("booking").Status == inventory.Converged }
	eventually(t, "booking converges", converged)
	s.suspend("acme", time.Hour)
	s.push(agent("booking", schema.SchemeNone))
	eventually(t, "booking is suspended", func() bool {
		row := s.row("booking")
		return row.Status == inventory.Suspended && row.Scheme == schema.SchemeNone
	})
	if s.world.Look(resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}) == nil {
		t.Error("a suspended binding lost its client")
	}
	found, err := s.store.Resume(context.WithoutCancel(t.Context()), resource.Selector{Organization: "acme"}, "ada")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	eventually(t, "booking converges again", converged)
}
