//go:build unix

package e2e

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// report collects what became of each scenario.
type report struct {
	mu   sync.Mutex
	told []told
}

// told is one scenario.
type told struct {
	name   string
	took   time.Duration
	failed bool
	// skipped scenarios need a peer that stands in.
	skipped bool
	// why is the line at which the script failed, and what was wrong there.
	why string
}

// print writes the scenarios that failed first, each with its reason.
func (r *report) print(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.told, func(a, b told) int {
		if a.failed != b.failed {
			if a.failed {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range r.told {
		word := "ok"
		switch {
		case t.failed:
			word = "FAILED"
		case t.skipped:
			word = "skipped"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", word, t.name, t.took.Round(100*time.Millisecond), t.why)
	}
	_ = tw.Flush() // it is a test's output
}

// teller is a test that tells a report what becomes of the scripts in it.
type teller struct {
	*testing.T
	report *report
	// alone runs the scripts one after the other.
	alone bool
	why   *string
}

// Parallel implements testscript.T.
func (t teller) Parallel() {
	if !t.alone {
		t.T.Parallel()
	}
}

// Run implements testscript.T.
func (t teller) Run(name string, f func(testscript.T)) {
	t.tell(name, func(inner *testing.T, why *string) { f(teller{inner, t.report, t.alone, why}) })
}

// tell runs a test and reports it, with what it says of why.
func (t teller) tell(name string, f func(t *testing.T, why *string)) {
	t.T.Run(name, func(inner *testing.T) {
		started, why := time.Now(), ""
		inner.Cleanup(func() {
			t.report.mu.Lock()
			defer t.report.mu.Unlock()
			t.report.told = append(t.report.told, told{name, time.Since(started), inner.Failed(), inner.Skipped(), why})
		})
		f(inner, &why)
	})
}

// Log implements testscript.T. The log of a script that failed ends with why.
func (t teller) Log(args ...any) {
	text := strings.TrimSpace(fmt.Sprint(args...))
	if at := strings.LastIndex(text, "FAIL: "); at >= 0 && t.why != nil {
		*t.why, _, _ = strings.Cut(text[at+len("FAIL: "):], "\n")
	}
	t.T.Log(args...)
}

// Skip implements testscript.T.
func (t teller) Skip(args ...any) {
	if t.why != nil {
		*t.why = strings.TrimSpace(fmt.Sprint(args...))
	}
	t.T.Skip(args...)
}

// Verbose implements testscript.T.
func (t teller) Verbose() bool { return testing.Verbose() }
