package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/gatewright/gatewright/reconciler/plan"
)

// markdownLimit keeps the text below what code hosts take in one comment.
const markdownLimit = 60_000

// Markdown prints p for a pull request: a summary, what needs a person's eye,
// a table of the steps, and the diagnostics.
func (p Plan) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("### gatewright diff\n\n")
	fmt.Fprintf(&b, "**%s**", strings.TrimPrefix(p.Plan.Counts().String(), "plan: "))
	if p.Plan.Revision != "" {
		fmt.Fprintf(&b, " at `%.12s`", p.Plan.Revision)
	}
	b.WriteString("\n\n")
	p.warnings(&b)
	if p.Plan.Empty() {
		b.WriteString("No differences: everything stands as the specs say.\n")
	} else {
		p.table(&b)
	}
	if len(p.Diagnostics) > 0 {
		fmt.Fprintf(&b, "\n<details open><summary>%d diagnostics</summary>\n\n```text\n", len(p.Diagnostics))
		for _, d := range p.Diagnostics {
			b.WriteString(strings.ReplaceAll(d.String(), "```", "'''") + "\n")
		}
		b.WriteString("```\n\n</details>\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// warnings says first what opens or locks an API.
func (p Plan) warnings(b *strings.Builder) {
	for _, s := range p.Plan.Steps {
		switch {
		case s.Opens && s.Action.Effectful():
			fmt.Fprintf(b, "> [!CAUTION]\n> `%s` becomes open: anyone may call it.\n\n", s.ID.Binding)
		case s.Disables && s.Action.Effectful():
			fmt.Fprintf(b, "> [!WARNING]\n> `%s` no longer asks for an OAuth token.\n\n", s.ID.Binding)
		}
	}
}

// table lists the steps, as many as fit.
func (p Plan) table(b *strings.Builder) {
	b.WriteString("| | binding | resource | change |\n|---|---|---|---|\n")
	left := 0
	for _, s := range p.Plan.Steps {
		if !shown(s) {
			continue
		}
		if b.Len() > markdownLimit {
			left++
			continue
		}
		fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", marks[s.Action], heading(s.ID), label(s.ID), cell(s))
	}
	if left > 0 {
		fmt.Fprintf(b, "\n… and %d more steps.\n", left)
	}
}

// cell says what a step changes, in one table cell.
func cell(s plan.Step) string {
	var parts []string
	if s.Action == plan.Update || s.Action == plan.Adopt {
		for _, c := range s.Changes {
			parts = append(parts, fmt.Sprintf("%s: `%s` → `%s`", c.Field, value(c.Before), value(c.After)))
		}
	} else if id := identity(s); id != "" {
		parts = append(parts, "`"+id+"`")
	}
	if note := note(s); note != "" {
		parts = append(parts, escape(note))
	}
	return strings.Join(parts, "<br>")
}

// escape keeps text from breaking out of a table cell.
func escape(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(s)
}
