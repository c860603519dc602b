package view

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
)

// Status is what `gatewright status` prints.
type Status struct {
	// Suspensions are those that people asked for and that hold now; what a spec
	// suspends shows with its binding.
	Suspensions []inventory.Suspension `json:"suspensions"`
	Bindings    []inventory.Binding    `json:"bindings"`
	// Revision is the last revision that was applied whole.
	Revision string    `json:"revision,omitempty"`
	At       time.Time `json:"at"`
}

// Text prints what is suspended, a line for each binding, and below why it is
// not converged.
func (s Status) Text(w io.Writer, style Style) error {
	for _, sus := range s.Suspensions {
		if _, err := fmt.Fprintln(w, style.yellow("suspended: "+Suspended(sus))); err != nil {
			return err
		}
	}
	if len(s.Suspensions) > 0 {
		fmt.Fprintln(w)
	}
	if len(s.Bindings) == 0 {
		_, err := fmt.Fprintln(w, "nothing is recorded: no revision was applied yet, or the filter matches nothing")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "BINDING\tSCHEME\tSTATUS\tPROOF\tREVISION\tENDPOINT")
	counts := map[inventory.Status]int{}
	for _, b := range s.Bindings {
		counts[b.Status]++
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%.12s\t%s\n", b.Binding, b.Scheme, b.Status, s.proof(b), b.Revision, b.Endpoint)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, b := range s.Bindings {
		if b.Message == "" && b.SuspendReason == "" {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", style.bold(b.Binding.String()))
		if b.SuspendReason != "" {
			fmt.Fprintf(w, "  suspended until %s: %s\n", b.SuspendedUntil.Format(time.RFC3339), b.SuspendReason)
		}
		if b.Message != "" {
			fmt.Fprintf(w, "  %s\n", style.red(b.Message))
		}
		if b.Hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", b.Hint)
		}
	}
	_, err := fmt.Fprintf(w, "\n%d bindings, %d converged\n", len(s.Bindings), counts[inventory.Converged])
	return err
}

// proof says how the last proof ended and how old it is.
func (s Status) proof(b inventory.Binding) string {
	if b.LastProof == nil {
		return "-"
	}
	word := "ok"
	if !b.LastProof.OK {
		word = "FAILED"
	}
	return word + " " + Age(s.At.Sub(b.LastProof.At))
}

// Age prints a span of time in its largest unit.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
