package openbao_test

import (
	"context"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// many makes n credentials and returns them as desired.
func (b *bench) many(tg *openbao.Target, n int) []resource.Resource {
	b.t.Helper()
	rs := make([]resource.Resource, n)
	for i := range rs {
		rs[i] = resource.Resource{ID: id(i), State: b.state(i, "a")}
		if _, err := tg.Apply(b.t.Context(), plan.Step{ID: id(i), Action: plan.Create, After: &rs[i].State, NewSecret: true}, target.Input{}); err != nil {
			b.t.Fatal(err)
		}
	}
	return rs
}

// TestSteadyPassCost: a pass over credentials that stand is one GET for each,
// no write, and no login.
func TestSteadyPassCost(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	rs := b.many(tg, 50)
	b.server.Faults().ResetCounts()
	if _, err := tg.Observe(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	n := b.server.Faults().Counts()
	if n.Reads != len(rs) || n.Writes != 0 || n.Auths != 0 {
		t.Errorf("reads %d, writes %d, auths %d for %d credentials", n.Reads, n.Writes, n.Auths, len(rs))
	}
	if peak := n.Peaks["GET /v1/kv/data/{path}"]; peak > 16 {
		t.Errorf("%d reads at once", peak)
	}
}

// TestCreateCost: a credential costs a look, the mark and the data.
func TestCreateCost(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	b.observe(tg, 1)
	b.server.Faults().ResetCounts()
	b.many(tg, 1)
	if n := b.server.Faults().Counts(); n.Reads != 1 || n.Writes != 2 {
		t.Errorf("reads %d, writes %d", n.Reads, n.Writes)
	}
}

// BenchmarkObserve is a steady pass over 1000 credentials. Where the simulator
// runs in the same process, its CPU counts, too; a server by address does not.
func BenchmarkObserve(b *testing.B) {
	_, tg, rs := benchmark(b)
	defer cpu(b)()
	for b.Loop() {
		if _, err := tg.Observe(b.Context(), rs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAPIClient is the same reads through the api client, for comparison.
func BenchmarkAPIClient(b *testing.B) {
	bench, _, rs := benchmark(b)
	cfg := api.NewConfig()
	cfg.Address = bench.url
	if tr, ok := cfg.HttpClient.Transport.(*http.Transport); ok {
		tr.MaxIdleConnsPerHost = 20
	}
	c, err := api.NewClient(cfg)
	if err != nil {
		b.Fatal(err)
	}
	c.SetToken(bench.root)
	defer cpu(b)()
	for b.Loop() {
		for i := range rs {
			if _, err := c.KVv2(bench.mount).Get(context.Background(), key(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchmark(b *testing.B) (*bench, *openbao.Target, []resource.Resource) {
	b.Helper()
	bench := newBench(b)
	tg := bench.target(bench.config())
	return bench, tg, bench.many(tg, 1000)
}

// cpu reports the CPU time of the whole process, which a busy machine does not
// stretch as it does the wall time.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op") }
}
