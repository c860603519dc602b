package inventory_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// begin begins a run in production.
func begin(t *testing.T, s *inventory.Store) inventory.RunID {
	t.Helper()
	id, err := s.BeginRun(t.Context(), inventory.Run{Kind: inventory.Apply, Environments: []string{"production"}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func intend(t *testing.T, s *inventory.Store, run inventory.RunID, steps ...plan.Step) []inventory.StepID {
	t.Helper()
	ids, err := s.Intend(t.Context(), run, steps)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func settle(t *testing.T, s *inventory.Store, settlements ...inventory.Settlement) {
	t.Helper()
	if err := s.Settle(t.Context(), settlements); err != nil {
		t.Fatal(err)
	}
}

func openIntents(t *testing.T, s *inventory.Store, env string) []inventory.StepRecord {
	t.Helper()
	got, err := s.OpenIntents(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func owned(t *testing.T, s *inventory.Store, env string) []resource.ID {
	t.Helper()
	got, err := s.Owned(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestIntendAndSettle(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		b := binding("acme", "travel", "booking", "production")
		steps := stepsOf(b)
		steps[0].Changes = []plan.Change{{Field: "path", Before: "", After: "x"}}
		steps[0].Reason = "it is missing"
		run := begin(t, s)
		ids := intend(t, s, run, steps...)

		want := make([]inventory.StepRecord, 3)
		for i, st := range steps {
			want[i] = inventory.StepRecord{
				Run: run, Seq: i, ID: st.ID, Action: st.Action, Changes: st.Changes, Reason: st.Reason, State: inventory.Intended,
			}
		}
		untimed := cmpopts.IgnoreFields(inventory.StepRecord{}, "Started", "Ended")
		got := openIntents(t, s, "production")
		if diff := cmp.Diff(want, got, untimed); diff != "" {
			t.Errorf("open intents (-want +got):\n%s", diff)
		}
		if got[0].Started.IsZero() || !got[0].Ended.IsZero() {
			t.Errorf("an intent started at %v and ended at %v", got[0].Started, got[0].Ended)
		}
		if got := openIntents(t, s, "staging"); len(got) != 0 {
			t.Errorf("open intents of another environment: %v", got)
		}

		settle(t, s,
			inventory.Settlement{Step: ids[0], State: inventory.Done, Writes: 2, Added: []resource.ID{steps[0].ID}, Started: at, Ended: at},
			inventory.Settlement{Step: ids[1], State: inventory.Failed, Class: fault.Transient, Message: "it's down"},
		)
		if got := openIntents(t, s, ""); len(got) != 1 || got[0].StepID() != ids[2] {
			t.Errorf("open intents after two of three were settled: %v", got)
		}
		settle(t, s, inventory.Settlement{Step: ids[2], State: inventory.Unknown, Class: fault.Unknown})
		want[0].State, want[0].Writes = inventory.Done, 2
		want[1].State, want[1].Class, want[1].Message = inventory.Failed, fault.Transient, "it's down"
		want[2].State, want[2].Class = inventory.Unknown, fault.Unknown
		slices.Reverse(want)
		history, err := s.Steps(t.Context(), inventory.StepFilter{Binding: b})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, history, untimed); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if first := history[2]; !first.Started.Equal(at) || !first.Ended.Equal(at) {
			t.Errorf("step ran from %v to %v, want %v", first.Started, first.Ended, at)
		}
		if last := history[0]; last.Started.IsZero() || last.Ended.Before(last.Started) {
			t.Errorf("step ran from %v to %v", last.Started, last.Ended)
		}
		if diff := cmp.Diff([]resource.ID{steps[0].ID}, owned(t, s, "production")); diff != "" {
			t.Errorf("owned (-want +got):\n%s", diff)
		}
	})
}

func TestIntendNeedsARun(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		if _, err := s.Intend(t.Context(), 4711, stepsOf(binding("a", "b", "c", "d"))); fault.ClassOf(err) != fault.Stalled {
			t.Errorf("Intend for an unknown run = %v", err)
		}
		if got := openIntents(t, s, ""); len(got) != 0 {
			t.Errorf("open intents: %v", got)
		}
	})
}

// TestIntendAfterReopen goes on with a run that another process began.
func TestIntendAfterReopen(t *testing.T) {
	t.Parallel()
	dsn := freshSQLite(t)
	first, second := open(t, dsn), open(t, dsn)
	run := begin(t, first)
	b := binding("acme", "travel", "booking", "production")
	intend(t, first, run, stepsOf(b)...)
	ids := intend(t, second, run, stepsOf(b)[:1]...)
	if want := (inventory.StepID{Run: run, Seq: 3}); ids[0] != want {
		t.Errorf("next step = %v, want %v", ids[0], want)
	}
}

// TestSettleWithoutStep records what an observation found, and what became of
// a step that history has lost.
func TestSettleWithoutStep(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		b := binding("acme", "travel", "booking", "production")
		id := stepsOf(b)[0].ID
		km := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "production"}, Name: "ThunderKeyManager"}
		settle(t, s, inventory.Settlement{Added: []resource.ID{id, km}})
		settle(t, s, inventory.Settlement{Added: []resource.ID{id}})
		if diff := cmp.Diff([]resource.ID{km, id}, owned(t, s, "production")); diff != "" {
			t.Errorf("owned (-want +got):\n%s", diff)
		}
		if got := owned(t, s, "staging"); len(got) != 0 {
			t.Errorf("owned in another environment: %v", got)
		}
		settle(t, s, inventory.Settlement{Step: inventory.StepID{Run: 99, Seq: 1}, State: inventory.Done, Removed: []resource.ID{id}})
		if diff := cmp.Diff([]resource.ID{km}, owned(t, s, "")); diff != "" {
			t.Errorf("owned after a removal (-want +got):\n%s", diff)
		}
	})
}

