package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Plan is what `gatewright diff` prints.
type Plan struct {
	Plan        plan.Plan
	Diagnostics schema.Diagnostics
	// Source names what the specs were read from.
	Source string
	// Dirty reports that they were read from a working copy with changes.
	Dirty bool
}

// marks are the signs before steps.
var marks = map[plan.Action]string{
	plan.Create: "+", plan.Update: "~", plan.Replace: "-/+", plan.Delete: "-", plan.Adopt: "*", plan.Orphan: "o", plan.Skip: "!", plan.Keep: "·",
}

// shown reports that a step is worth a person's time.
func shown(s plan.Step) bool { return s.Action != plan.Keep || s.Class != "" }

// Text prints p for people: the steps by binding, then one line that sums up.
func (p Plan) Text(w io.Writer, style Style) error {
	var b strings.Builder
	var last string
	for _, s := range p.Plan.Steps {
		if !shown(s) {
			continue
		}
		if heading := heading(s.ID); heading != last {
			if last != "" {
				b.WriteByte('\n')
			}
			b.WriteString(style.bold(heading) + "\n")
			last = heading
		}
		p.step(&b, s, style)
	}
	if last != "" {
		b.WriteByte('\n')
	}
	if p.Plan.Empty() {
		b.WriteString("no differences: everything stands as the specs say\n")
	}
	b.WriteString(p.Plan.Counts().String() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// heading names what a step belongs to.
func heading(id resource.ID) string {
	if id.Kind == resource.KindKeyManager {
		return "environment " + id.Binding.Environment
	}
	return id.Binding.String()
}

// label names a resource within its binding.
func label(id resource.ID) string {
	switch id.Kind {
	case resource.KindEndpoint:
		return "endpoint"
	default:
		return string(id.Kind) + " " + id.Name
	}
}

// paint colours text as the action deserves.
func (s Style) action(a plan.Action, text string) string {
	switch a {
	case plan.Create:
		return s.green(text)
	case plan.Update, plan.Replace, plan.Adopt, plan.Orphan:
		return s.yellow(text)
	case plan.Delete, plan.Skip:
		return s.red(text)
	case plan.Keep:
		return s.faint(text)
	default:
		return text
	}
}

func (p Plan) step(b *strings.Builder, s plan.Step, style Style) {
	line := fmt.Sprintf("  %s %s", marks[s.Action], label(s.ID))
	if id := identity(s); id != "" {
		line += "  " + id
	}
	b.WriteString(style.action(s.Action, line))
	if note := note(s); note != "" {
		b.WriteString(style.faint("  # " + note))
	}
	b.WriteByte('\n')
	if s.Action != plan.Delete && s.Action != plan.Orphan && s.Action != plan.Keep {
		for _, c := range s.Fields() {
			fmt.Fprintf(b, "      %s: %s → %s\n", c.Field, value(c.Before), value(c.After))
		}
	}
	if s.Opens {
		b.WriteString(style.red("      anyone may call the API after this step\n"))
	}
	if s.Hint != "" {
		fmt.Fprintf(b, "      hint: %s\n", s.Hint)
	}
}

// identity is the name that a resource goes by at its target.
func identity(s plan.Step) string {
	st := s.After
	if st == nil {
		st = s.Before
	}
	switch {
	case st == nil:
		return ""
	case st.Client != nil:
		return st.Client.ClientID
	case st.Credential != nil:
		return st.Credential.Path
	default:
		return ""
	}
}

// note says why, behind a step.
func note(s plan.Step) string {
	switch {
	case s.Class != "":
		if s.Drift && !s.Since.IsZero() {
			return string(s.Class) + ": " + drift(s) + strings.TrimPrefix(s.Reason, "drift")
		}
		return string(s.Class) + ": " + s.Reason
	case s.Drift && s.Reason != "":
		return drift(s) + ": " + s.Reason
	case s.Drift:
		return drift(s)
	default:
		return s.Reason
	}
}

// drift says that a step meets drift, and since when where that is known.
func drift(s plan.Step) string {
	if s.Since.IsZero() {
		return "drift"
	}
	return "drift since " + s.Since.UTC().Format(time.RFC3339)
}

// value shows a field's value; nothing is shown as such.
func value(v string) string {
	if v == "" {
		return "(none)"
	}
	return v
}

// document is the JSON form of a plan.
type document struct {
	Revision    string             `json:"revision,omitempty"`
	Source      string             `json:"source,omitempty"`
	Dirty       bool               `json:"dirty,omitempty"`
	Differences bool               `json:"differences"`
	Summary     plan.Counts        `json:"summary"`
	Owned       int                `json:"owned"`
	Steps       []plan.Step        `json:"steps"`
	Diagnostics schema.Diagnostics `json:"diagnostics"`
}

// JSON prints p for machines. Steps that keep what stands are left out.
func (p Plan) JSON(w io.Writer) error {
	doc := document{
		Revision: p.Plan.Revision, Source: p.Source, Dirty: p.Dirty, Differences: !p.Plan.Empty(),
		Summary: p.Plan.Counts(), Owned: p.Plan.Owned, Steps: []plan.Step{}, Diagnostics: p.Diagnostics,
	}
	if doc.Diagnostics == nil {
		doc.Diagnostics = schema.Diagnostics{}
	}
	for _, s := range p.Plan.Steps {
		if shown(s) {
			doc.Steps = append(doc.Steps, s)
		}
	}
	return Encode(w, doc)
}

// Encode prints v as indented JSON.
func Encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
