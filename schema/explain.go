package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// The messages of CUE by which its errors are told apart (cue v0.17).
const (
	cueNotAllowed   = "field not allowed"
	cueRequired     = "field is required but not present"
	cueMissing      = "required field missing: %s"
	cueIncomplete   = "incomplete"
	cueDisjunction  = "%d errors in empty disjunction:"
	cueConflict     = "conflicting values %s and %s"
	cueMismatch     = "mismatched types"
	cueCombine      = "cannot combine"
	cueNotConcrete  = "non-concrete value"
	cueUserMessage  = "%s"
	cueListLengths  = "incompatible list lengths"
	cueInvalidValue = "invalid value"
)

// explainer turns the errors of one agent into diagnostics.
type explainer struct {
	run    *run
	name   string
	value  cue.Value
	places *places
	byPath map[string][]errors.Error
	out    Diagnostics
}

// explain says what is wrong with an agent, a diagnostic a field.
func (r *run) explain(name string, v cue.Value, errs []errors.Error) Diagnostics {
	x := &explainer{run: r, name: name, value: v, places: r.places[name], byPath: map[string][]errors.Error{}}
	if !validName(name) {
		x.badName(nil, name)
		return x.out
	}
	x.schemes()
	x.unknownFields()
	for _, err := range errs {
		path := pathOf(err)[2:]
		if format, args := err.Msg(); format == cueMissing && len(args) == 1 {
			path = append(path, fmt.Sprint(args[0]))
		}
		key := strings.Join(path, ".")
		x.byPath[key] = append(x.byPath[key], err)
	}
	for key, errs := range x.byPath {
		x.field(splitPath(key, errs[0]), errs)
	}
	return x.out.Sorted()
}

// splitPath returns the path of an error as it was before it was joined.
func splitPath(key string, err errors.Error) []string {
	path := pathOf(err)[2:]
	if strings.Join(path, ".") == key {
		return path
	}
	return append(path, strings.TrimPrefix(key[len(strings.Join(path, ".")):], "."))
}

// pathOf returns the path of an error with the names as they are.
func pathOf(err errors.Error) []string {
	path := slices.Clone(err.Path())
	for i, p := range path {
		if strings.HasPrefix(p, `"`) {
			if label, err := parseLabel(p); err == nil {
				path[i] = label
			}
		}
	}
	return path
}

// parseLabel unquotes a label.
func parseLabel(quoted string) (string, error) {
	name, _, err := ast.LabelName(&ast.BasicLit{Kind: token.STRING, Value: quoted})
	return name, err
}

// field explains the errors of one field.
func (x *explainer) field(path []string, errs []errors.Error) {
	if x.covered(path) {
		return
	}
	first := errs[0]
	format, _ := first.Msg()
	switch {
	case format == cueNotAllowed:
		x.notAllowed(path)
	case format == cueRequired, format == cueMissing:
		x.missing(path, errs)
	case strings.HasPrefix(format, cueIncomplete), strings.HasPrefix(format, cueNotConcrete):
		x.report(path, "incomplete", "the field has no value that is fixed", "write a value, or take the field out", nil)
	default:
		x.wrongValue(path, errs)
	}
}

// covered reports whether a diagnostic of the field, or of one around it, or
// in it, says already what is wrong.
func (x *explainer) covered(path []string) bool {
	full := x.full(path)
	return slices.ContainsFunc(x.out, func(d Diagnostic) bool {
		return d.Path == full || strings.HasPrefix(full, d.Path+".") || d.Code == "missing-scheme" && strings.HasPrefix(full, strings.TrimSuffix(d.Path, "scheme"))
	})
}

// full returns the path of a field from the top.
func (x *explainer) full(path []string) string {
	names := make([]string, 0, len(path)+2)
	for _, p := range path {
		names = append(names, strings.TrimPrefix(p, "_"))
	}
	return strings.Join(append([]string{"agents", x.name}, names...), ".")
}

// at returns the place of a field, or of the nearest around it.
func (x *explainer) at(path []string) Position {
	if x.places != nil {
		names := make([]string, len(path))
		for i, p := range path {
			names[i] = strings.TrimPrefix(p, "_")
		}
		if p := x.places.fields.At(strings.Join(names, ".")); !p.IsZero() {
			return p
		}
	}
	if p, ok := treePosition(x.value.Pos()); ok {
		return p
	}
	return Position{File: x.run.anyFile()}
}

// report adds a diagnostic.
func (x *explainer) report(path []string, code, message, hint string, related []Related) {
	d := Diagnostic{Position: x.at(path), Path: x.full(path), Message: message, Code: code, Severity: SeverityError, Hint: hint, Related: related}
	// An agent that is not spelt out is placed by what contributes to it.
	if x.places == nil && d.Position.Line == 0 && len(related) > 0 {
		d.Position, d.Related = related[0].Position, related[1:]
	}
	x.out = append(x.out, d)
}

// schemes reports environments that say how callers authenticate and not by
// which scheme: nothing else of them can be judged.
func (x *explainer) schemes() {
	environments := x.value.LookupPath(cue.ParsePath("environments"))
	it, err := environments.Fields()
	if err != nil {
		return
	}
	for it.Next() {
		auth := it.Value().LookupPath(cue.ParsePath("endpointAuthentication"))
		path := []string{"environments", it.Selector().Unquoted(), "endpointAuthentication"}
		if auth.Exists() && auth.IncompleteKind() == cue.StructKind && !auth.LookupPath(cue.ParsePath("scheme")).Exists() {
			x.report(append(path, "scheme"), "missing-scheme", "scheme is required and has no default", `write scheme: "oauth2", "apiKey" or "none"`, nil)
		}
	}
}

// unknownFields reports the fields that are written and that no definition
// has. CUE leaves them out where a field beside them is wrong too.
func (x *explainer) unknownFields() {
	if x.places == nil {
		return
	}
	x.places.list()
	for _, path := range x.places.paths {
		if len(path) == 0 || x.covered(path) {
			continue
		}
		parent := generic(path[:len(path)-1])
		known, closed := members[parent]
		name := path[len(path)-1]
		switch {
		case closed && !slices.Contains(known, name):
			x.unknown(path, known)
		case parent == "environments" && !validName(name), parent == authPath+".clients" && !validName(name):
			x.badName(path, name)
		case parent == authPath+".clients" && (name == "own" || name == "test"):
			x.notAllowed(path)
		}
	}
}

// validName reports whether s is a #Name.
func validName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
