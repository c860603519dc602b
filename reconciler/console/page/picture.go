package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

// bar is how the bindings of an environment stand, as one bar.
type bar struct {
	desk.Count
	Parts []part
}

// part is one status in a bar, in percent of its length.
type part struct {
	Status inventory.Status
	Count  int
	X, Len string
}

// order is how statuses follow each other in a bar: what is well comes first.
var order = []inventory.Status{
	inventory.Converged, inventory.Pending, inventory.Waiting, inventory.Suspended, inventory.Locked,
	inventory.Orphaned, inventory.Conflict, inventory.Stalled, inventory.Failing,
}

// barOf draws a bar. Whatever is there can be seen: it has two percent at least.
func barOf(c desk.Count) bar {
	b := bar{Count: c}
	if c.Total == 0 {
		return b
	}
	const least = 2.0
	lengths, sum := make([]float64, len(order)), 0.0
	for i, s := range order {
		if n := c.ByStatus[s]; n > 0 {
			lengths[i] = max(least, 100*float64(n)/float64(c.Total))
			sum += lengths[i]
		}
	}
	at := 0.0
	for i, s := range order {
		if lengths[i] == 0 {
			continue
		}
		l := lengths[i] * 100 / sum
		b.Parts = append(b.Parts, part{s, c.ByStatus[s], fmt.Sprintf("%.2f%%", at), fmt.Sprintf("%.2f%%", l)})
		at += l
	}
	return b
}

// timeline is the history of a binding on a line, oldest on the left.
type timeline struct {
	Marks    []mark
	From, To time.Time
}

// mark is something that happened: a change, a failure, a proof or what a
// person did.
type mark struct {
	At         time.Time
	X          string
	Kind, Text string
}

// timelineOf puts the steps and events of p on a line. Steps of one run are one
// mark.
func timelineOf(p desk.Past, now time.Time) timeline {
	var out timeline
	seen := map[inventory.RunID]bool{}
	for _, s := range p.Steps {
		if seen[s.Run] {
			continue
		}
		seen[s.Run] = true
		kind := "change"
		if s.Class != "" {
			kind = "failure"
		}
		out.Marks = append(out.Marks, mark{At: s.Started, Kind: kind, Text: fmt.Sprintf("run %d: %s %s", s.Run, s.Action, s.ID.Kind)})
	}
	for _, e := range p.Events {
		kind := "person"
		switch e.Action {
		case "proof-failed":
			kind = "failure"
		case "proof-passed":
			kind = "proof"
		}
		out.Marks = append(out.Marks, mark{At: e.At, Kind: kind, Text: e.Action + " by " + e.Actor})
	}
	if len(out.Marks) == 0 {
		return out
	}
	slices.SortStableFunc(out.Marks, func(a, b mark) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	out.From, out.To = out.Marks[0].At, now
	whole := max(out.To.Sub(out.From), time.Second)
	for i := range out.Marks {
		// From 2 to 98 percent, so that the first and the last are whole.
		out.Marks[i].X = fmt.Sprintf("%.2f%%", 2+96*float64(out.Marks[i].At.Sub(out.From))/float64(whole))
	}
	return out
}
