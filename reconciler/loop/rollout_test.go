package loop

import (
	"testing"
	"time"
)

func TestLate(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration) time.Time { return start.Add(d) }
	const limit = time.Minute
	tests := map[string]struct {
		reason       string
		now, arrived time.Time
		rolled       bool
		want         bool
	}{
		"within the limit":         {reason: "the gateway has its time", now: after(limit)},
		"past the limit":           {reason: "nothing arrives at all", now: after(limit + 1), want: true},
		"others arrive":            {reason: "the gateway works through them", now: after(5 * limit), arrived: after(4 * limit)},
		"others have ceased to":    {reason: "the limit runs again", now: after(5 * limit), arrived: after(4*limit - 1), want: true},
		"others arrive for ever":   {reason: "one that is stuck is told", now: after(patience*limit + 1), arrived: after(patience * limit), want: true},
		"arrived, not yet proved":  {reason: "its proof has a limit of its own", now: after(patience*limit + 1), rolled: true},
		"others arrived before it": {reason: "that says nothing about this one", now: after(limit + 1), arrived: after(-1), want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pending{since: start}
			if tc.rolled {
				p.rolled = start
			}
			if got := p.late(tc.now, tc.arrived, limit); got != tc.want {
				t.Errorf("got %v, want %v: %s", got, tc.want, tc.reason)
			}
		})
	}
}
