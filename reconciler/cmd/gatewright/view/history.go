package view

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// History is what `gatewright history` prints. Steps are given where one
// binding or one run was asked for.
type History struct {
	Runs  []inventory.Run        `json:"runs,omitempty"`
	Steps []inventory.StepRecord `json:"steps,omitempty"`
	// Events are given where what people asked for was asked for.
	Events []inventory.Event `json:"events,omitempty"`
}

// Text prints a line for each run or step, newest first.
func (h History) Text(w io.Writer, _ Style) error {
	if len(h.Runs)+len(h.Steps)+len(h.Events) == 0 {
		_, err := fmt.Fprintln(w, "nothing is recorded")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(h.Runs) > 0 {
		fmt.Fprintln(tw, "RUN\tSTARTED\tTOOK\tTRIGGER\tREVISION\tRESULT")
	}
	for _, r := range h.Runs {
		fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%.12s\t%s\n", r.ID, stamp(r.Started), took(r.Started, r.Ended), r.Trigger, r.Revision, result(r))
	}
	if len(h.Steps) > 0 {
		fmt.Fprintln(tw, "RUN\tSTARTED\tTOOK\tSTEP\tSTATE\t")
	}
	for _, s := range h.Steps {
		fmt.Fprintf(tw, "%d\t%s\t%s\t%s %s\t%s\t%s\n", s.Run, stamp(s.Started), took(s.Started, s.Ended), s.Action, s.ID, s.State, why(s))
	}
	if len(h.Events) > 0 {
		fmt.Fprintln(tw, "AT\tACTOR\tACTION\tSCOPE\t")
	}
	for _, e := range h.Events {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", stamp(e.At), e.Actor, e.Action, subject(e), e.Message)
	}
	return tw.Flush()
}

// why is what went wrong with a step, or why it was done.
func why(s inventory.StepRecord) string {
	if s.Message != "" {
		return s.Message
	}
	return s.Reason
}

// subject says what an event is about.
func subject(e inventory.Event) string {
	if e.Binding == (resource.Binding{}) && e.Revision != "" {
		return fmt.Sprintf("revision %.12s", e.Revision)
	}
	if e.Subject != "" {
		return Scope(resource.Selector(e.Binding)) + " " + e.Subject
	}
	return Scope(resource.Selector(e.Binding))
}

// result sums up a run.
func result(r inventory.Run) string {
	c := r.Result.Counts
	s := fmt.Sprintf("%d created, %d updated, %d deleted", c.Create, c.Update+c.Replace, c.Delete)
	if c.Adopt > 0 {
		s += fmt.Sprintf(", %d adopted", c.Adopt)
	}
	if c.Orphan > 0 {
		s += fmt.Sprintf(", %d given up", c.Orphan)
	}
	if r.Result.Failed > 0 {
		s += fmt.Sprintf(", %d failed", r.Result.Failed)
	}
	if r.Repeats > 0 {
		s += fmt.Sprintf(" (and %d times the same)", r.Repeats)
	}
	if r.Result.Message != "" {
		s += ": " + r.Result.Message
	}
	return s
}

// stamp is a time for the person at the terminal.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") } //nolint:gosmopolitan // their time

func took(from, to time.Time) string {
	if to.IsZero() {
		return "-"
	}
	return to.Sub(from).Round(time.Millisecond).String()
}
