package inventory_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

const benchBindings = 1000

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchStore(b *testing.B) *inventory.Store {
	b.Helper()
	s, err := inventory.Open(b.Context(), "sqlite://"+filepath.Join(b.TempDir(), "g.db"), inventory.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func benchSet() []inventory.Binding {
	out := make([]inventory.Binding, benchBindings)
	for i := range out {
		out[i] = full(binding("acme", fmt.Sprintf("p%d", i%20), fmt.Sprintf("agent-%04d", i), "production"))
	}
	return out
}

// convergeOne is what a binding costs: intents, an outcome after each step, the
// status at the end.
func convergeOne(ctx context.Context, s *inventory.Store, run inventory.RunID, bd inventory.Binding, perStep bool) error {
	steps := stepsOf(bd.Binding)
	for i := range steps {
		steps[i].Changes = []plan.Change{{Field: "client_id", After: bd.ClientID}, {Field: "audience", After: bd.Binding.Audience()}}
	}
	ids, err := s.Intend(ctx, run, steps)
	if err != nil {
		return err
	}
	var batch []inventory.Settlement
	for i, st := range steps {
		batch = append(batch, inventory.Settlement{Step: ids[i], State: inventory.Done, Writes: 1, Added: []resource.ID{st.ID}})
		if perStep || i == len(steps)-1 {
			if err := s.Settle(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	return s.SaveBindings(ctx, []inventory.Binding{bd})
}

// BenchmarkConverge converges 1000 bindings of three steps from nothing.
func BenchmarkConverge(b *testing.B) {
	for _, bb := range []struct {
		name    string
		workers int
		perStep bool
	}{{"alone", 1, false}, {"alone-per-step", 1, true}, {"16-workers", 16, false}, {"16-workers-per-step", 16, true}} {
		b.Run(bb.name, func(b *testing.B) {
			set := benchSet()
			var used time.Duration
			for range b.N {
				s := benchStore(b)
				before := cpu(b)
				run, err := s.BeginRun(b.Context(), inventory.Run{Kind: inventory.Pass, Environments: []string{"production"}})
				if err != nil {
					b.Fatal(err)
				}
				work := make(chan inventory.Binding)
				var wg sync.WaitGroup
				for range bb.workers {
					wg.Go(func() {
						for bd := range work {
							if err := convergeOne(b.Context(), s, run, bd, bb.perStep); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for _, bd := range set {
					work <- bd
				}
				close(work)
				wg.Wait()
				if err := s.EndRun(b.Context(), run, inventory.RunResult{}); err != nil {
					b.Fatal(err)
				}
				used += cpu(b) - before
			}
			b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// BenchmarkQuietPass is a pass that changes nothing.
func BenchmarkQuietPass(b *testing.B) {
	s, set := benchStore(b), benchSet()
	if err := s.SaveBindings(b.Context(), set); err != nil {
		b.Fatal(err)
	}
	before := cpu(b)
	for b.Loop() {
		run, err := s.BeginRun(b.Context(), inventory.Run{Kind: inventory.Pass, Environments: []string{"production"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.SaveBindings(b.Context(), set); err != nil {
			b.Fatal(err)
		}
		if err := s.EndRun(b.Context(), run, inventory.RunResult{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

// BenchmarkRead reads 1000 bindings with their clients, and what is owned.
func BenchmarkRead(b *testing.B) {
	s, set := benchStore(b), benchSet()
	var owned inventory.Settlement
	for _, bd := range set {
		for _, st := range stepsOf(bd.Binding) {
			owned.Added = append(owned.Added, st.ID)
		}
	}
	if err := s.SaveBindings(b.Context(), set); err != nil {
		b.Fatal(err)
	}
	if err := s.Settle(b.Context(), []inventory.Settlement{owned}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Bindings(b.Context(), inventory.Filter{}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Owned(b.Context(), "production"); err != nil {
			b.Fatal(err)
		}
	}
}
