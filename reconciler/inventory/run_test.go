package inventory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

func runs(t *testing.T, s *inventory.Store, f inventory.RunFilter) []inventory.Run {
	t.Helper()
	got, err := s.Runs(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// pass begins and ends a run of the daemon.
func pass(t *testing.T, s *inventory.Store, revision string, res inventory.RunResult, steps ...plan.Step) inventory.RunID {
	t.Helper()
	id, err := s.BeginRun(t.Context(), inventory.Run{
		Kind: inventory.Pass, Trigger: "interval", Revision: revision, Environments: []string{"staging", "production"}, Holder: "h/1",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range intend(t, s, id, steps...) {
		settle(t, s, inventory.Settlement{Step: step, State: inventory.Done})
	}
	if err := s.EndRun(t.Context(), id, res); err != nil {
		t.Fatal(err)
	}
	return id
}

var untimedRun = cmpopts.IgnoreFields(inventory.Run{}, "Started", "Ended")

func TestRuns(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		b := binding("acme", "travel", "booking", "production")
		quiet := inventory.RunResult{Counts: plan.Counts{Keep: 3}}
		first := pass(t, s, "r1", inventory.RunResult{Counts: plan.Counts{Create: 3}, Writes: 3}, stepsOf(b)...)
		second := pass(t, s, "r1", quiet)
		for range 3 {
			pass(t, s, "r1", quiet)
		}
		down := inventory.RunResult{Counts: plan.Counts{Keep: 3}, Class: fault.Transient, Message: "thunder: down"}
		third := pass(t, s, "r1", down)
		pass(t, s, "r1", down)
		fourth := pass(t, s, "r2", down)
		fifth := begin(t, s)

		base := inventory.Run{
			Kind: inventory.Pass, Trigger: "interval", Revision: "r1", Environments: []string{"production", "staging"}, Holder: "h/1",
		}
		with := func(id inventory.RunID, f func(*inventory.Run)) inventory.Run {
			r := base
			r.ID = id
			f(&r)
			return r
		}
		want := []inventory.Run{
			{ID: fifth, Kind: inventory.Apply, Environments: []string{"production"}},
			with(fourth, func(r *inventory.Run) { r.Revision, r.Result = "r2", down }),
			with(third, func(r *inventory.Run) { r.Repeats, r.Result = 1, down }),
			with(second, func(r *inventory.Run) { r.Repeats, r.Result = 3, quiet }),
			with(first, func(r *inventory.Run) {
				r.Steps, r.Result = 3, inventory.RunResult{Counts: plan.Counts{Create: 3}, Writes: 3}
			}),
		}
		got := runs(t, s, inventory.RunFilter{})
		if diff := cmp.Diff(want, got, untimedRun); diff != "" {
			t.Fatalf("runs (-want +got):\n%s", diff)
		}
		if !got[0].Ended.IsZero() || got[0].Started.IsZero() {
			t.Errorf("a run under way started at %v and ended at %v", got[0].Started, got[0].Ended)
		}
		if got[3].Ended.Before(got[3].Started) || got[3].Ended.IsZero() {
			t.Errorf("repeated run lasted from %v to %v", got[3].Started, got[3].Ended)
		}
		for name, tt := range map[string]struct {
			filter inventory.RunFilter
			want   []inventory.Run
		}{
			"staging":     {inventory.RunFilter{Environment: "staging", Limit: 2}, want[1:3]},
			"no match":    {inventory.RunFilter{Environment: "stag"}, nil},
			"applies":     {inventory.RunFilter{Kind: inventory.Apply}, want[:1]},
			"a revision":  {inventory.RunFilter{Revision: "r2"}, want[1:2]},
			"second page": {inventory.RunFilter{Before: third, Limit: 1}, want[3:4]},
			"the future":  {inventory.RunFilter{Since: time.Now().Add(time.Hour)}, nil},
		} {
			if diff := cmp.Diff(tt.want, runs(t, s, tt.filter), untimedRun, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestPrune(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		b := binding("acme", "travel", "booking", "production")
		crashed := begin(t, s)
		left := intend(t, s, crashed, stepsOf(b)...)
		settle(t, s, inventory.Settlement{Step: left[0], State: inventory.Done, Added: []resource.ID{stepsOf(b)[0].ID}})
		var ids []inventory.RunID
		for range 120 {
			ids = append(ids, pass(t, s, "r", inventory.RunResult{}, stepsOf(b)...))
		}
		for range 5 {
			if err := s.Event(ctx, inventory.Event{Actor: "ann", Action: "suspend", Binding: b}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Prune(ctx, inventory.RunRetention{}); err != nil {
			t.Fatal(err)
		}
		if got := runs(t, s, inventory.RunFilter{Limit: 1000}); len(got) != 121 {
			t.Fatalf("%d runs after pruning without bounds, want 121", len(got))
		}
		if err := s.Prune(ctx, inventory.RunRetention{Age: time.Hour, Runs: 4, Events: 2}); err != nil {
			t.Fatal(err)
		}
		got := runs(t, s, inventory.RunFilter{})
		if len(got) != 5 || got[4].ID != crashed || got[0].ID != ids[119] {
			t.Errorf("%d runs are left, want the newest four and the one with open intents: %v", len(got), got)
		}
		steps, err := s.Steps(ctx, inventory.StepFilter{Limit: 1000})
		if err != nil || len(steps) != 15 {
			t.Errorf("%d steps are left, %v, want 15", len(steps), err)
		}
		events, err := s.Events(ctx, inventory.EventFilter{})
		if err != nil || len(events) != 2 {
			t.Errorf("%d events are left, %v, want 2", len(events), err)
		}
		if got := openIntents(t, s, "production"); len(got) != 2 {
			t.Errorf("%d open intents are left, want 2", len(got))
		}
		for _, id := range left[1:] {
			settle(t, s, inventory.Settlement{Step: id, State: inventory.Unknown})
		}
		if err := s.Prune(ctx, inventory.RunRetention{Age: time.Nanosecond}); err != nil {
			t.Fatal(err)
		}
		if got := runs(t, s, inventory.RunFilter{}); len(got) != 0 {
			t.Errorf("%d runs are left after everything aged", len(got))
		}
		if got := owned(t, s, "production"); len(got) != 1 {
			t.Errorf("pruning history changed what is owned: %v", got)
		}
	})
}

func TestEvents(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		b := binding("acme", "travel", "booking", "production")
		want := []inventory.Event{
			{At: at, Actor: "ann", Action: "reveal-secret", Binding: b, Subject: "mobile", Revision: "r", Message: "shown"},
			{At: at.Add(-time.Hour), Actor: "gatewright", Action: "start", Binding: resource.Binding{Environment: "production"}},
			{At: at.Add(-2 * time.Hour), Actor: "bob", Action: "start"},
		}
		for _, w := range slices.Backward(want) {
			if err := s.Event(ctx, w); err != nil {
				t.Fatal(err)
			}
		}
		for name, tt := range map[string]struct {
			filter inventory.EventFilter
			want   []inventory.Event
		}{
			"everything":     {inventory.EventFilter{}, want},
			"a binding":      {inventory.EventFilter{Binding: b}, want[:1]},
			"an environment": {inventory.EventFilter{Binding: resource.Binding{Environment: "production"}}, want[:2]},
			"an actor":       {inventory.EventFilter{Actor: "bob"}, want[2:]},
			"an action":      {inventory.EventFilter{Action: "start", Limit: 1}, want[1:2]},
			"a time":         {inventory.EventFilter{Since: at}, want[:1]},
		} {
			got, err := s.Events(ctx, tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(inventory.Event{}, "ID")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestMeta(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn)
		if v, ok, err := s.Meta(ctx, "confirmed"); v != "" || ok || err != nil {
			t.Errorf("Meta of an unknown fact = %q, %t, %v", v, ok, err)
		}
		for _, want := range []string{"4c3f", "", "4c40"} {
			if err := s.SetMeta(ctx, "confirmed", want); err != nil {
				t.Fatal(err)
			}
			if v, ok, err := s.Meta(ctx, "confirmed"); v != want || !ok || err != nil {
				t.Errorf("Meta = %q, %t, %v, want %q", v, ok, err, want)
			}
		}
	})
}
