package inventory_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

func suspensions(t *testing.T, s *inventory.Store) []inventory.Suspension {
	t.Helper()
	got, err := s.Suspensions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func suspend(t *testing.T, s *inventory.Store, scope, reason string, until time.Time) inventory.Suspension {
	t.Helper()
	sel, err := resource.ParseSelector(scope)
	if err != nil {
		t.Fatal(err)
	}
	out := inventory.Suspension{Scope: sel, Reason: reason, Author: "ada", Since: until.Add(-time.Hour), Until: until}
	if err := s.Suspend(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSuspensions(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		now := time.Now().UTC().Truncate(time.Microsecond)
		suspend(t, s, "acme/travel", "too short", now.Add(time.Minute))
		project := suspend(t, s, "acme/travel", "a move", now.Add(time.Hour))
		all := suspend(t, s, "*", "an outage", now.Add(-time.Second))
		one := suspend(t, s, "acme/travel/booking@production", "a test", now.Add(2*time.Hour))
		if diff := cmp.Diff([]inventory.Suspension{all, project, one}, suspensions(t, s)); diff != "" {
			t.Fatalf("suspensions (-want +got):\n%s", diff)
		}
		if all.Active(now) || !project.Active(now) {
			t.Error("one that is over is active, or one that is not is not")
		}
		for scope, want := range map[string]bool{"acme": false, "*": false, "acme/travel": true} {
			sel, err := resource.ParseSelector(scope)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := s.Resume(t.Context(), sel, "grace"); err != nil || found != want {
				t.Errorf("Resume(%s) = %v, %v", scope, found, err)
			}
		}
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if err := s.EndSuspensions(t.Context(), now); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if diff := cmp.Diff([]inventory.Suspension{one}, suspensions(t, s)); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
		got, err := s.Events(t.Context(), inventory.EventFilter{})
		if err != nil {
			t.Fatal(err)
		}
		travel := resource.Binding{Organization: "acme", Project: "travel"}
		want := []inventory.Event{
			{At: all.Until, Actor: "gatewright", Action: "suspension-end", Message: "it was asked for by ada: an outage"},
			{Actor: "grace", Action: "resume", Binding: travel},
			{Actor: "ada", Action: "suspend", Binding: resource.Binding(one.Scope)},
			{Actor: "ada", Action: "suspend"},
			{Actor: "ada", Action: "suspend", Binding: travel},
			{Actor: "ada", Action: "suspend", Binding: travel},
		}
		if last, err := s.LastOrder(t.Context()); err != nil || last != got[1].ID {
			t.Errorf("the last order is %d, %v, want that of the resumption", last, err)
		}
		if got[0].At != all.Until || got[0].Message != want[0].Message {
			t.Errorf("the end is told as %+v", got[0])
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(inventory.Event{}, "ID", "At", "Message")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
