package schema

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

// benchFiles are n specs of one directory under a policy.
func benchFiles(n int) map[string]string {
	files := map[string]string{"policy.cue": "package agents\n\nagents: [string]: environments: production: endpointAuthentication: scheme: \"oauth2\"\n"}
	for i := range n {
		files[fmt.Sprintf("a%04d.cue", i)] = benchSpec(i, "15m")
	}
	return files
}

// benchSpec is one spec of the sample's shape.
func benchSpec(i int, validity string) string {
	return fmt.Sprintf(`package agents

agents: "booking-%04[1]d": {
	organization: "acme"
	project:      "travel"
	kind:         "custom-api"
	interface: {context: "/booking-%04[1]d", port: 8000, basePath: "/", version: "v1.0", operations: [{method: "GET", path: "/*"}]}
	environments: production: endpointAuthentication: {
		scheme: "oauth2"
		issuers: ["ThunderKeyManager"]
		token: validity: %[2]q
		clients: "mobile-app": {}
	}
}
`, i, validity)
}

// cpuTime is what this process and its children that ended have taken.
func cpuTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err == nil {
			total += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	return total
}

// benchmarkLoad loads n specs with a new loader, worker and all.
func benchmarkLoad(b *testing.B, n int) {
	tree := treeOf(benchFiles(n))
	b.ResetTimer()
	began := cpuTime()
	for range b.N {
		l := NewLoader(Options{})
		r, err := l.Load(context.Background(), tree)
		if err != nil || len(r.Agents) != n || !r.Whole {
			b.Fatal(err, len(r.Agents), render(r.Diagnostics))
		}
		_ = l.Close()
	}
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/1e6, "cpu-ms/op")
}

// benchmarkOneChanged loads n specs of which one changed since the last load.
func benchmarkOneChanged(b *testing.B, n int) {
	l := NewLoader(Options{})
	files := benchFiles(n)
	if _, err := l.Load(context.Background(), treeOf(files)); err != nil {
		b.Fatal(err)
	}
	before := l.pool.process.CPU()
	b.ResetTimer()
	began := cpuTime()
	for i := range b.N {
		files["a0007.cue"] = benchSpec(7, fmt.Sprintf("%ds", i+1))
		r, err := l.Load(context.Background(), treeOf(files))
		if err != nil || r.Evaluations != 1 || len(r.Agents) != n {
			b.Fatal(err, r.Evaluations, len(r.Agents))
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-began+l.pool.process.CPU()-before)/float64(b.N)/1e6, "cpu-ms/op")
	_ = l.Close()
}

func BenchmarkLoad1000(b *testing.B)       { benchmarkLoad(b, 1000) }
func BenchmarkLoad5000(b *testing.B)       { benchmarkLoad(b, 5000) }
func BenchmarkOneChanged1000(b *testing.B) { benchmarkOneChanged(b, 1000) }
func BenchmarkOneChanged5000(b *testing.B) { benchmarkOneChanged(b, 5000) }

// BenchmarkVet1000 is what cue vet does with the same files, in this process
// and with nothing decoded.
func BenchmarkVet1000(b *testing.B) {
	files := benchFiles(1000)
	b.ResetTimer()
	began := cpuTime()
	for range b.N {
		inst := build.NewContext().NewInstance("", nil)
		for name, text := range files {
			f, err := parser.ParseFile(name, text, parser.ParseComments)
			if err != nil {
				b.Fatal(err)
			}
			_ = inst.AddSyntax(f)
		}
		if err := cuecontext.New().BuildInstance(inst).Validate(cue.Concrete(true)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/1e6, "cpu-ms/op")
}
