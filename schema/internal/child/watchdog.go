package child

import (
	"runtime/metrics"
	"time"
)

// watchdogPeriod is how often a child looks at itself while it works.
// Allocation of a few gigabytes a second is the worst there is, so that some
// ten megabytes can go unseen.
const watchdogPeriod = 5 * time.Millisecond

// watchdog ends the process when a request passes its CPU time or its memory,
// until done is closed.
func (s *server) watchdog(begun usage, done <-chan struct{}) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	tick := time.NewTicker(watchdogPeriod)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if ownUsage().cpu-begun.cpu > s.limits.CPU {
			s.end(CapCPU)
		}
		metrics.Read(samples)
		held := samples[0].Value.Uint64() - samples[1].Value.Uint64() - samples[2].Value.Uint64()
		if int64(held) > s.limits.Memory {
			s.end(CapMemory)
		}
	}
}
