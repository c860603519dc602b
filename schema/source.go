package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/literal"
)

// Source writes a as a CUE file of a package agents, formatted. What it leaves
// out is what holds anyway; loading it gives a again, positions aside.
func (a Agent) Source() ([]byte, error) {
	var w writer
	w.line("package agents\n")
	w.open("agents: %s", label(a.Name))
	w.text("organization", a.Organization)
	w.text("project", a.Project)
	w.text("kind", a.Kind)
	if len(a.Labels) > 0 {
		w.open("labels")
		for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
			w.text(label(name), a.Labels[name])
		}
		w.close()
	}
	w.endpoint(a.Interface)
	w.policy(a.Suspend, a.Deletion, a.Drift)
	w.open("environments")
	for _, e := range a.Environments {
		w.environment(e)
	}
	w.close()
	w.close()
	out, err := format.Source([]byte(w.String()), format.Simplify())
	if err != nil {
		return nil, fmt.Errorf("format the spec of %s: %w", a.Identity(), err)
	}
	return out, nil
}

// writer collects the text of a spec; format.Source indents it.
type writer struct{ strings.Builder }

func (w *writer) line(form string, args ...any) { fmt.Fprintf(w, form+"\n", args...) }

// open begins a struct.
func (w *writer) open(form string, args ...any) { w.line(form+": {", args...) }

func (w *writer) close() { w.line("}") }

// text writes a field, unless it is empty.
func (w *writer) text(name, value string) {
	if value != "" {
		w.line("%s: %s", name, literal.String.Quote(value))
	}
}

// endpoint writes how the agent listens.
func (w *writer) endpoint(i *Interface) {
	if i == nil {
		return
	}
	w.open("interface")
	w.text("context", i.Context)
	w.line("port: %d", i.Port)
	w.text("basePath", i.BasePath)
	w.text("version", i.Version)
	if len(i.Operations) > 0 {
		w.line("operations: [")
		for _, o := range i.Operations {
			w.line("{method: %s, path: %s},", literal.String.Quote(o.Method), literal.String.Quote(o.Path))
		}
		w.line("]")
	}
	w.close()
}

// policy writes what an agent and an environment both may say.
func (w *writer) policy(s *Suspend, deletion Deletion, drift Drift) {
	if s != nil {
		w.line("suspend: {reason: %s, until: %q}", literal.String.Quote(s.Reason), s.Until.Format(time.RFC3339Nano))
	}
	w.text("deletion", string(deletion))
	w.text("drift", string(drift))
}

// environment writes what is said of one environment.
func (w *writer) environment(e Environment) {
	if e.Suspend == nil && e.Deletion == "" && e.Drift == "" && len(e.Adopt) == 0 && e.Authentication.Scheme != SchemeOAuth2 {
		w.line("%s: endpointAuthentication: scheme: %q", label(e.Name), e.Authentication.Scheme)
		return
	}
	w.open("%s", label(e.Name))
	w.open("endpointAuthentication")
	w.authentication(e.Authentication)
	w.close()
	w.policy(e.Suspend, e.Deletion, e.Drift)
	if len(e.Adopt) > 0 {
		w.line("adopt: [%s]", quoted(e.Adopt))
	}
	w.close()
}

// quoted writes the members of a list of strings.
func quoted[S ~string](members []S) string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = literal.String.Quote(string(m))
	}
	return strings.Join(out, ", ")
}

// authentication writes how callers authenticate, without what is a default.
func (w *writer) authentication(a Authentication) {
	w.line("scheme: %q", a.Scheme)
	if a.Scheme != SchemeOAuth2 {
		return
	}
	if a.Header != "Authorization" {
		w.text("header", a.Header)
	}
	if a.Prefix != "Bearer" {
		w.line("prefix: %s", literal.String.Quote(a.Prefix))
	}
	if !a.ForwardToken {
		w.line("forwardToken: false")
	}
	w.line("issuers: [%s]", quoted(a.Issuers))
	if a.Validity != 0 {
		w.line("token: validity: %q", a.Validity.plain())
	}
	if a.Test != Unsaid {
		w.line("test: %t", a.Test == Yes)
	}
	w.rotation(a.Rotation)
	if len(a.Clients) == 0 {
		return
	}
	w.open("clients")
	for _, c := range a.Clients {
		if c.Rotation == nil && c.AuthMethod == AuthSecretBasic {
			w.line("%s: {}", label(c.Name))
			continue
		}
		w.open("%s", label(c.Name))
		w.text("authMethod", string(c.AuthMethod))
		w.rotation(c.Rotation)
		w.close()
	}
	w.close()
}

// rotation writes how often secrets are replaced.
func (w *writer) rotation(r *Rotation) {
	if r != nil {
		w.line("rotation: {every: %q, overlap: %q}", r.Every.plain(), r.Overlap.plain())
	}
}

// plain prints s without the units that are zero, as 15m or 720h.
func (s Seconds) plain() string {
	out := s.String()
	for _, unit := range []struct{ after, zero string }{{"m", "0s"}, {"h", "0m"}} {
		if cut, ok := strings.CutSuffix(out, unit.after+unit.zero); ok {
			out = cut + unit.after
		}
	}
	return out
}

// words are names that CUE takes for something else than a label.
var words = []string{"for", "if", "in", "let", "true", "false", "null", "import", "package"}

// label writes a name as a label of a field: quoted, unless it is a plain word.
func label(name string) string {
	plain := name != "" && !slices.Contains(words, name) && name[0] >= 'a' && name[0] <= 'z' &&
		!strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	if plain {
		return name
	}
	return literal.String.Quote(name)
}
