package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"

	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// Position is a place in a file of the specs repository. Line and Column
// count from 1; Column counts bytes. The zero Line means the whole file.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsZero reports whether p names no place at all.
func (p Position) IsZero() bool { return p == Position{} }

// String prints p as file:line:col, or as much of it as is known.
func (p Position) String() string {
	switch {
	case p.File == "":
		return "-"
	case p.Line == 0:
		return p.File
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Compare orders positions by file, line and column.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Severity says whether a diagnostic stops the bindings it is about.
type Severity string

// The severities. A warning stops nothing.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Related is a further place that contributes to a diagnostic, such as the
// policy that a spec violates.
type Related struct {
	Position Position `json:"position"`
	Message  string   `json:"message,omitempty"`
}

// Diagnostic says what is wrong in the user's text, where, and what to do.
type Diagnostic struct {
	Position Position `json:"position"`
	// Path is the field, as agents.booking.environments.production.
	Path     string    `json:"path,omitempty"`
	Message  string    `json:"message"`
	Code     string    `json:"code"`
	Severity Severity  `json:"severity"`
	Related  []Related `json:"related,omitempty"`
	Hint     string    `json:"hint,omitempty"`
}

// String prints the diagnostic as people read it: the position, the path, the
// message and the code on the first line, then contributing positions, then
// the hint.
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.Position.String())
	b.WriteString(": ")
	if d.Severity == SeverityWarning {
		b.WriteString("warning: ")
	}
	if d.Path != "" {
		b.WriteString(d.Path)
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s [%s]", d.Message, d.Code)
	for _, r := range d.Related {
		fmt.Fprintf(&b, "\n    %s", r.Position)
		if r.Message != "" {
			fmt.Fprintf(&b, ": %s", r.Message)
		}
	}
	if d.Hint != "" {
		fmt.Fprintf(&b, "\n    hint: %s", d.Hint)
	}
	return b.String()
}

// Diagnostics is a list of diagnostics.
type Diagnostics []Diagnostic

// Sorted returns the diagnostics in the order of their positions, without
// repetitions.
func (ds Diagnostics) Sorted() Diagnostics {
	out := slices.Clone(ds)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(a.Position.Compare(b.Position), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(out, func(a, b Diagnostic) bool {
		return a.Position == b.Position && a.Path == b.Path && a.Code == b.Code && a.Message == b.Message
	})
}

// HasErrors reports whether any of them is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// ExtractYAML turns YAML into the syntax of CUE, as the loader does: an alias
// that cannot be written out is an error and no end of the process. Hostile text
// can make it panic.
func ExtractYAML(name string, data []byte) (*ast.File, error) { return syntax.ExtractYAML(name, data) }

// BrokenLine returns the line of YAML that cannot be parsed, or 0 where that
// is not known. The line that the parser names is often where the mapping
// around the mistake begins.
func BrokenLine(data []byte) int { return syntax.BrokenLine(data) }
