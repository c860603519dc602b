package source_test

import (
	"fmt"
	"testing"

	"github.com/gatewright/gatewright/reconciler/source"
)

// BenchmarkSnapshot measures what the daemon pays at a push: cold is a fresh
// start, warm is one file of n changed, still is nothing changed.
func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		for _, packed := range []bool{true, false} {
			r := newRepo(b)
			files := map[string]string{}
			for i := range n {
				files[fmt.Sprintf("specs/org%d/project%d/agent%d.cue", i%10, i%100, i)] = fmt.Sprintf("package agents\nagents: a%d: {}\n", i)
			}
			r.commit("all", files)
			if packed {
				r.git("gc", "-q")
			}
			name := fmt.Sprintf("%d/packed=%v/", n, packed)
			b.Run(name+"cold", func(b *testing.B) {
				for b.Loop() {
					s, err := source.Open(b.Context(), source.Config{Repository: r.dir})
					if err != nil {
						b.Fatal(err)
					}
					snapshot(b, s)
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"read", func(b *testing.B) {
				snap := snapshot(b, open(b, source.Config{Repository: r.dir}))
				for b.Loop() {
					contents(b, snap.Tree)
				}
			})
			b.Run(name+"warm", func(b *testing.B) {
				s := open(b, source.Config{Repository: r.dir})
				snapshot(b, s)
				for i := 0; b.Loop(); i++ {
					b.StopTimer()
					r.commit("one", map[string]string{"specs/org1/project1/agent1.cue": fmt.Sprint("x: ", i)})
					b.StartTimer()
					snapshot(b, s)
				}
			})
			b.Run(name+"still", func(b *testing.B) {
				s := open(b, source.Config{Repository: r.dir})
				for b.Loop() {
					snapshot(b, s)
				}
			})
			b.Run(name+"working", func(b *testing.B) {
				for b.Loop() {
					working(b, r.dir, "specs")
				}
			})
		}
	}
}
