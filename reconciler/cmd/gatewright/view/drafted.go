package view

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/draft"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/schema"
)

// Drafted is what `gatewright import` prints.
type Drafted struct {
	Directory string
	*loop.Drafted
}

// Text prints a line for each file, and below what is in none.
func (d Drafted) Text(w io.Writer, style Style) error {
	for _, a := range d.Agents {
		said := make([]string, len(a.Environments))
		for i, e := range a.Environments {
			said[i] = e.Name + " " + string(e.Authentication.Scheme)
		}
		fmt.Fprintf(w, "%s  %s\n", style.green(path.Join(d.Directory, draft.Path(a))), strings.Join(said, ", "))
	}
	if len(d.Left) > 0 {
		fmt.Fprintln(w, "\nleft out:")
	}
	for _, l := range d.Left {
		fmt.Fprintf(w, "  %s: %s\n", style.yellow(l.ID.String()), l.Reason)
		if l.Hint != "" {
			fmt.Fprintf(w, "      hint: %s\n", l.Hint)
		}
	}
	d.unmarked(w)
	if len(d.Left) > 0 || len(d.Unmarked) > 0 {
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%s written, %d left out\n", Count(len(d.Files), "spec"), len(d.Left))
	return err
}

// mostUnmarked bounds how many clients of others are printed for people.
const mostUnmarked = 20

// unmarked prints clients of others.
func (d Drafted) unmarked(w io.Writer) {
	for _, env := range slices.Sorted(maps.Keys(d.Unmarked)) {
		names := d.Unmarked[env]
		fmt.Fprintf(w, "\nclients of others in %s, which are left alone:\n", env)
		for _, name := range names[:min(len(names), mostUnmarked)] {
			fmt.Fprintf(w, "  %s\n", name)
		}
		if more := len(names) - mostUnmarked; more > 0 {
			fmt.Fprintf(w, "  and %d more, which -o json lists\n", more)
		}
	}
}

// JSON prints d for machines.
func (d Drafted) JSON(w io.Writer) error {
	out := struct {
		Directory string         `json:"directory"`
		Files     []string       `json:"files"`
		Agents    []schema.Agent `json:"agents"`
		Left      []draft.Left   `json:"left"`
		// Unmarked has clients of others, by environment.
		Unmarked map[string][]string `json:"unmarked"`
	}{d.Directory, []string{}, d.Agents, d.Left, d.Unmarked}
	for _, f := range d.Files {
		out.Files = append(out.Files, f.Path)
	}
	if out.Agents == nil {
		out.Agents = []schema.Agent{}
	}
	if out.Left == nil {
		out.Left = []draft.Left{}
	}
	return Encode(w, out)
}