func TestStepFilter(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		bs := []resource.Binding{
			binding("acme", "travel", "booking", "production"), binding("acme", "travel", "hotel", "production"),
			binding("acme", "travel", "booking", "staging"), binding("other", "travel", "booking", "production"),
		}
		var runs []inventory.RunID
		for _, b := range bs {
			run := begin(t, s)
			runs = append(runs, run)
			ids := intend(t, s, run, stepsOf(b)...)
			settle(t, s, inventory.Settlement{Step: ids[0], State: inventory.Done})
		}
		for name, tt := range map[string]struct {
			filter inventory.StepFilter
			want   []inventory.StepID
		}{
			"one binding":     {inventory.StepFilter{Binding: bs[0]}, []inventory.StepID{{runs[0], 2}, {runs[0], 1}, {runs[0], 0}}},
			"one run":         {inventory.StepFilter{Run: runs[1]}, []inventory.StepID{{runs[1], 2}, {runs[1], 1}, {runs[1], 0}}},
			"done":            {inventory.StepFilter{State: inventory.Done, Binding: resource.Binding{Organization: "acme"}}, []inventory.StepID{{runs[2], 0}, {runs[1], 0}, {runs[0], 0}}},
			"every booking":   {inventory.StepFilter{State: inventory.Done, Binding: resource.Binding{Agent: "booking"}}, []inventory.StepID{{runs[3], 0}, {runs[2], 0}, {runs[0], 0}}},
			"an environment":  {inventory.StepFilter{Binding: resource.Binding{Environment: "staging"}, Limit: 1}, []inventory.StepID{{runs[2], 2}}},
			"the second page": {inventory.StepFilter{Before: inventory.StepID{Run: runs[3], Seq: 0}, Limit: 2}, []inventory.StepID{{runs[2], 2}, {runs[2], 1}}},
		} {
			got, err := s.Steps(t.Context(), tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			ids := make([]inventory.StepID, len(got))
			for i, r := range got {
				ids[i] = r.StepID()
			}
			if diff := cmp.Diff(tt.want, ids); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}
