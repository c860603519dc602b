package loop_test

import (
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// TestOnward: a plan that changes a client leaves its rotation, and what comes
// after it is that rotation and nothing else.
func TestOnward(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2), agent("hotel", schema.SchemeOAuth2))
	p, r := s.apply()
	if next := s.onward(p, r); next != nil {
		t.Errorf("what leaves nothing goes on with %s", next.Counts())
	}
	before := s.stored()
	p, r = s.applyChanged()
	if s.stored().ClientSecret != before.ClientSecret {
		t.Fatal("the first plan rotates already: nothing is shown")
	}
	next := s.onward(p, r)
	if next == nil || !next.Turns() || len(next.Rotations()) != 1 || next.Wanted[binding("hotel")] != nil {
		t.Fatalf("what is left is not the rotation alone: %+v", next)
	}
	r, err := s.engine.Converge(t.Context(), next, loop.TriggerApply, nil)
	if err != nil || r.Done != 2 || len(r.Errors) > 0 {
		t.Fatalf("it is not carried out: %+v, %v", r, err)
	}
	if s.stored().ClientSecret == before.ClientSecret || !s.consume(s.stored()) || !s.consume(before) {
		t.Error("it is not rotated with its overlap")
	}
	if again := s.onward(next, r); again != nil {
		t.Errorf("there is still to do: %s", again.Counts())
	}
	if after := s.plan(); !after.Empty() {
		t.Errorf("the next plan is not empty: %s", after.Counts())
	}
	if row := s.row("booking"); row.Status != inventory.Converged || row.ClientID != s.stored().ClientID {
		t.Errorf("it is recorded as %+v", row)
	}
}

// TestOnwardAfterFailure: a round in which something failed is gone on with by
// nobody.
func TestOnwardAfterFailure(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2), agent("hotel", schema.SchemeOAuth2))
	s.apply()
	theirs := resource.ID{Kind: resource.KindCredential, Binding: binding("hotel"), Name: resource.ClientOwn}
	s.world.Things[theirs].Owner = resource.OwnerOther
	p, r := s.applyChanged()
	if len(r.Errors) == 0 {
		t.Fatal("nothing failed: nothing is shown")
	}
	if next := s.onward(p, r); next != nil {
		t.Errorf("it goes on with %s", next.Counts())
	}
}

// TestOnwardSuspended: what was suspended since is not changed.
func TestOnwardSuspended(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2), agent("hotel", schema.SchemeOAuth2))
	s.apply()
	p, r := s.applyChanged()
	s.suspend("acme/travel/booking@production", time.Hour)
	next := s.onward(p, r)
	if next == nil || next.Counts().Effects() > 0 || next.Counts().Skip == 0 {
		t.Fatalf("a suspended rotation is planned: %+v", next)
	}
}

// applyChanged asks to rotate booking's own client and applies a spec that
// changes it.
func (s *scene) applyChanged() (*loop.Planned, *loop.Report) {
	s.t.Helper()
	ask := inventory.Rotation{Binding: binding("booking"), Client: "own", Reason: "it leaked", Author: "ada"}
	if err := s.store.AskRotation(s.t.Context(), ask); err != nil {
		s.t.Fatal(err)
	}
	changed := agent("booking", schema.SchemeOAuth2)
	changed.Environments[0].Authentication.Validity = 300
	s.push(changed, agent("hotel", schema.SchemeOAuth2))
	return s.apply()
}

// onward plans what a carried out plan has left.
func (s *scene) onward(p *loop.Planned, r *loop.Report) *loop.Planned {
	s.t.Helper()
	next, err := s.engine.Onward(s.t.Context(), p, r)
	if err != nil {
		s.t.Fatal(err)
	}
	return next
}
