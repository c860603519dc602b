package loop_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/schema"
)

// several are so many protected agents, from a first one on.
func several(from, to int) []schema.Agent {
	var out []schema.Agent
	for i := from; i < to; i++ {
		out = append(out, agent(fmt.Sprintf("agent-%d", i), schema.SchemeOAuth2))
	}
	return out
}

// TestConfirmation: what a guard holds back is carried out for the revision that
// was confirmed, and for no other.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	for name, confirm := range map[string]func(*scene, string){
		"with the command": func(s *scene, revision string) { s.engine.Options.Confirmed = revision },
		"on record": func(s *scene, revision string) {
			if err := s.store.Confirm(s.t.Context(), inventory.Confirmation{Revision: revision, Author: "ada"}); err != nil {
				s.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{})
			s.push(several(0, 8)...)
			s.apply()
			s.push(several(4, 8)...)
			refused := s.engine.Guard(t.Context(), s.plan())
			if fault.ClassOf(refused) != fault.Unsafe || !strings.Contains(fault.HintOf(refused), "apply --confirm revision-0002,") ||
				!strings.Contains(refused.Error(), "environment production") {
				t.Fatalf("got %v, hint %s", refused, fault.HintOf(refused))
			}
			confirm(s, "revision-0003")
			if s.engine.Guard(t.Context(), s.plan()) == nil {
				t.Error("the confirmation of another revision counts")
			}
			confirm(s, "revision-0002")
			if err := s.engine.Guard(t.Context(), s.plan()); err != nil {
				t.Errorf("confirmed, and refused all the same: %v", err)
			}
			// A history of which the applied revision is no part, and no spec.
			s.descends = false
			confirm(s, "revision-0003")
			for _, agents := range [][]schema.Agent{several(7, 8), nil} {
				s.push(agents...)
			}
			if p := s.plan(); p.Counts().Delete > 0 || p.Counts().Skip == 0 {
				t.Errorf("nothing of this revision was confirmed: %s", p.Counts())
			}
			confirm(s, "revision-0004")
			if p := s.plan(); p.Counts().Delete == 0 || p.Counts().Skip > 0 {
				t.Errorf("it was confirmed: %s", p.Counts())
			}
			s.broken = true
			if p := s.plan(); p.Counts().Delete > 0 {
				t.Error("a confirmation lets a revision prune of which not every spec can be read")
			}
		})
	}
}

// TestDaemonHeedsConfirmations: what it holds back it carries out once that
// revision is confirmed, without waiting for the interval.
func TestDaemonHeedsConfirmations(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour, Limits: plan.Limits{Percent: 10, From: 1}})
	s.push(several(0, 4)...)
	s.daemon()
	eventually(t, "all converge", func() bool { return s.row("agent-3").Status == inventory.Converged })
	s.push(several(2, 4)...)
	eventually(t, "it is held back", func() bool {
		row := s.row("agent-0")
		return row.Status == inventory.Stalled && strings.Contains(row.Hint, "gatewright confirm revision-0002")
	})
	ctx := context.WithoutCancel(t.Context())
	if err := s.store.Confirm(ctx, inventory.Confirmation{Revision: "revision-0002", Author: "ada"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is carried out", func() bool {
		return s.row("agent-0").Status == inventory.Locked && s.row("agent-1").Status == inventory.Locked
	})
	// The next revision is another matter.
	s.push(several(3, 4)...)
	eventually(t, "the next one is held back", func() bool { return s.row("agent-2").Status == inventory.Stalled })
}

// APIs that are opened count as what is deleted does, whatever protected them.
func TestGuardCountsWhatIsOpened(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	var keys, opened []schema.Agent
	for i := range 20 {
		name := fmt.Sprintf("agent-%d", i)
		keys = append(keys, agent(name, schema.SchemeAPIKey))
		opened = append(opened, agent(name, schema.SchemeNone))
	}
	s.push(keys...)
	s.apply()
	s.push(opened...)
	if err := s.engine.Guard(t.Context(), s.plan()); fault.ClassOf(err) != fault.Unsafe {
		t.Errorf("let through: %v, %s", err, s.plan().Counts())
	}
}
