package inventory_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// model is what the store should hold, as maps.
type model struct {
	owned map[resource.ID]bool
	open  map[inventory.StepID]resource.ID
	runs  []inventory.RunID
}

func drawID(t *rapid.T) resource.ID {
	env := rapid.SampledFrom([]string{"production", "staging"}).Draw(t, "environment")
	kind := rapid.SampledFrom([]resource.Kind{
		resource.KindClient, resource.KindCredential, resource.KindEndpoint, resource.KindKeyManager,
	}).Draw(t, "kind")
	id := resource.ID{Kind: kind, Binding: resource.Binding{Environment: env}}
	if kind == resource.KindKeyManager {
		id.Name = "ThunderKeyManager"
		return id
	}
	id.Binding = binding("acme", "travel", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "agent"), env)
	if kind != resource.KindEndpoint {
		id.Name = rapid.SampledFrom([]string{"own", "test", "mobile"}).Draw(t, "client")
	}
	return id
}

// TestModel compares Owned and OpenIntents with maps over random histories.
func TestModel(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		m := model{owned: map[resource.ID]bool{}, open: map[inventory.StepID]resource.ID{}}
		rapid.Check(t, func(rt *rapid.T) {
			m.clear(t, s)
			rt.Repeat(map[string]func(*rapid.T){
				"begin":  func(*rapid.T) { m.runs = append(m.runs, begin(t, s)) },
				"intend": func(rt *rapid.T) { m.intend(rt, t, s) },
				"settle": func(rt *rapid.T) { m.settle(rt, t, s) },
				"":       func(rt *rapid.T) { m.check(rt, t, s) },
			})
		})
	})
}

// clear ends what the last history left, so that each begins with nothing.
func (m *model) clear(t *testing.T, s *inventory.Store) {
	t.Helper()
	batch := []inventory.Settlement{{Removed: slices.Collect(maps.Keys(m.owned))}}
	for step := range m.open {
		batch = append(batch, inventory.Settlement{Step: step, State: inventory.Unknown})
	}
	settle(t, s, batch...)
	clear(m.owned)
	clear(m.open)
	m.runs = nil
}

func (m *model) intend(rt *rapid.T, t *testing.T, s *inventory.Store) {
	if len(m.runs) == 0 {
		rt.Skip("there is no run yet")
	}
	ids := rapid.SliceOfN(rapid.Custom(drawID), 1, 5).Draw(rt, "steps")
	steps := make([]plan.Step, len(ids))
	for i, id := range ids {
		steps[i] = plan.Step{ID: id, Action: plan.Update}
	}
	for i, step := range intend(t, s, rapid.SampledFrom(m.runs).Draw(rt, "run"), steps...) {
		if _, ok := m.open[step]; ok {
			rt.Fatalf("%v names two steps", step)
		}
		m.open[step] = ids[i]
	}
}

func (m *model) settle(rt *rapid.T, t *testing.T, s *inventory.Store) {
	open := slices.SortedFunc(maps.Keys(m.open), func(a, b inventory.StepID) int {
		return int(a.Run-b.Run)*1000 + a.Seq - b.Seq
	})
	var batch []inventory.Settlement
	for range rapid.IntRange(1, 4).Draw(rt, "settlements") {
		st := inventory.Settlement{
			State:   rapid.SampledFrom([]inventory.StepState{inventory.Done, inventory.Failed, inventory.Unknown}).Draw(rt, "state"),
			Added:   rapid.SliceOfN(rapid.Custom(drawID), 0, 3).Draw(rt, "added"),
			Removed: rapid.SliceOfN(rapid.Custom(drawID), 0, 3).Draw(rt, "removed"),
		}
		if len(open) > 0 && rapid.Bool().Draw(rt, "of a step") {
			st.Step = rapid.SampledFrom(open).Draw(rt, "step")
			delete(m.open, st.Step)
		}
		for _, id := range st.Added {
			m.owned[id] = true
		}
		for _, id := range st.Removed {
			delete(m.owned, id)
		}
		batch = append(batch, st)
	}
	settle(t, s, batch...)
}

func (m *model) check(rt *rapid.T, t *testing.T, s *inventory.Store) {
	want := slices.SortedFunc(maps.Keys(m.owned), resource.ID.Compare)
	if diff := cmp.Diff(want, owned(t, s, ""), cmpopts.EquateEmpty()); diff != "" {
		rt.Fatalf("owned (-want +got):\n%s", diff)
	}
	got := map[inventory.StepID]resource.ID{}
	for _, r := range openIntents(t, s, "") {
		got[r.StepID()] = r.ID
	}
	if diff := cmp.Diff(m.open, got); diff != "" {
		rt.Fatalf("open intents (-want +got):\n%s", diff)
	}
}

// TestConcurrentWrites shares transactions among callers, one of whom fails.
func TestConcurrentWrites(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		run := begin(t, s)
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				b := binding("acme", "travel", fmt.Sprintf("a%d", i), "production")
				if i%10 == 0 {
					if _, err := s.Intend(t.Context(), run+1000, stepsOf(b)); err == nil {
						t.Error("Intend for an unknown run succeeded")
					}
					return
				}
				ids, err := s.Intend(t.Context(), run, stepsOf(b))
				if err != nil {
					t.Error(err)
					return
				}
				for j, st := range stepsOf(b) {
					err := s.Settle(t.Context(), []inventory.Settlement{{Step: ids[j], State: inventory.Done, Added: []resource.ID{st.ID}}})
					if err != nil {
						t.Error(err)
					}
				}
				if err := s.SaveBindings(t.Context(), []inventory.Binding{full(b)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := owned(t, s, ""); len(got) != 36*3 {
			t.Errorf("%d resources are owned, want %d", len(got), 36*3)
		}
		if got := openIntents(t, s, ""); len(got) != 0 {
			t.Errorf("open intents: %v", got)
		}
	})
}
