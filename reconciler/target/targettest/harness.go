// Package targettest is the conformance suite that every target passes: the
// prose of package target as tests.
//
// An adapter's test hands [Run] a [Harness]: how to start an empty world (a
// simulator, or a real server that is asked for by address), and two desired
// states, A and B, of any number of resources. The suite walks empty → A → B →
// A → empty with an empty difference after each, applies done steps again,
// loses answers before and after every single write, meets resources of other
// owners, cancels contexts, and reads every error, observation and log for the
// world's secrets.
//
// It knows no kind: what a step needs beside its data, what counts as a
// difference and what counts as empty may be said by the harness.
package targettest

import (
	"slices"
	"testing"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// Harness is what the suite has to know of a target.
type Harness struct {
	// Start returns an empty world of its own for one test and ends it by
	// t.Cleanup.
	Start func(t *testing.T) World
	// ID names the n-th resource. Two n never name the same.
	ID func(n int) resource.ID
	// A and B are two desired states of the n-th resource that differ.
	A, B func(n int) resource.State

	// Input is what the core hands along with a step of the n-th resource; nil
	// means nothing. It must return the same for the same n.
	Input func(n int) target.Input
	// Diff compares a desired state with an observation of a resource that was
	// found; nil means Changes.
	Diff func(want resource.State, got resource.Observed, in target.Input) []plan.Change
	// Empty reports that nothing of ours stands; nil means that nothing was
	// found.
	Empty func(resource.Observed) bool
	// Remove is the step that leads from an observation to empty; nil means a
	// delete.
	Remove func(n int, got resource.Observed) plan.Step
	// Discovers says that Discover finds all of a few resources.
	Discovers bool
	// Faults are those that the world can arm; nil means AllFaults.
	Faults []Fault
	// Serial runs one test after the other, for worlds that share one server;
	// Start has to clean it then.
	Serial bool
	// Many is how many resources are observed at once; zero means 50.
	Many int
}

// World is one running target. Members that are nil leave out the tests that
// need them, and the suite says so.
type World struct {
	Target target.Target
	// Writes counts the calls that changed something since the start.
	Writes func() int
	// Arm makes the nth (from 1) writing call from now on fail once.
	Arm func(t *testing.T, f Fault, nth int)
	// Disarm forgets an armed fault and lets go of hanging calls.
	Disarm func()
	// Foreign puts a resource of somebody else under the n-th identity, and
	// returns a rendering of all that the target holds of it now, to compare.
	Foreign func(t *testing.T, n int) (look func() string)
	// Meddle changes the n-th resource, which stands in state A and is ours,
	// as a person would by hand, so that it differs from A and its version
	// moves, and leaves the mark alone.
	Meddle func(t *testing.T, n int)
	// Secrets are strings that no error, log or rendering may contain. It is
	// asked at the end of each test.
	Secrets func() []string
	// Logs returns what was logged so far.
	Logs func() string
}

// Fault is a way in which a writing call fails.
type Fault struct {
	Action FaultAction
	// After says that the effect happens first.
	After bool
}

// FaultAction is what happens to the call.
type FaultAction string

// The actions.
const (
	// FaultReset ends the connection without an answer.
	FaultReset FaultAction = "reset"
	// FaultError answers 500 with a body that the target's clients know.
	FaultError FaultAction = "error"
	// FaultPage answers 200 with an HTML page, as a proxy's login does.
	FaultPage FaultAction = "page"
	// FaultHang answers nothing for as long as the client waits.
	FaultHang FaultAction = "hang"
	// FaultTruncate cuts the answer's body short. It is always after.
	FaultTruncate FaultAction = "truncate"
)

// String prints f as "reset after the effect".
func (f Fault) String() string {
	if f.After {
		return string(f.Action) + " after the effect"
	}
	return string(f.Action) + " before the effect"
}

// AllFaults returns every fault.
func AllFaults() []Fault {
	return []Fault{
		{FaultReset, false}, {FaultReset, true}, {FaultError, false}, {FaultError, true},
		{FaultPage, false}, {FaultPage, true}, {FaultHang, false}, {FaultHang, true}, {FaultTruncate, true},
	}
}

// Run runs the suite. Subtests run in parallel, each in a world of its
// own, unless the harness says otherwise.
func Run(t *testing.T, h Harness) {
	t.Helper()
	tests := []struct {
		name string
		run  func(*world)
	}{
		{"lifecycle", lifecycle},
		{"done steps again", doneAgain},
		{"prune by identity alone", pruneByIdentity},
		{"many keep their order", manyInOrder},
		{"foreign resources", foreign},
		{"adopted resource", adopted},
		{"orphaned resource", orphaned},
		{"meddled resource", meddled},
		{"cancelled context", cancelled},
		{"discovery", discovery},
		{"check", check},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.parallel(t)
			tt.run(start(t, h))
		})
	}
	t.Run("faults", func(t *testing.T) {
		h.parallel(t)
		faults(t, h)
	})
}

func (h Harness) parallel(t *testing.T) {
	t.Helper()
	if !h.Serial {
		t.Parallel()
	}
}

// Changes is the default difference: the fields of the two states, and for a
// client the digest of the secret that it should have.
func Changes(want resource.State, got resource.Observed, in target.Input) []plan.Change {
	var out []plan.Change
	have := got.State.Fields()
	for _, w := range want.Fields() {
		i := slices.IndexFunc(have, func(f resource.Field) bool { return f.Name == w.Name })
		if i < 0 {
			out = append(out, plan.Change{Field: w.Name, After: w.Value})
		} else if have[i].Value != w.Value {
			out = append(out, plan.Change{Field: w.Name, Before: have[i].Value, After: w.Value})
		}
	}
	if c := got.State.Client; c != nil && want.Client != nil && c.SecretDigest != in.Secret.Digest(want.Client.ClientID) {
		out = append(out, plan.Change{Field: "secret", Before: resource.Redacted, After: resource.Redacted})
	}
	return out
}
