package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
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
		x.add(err)
	}
	x.walk(v)
	for _, key := range slices.Sorted(maps.Keys(x.byPath)) {
		errs := x.byPath[key]
		x.field(splitPath(key, errs[0]), errs)
	}
	return x.out.Sorted()
}

// add sorts an error by the field that it is about.
func (x *explainer) add(err errors.Error) {
	path := pathOf(err)
	if len(path) < 2 {
		return
	}
	path = path[2:]
	if format, args := err.Msg(); format == cueMissing && len(args) == 1 {
		path = append(path, fmt.Sprint(args[0]))
	}
	key := strings.Join(path, ".")
	x.byPath[key] = append(x.byPath[key], err)
}

// walk adds the errors that CUE does not tell of a struct one of whose fields
// is wrong: those of fields that are missing or have no fixed value.
func (x *explainer) walk(v cue.Value) {
	if it, err := v.Fields(cue.Optional(true)); err == nil {
		for it.Next() {
			switch it.Selector().ConstraintType() {
			case cue.RequiredConstraint:
				x.required(it.Value())
			case cue.OptionalConstraint:
			default:
				x.walk(it.Value())
			}
		}
		return
	}
	if it, err := v.List(); err == nil {
		for it.Next() {
			x.walk(it.Value())
		}
		return
	}
	for _, err := range errors.Errors(v.Validate(cue.Concrete(true))) {
		if key := strings.Join(pathOf(err), "."); x.byPath[strings.TrimPrefix(key, "agents."+x.name+".")] == nil {
			x.add(err)
		}
	}
}

// required notes that a required field is missing.
func (x *explainer) required(v cue.Value) {
	var path []string
	for _, s := range v.Path().Selectors() {
		if s.Type() == cue.IndexLabel {
			path = append(path, strconv.Itoa(s.Index()))
			continue
		}
		path = append(path, s.Unquoted())
	}
	if len(path) > 2 {
		key := strings.Join(path[2:], ".")
		if x.byPath[key] == nil {
			x.byPath[key] = []errors.Error{requiredError{path, v.Pos()}}
		}
	}
}

// requiredError is the error of CUE for a required field that is missing.
type requiredError struct {
	path []string
	pos  token.Pos
}

// Error is the message of CUE.
func (e requiredError) Error() string { return cueRequired }

// Position is where the field is required.
func (e requiredError) Position() token.Pos { return e.pos }

// InputPositions is empty: one place contributes.
func (e requiredError) InputPositions() []token.Pos { return nil }

// Path is the path of the field.
func (e requiredError) Path() []string { return e.path }

// Msg is the message of CUE.
func (e requiredError) Msg() (format string, args []any) { return cueRequired, nil }

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
		x.notAllowed(path, errs)
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
	return x.run.somewhere(x.value)
}

// report adds a diagnostic.
func (x *explainer) report(path []string, code, message, hint string, related []Related) {
	d := Diagnostic{Position: x.at(path), Path: x.full(path), Message: message, Code: code, Severity: SeverityError, Hint: hint, Related: related}
	// An agent that is not spelt out is placed by what contributes to it.
	if p, ok := treePosition(x.value.Pos()); x.places == nil && !ok && len(related) > 0 {
		d.Position, d.Related = related[0].Position, related[1:]
	} else if ok && x.places == nil {
		d.Position = p
	}
	x.out = append(x.out, d)
}

// schemes reports environments that say how callers authenticate and not by
// which scheme: nothing else of them can be judged.
func (x *explainer) schemes() {
	if x.places == nil {
		return
	}
	x.places.list()
	for _, path := range x.places.paths {
		if generic(path) != authPath {
			continue
		}
		scheme := append(slices.Clone(path), "scheme")
		if _, written := x.places.fields[strings.Join(scheme, ".")]; written {
			continue
		}
		if _, err := x.value.LookupPath(selectors(scheme)).String(); err != nil && x.hasFields(path) {
			x.report(scheme, "missing-scheme", "scheme is required and has no default", `write scheme: "oauth2", "apiKey" or "none"`, nil)
		}
	}
}

// hasFields reports whether fields are written in a field.
func (x *explainer) hasFields(path []string) bool {
	return slices.ContainsFunc(x.places.paths, func(p []string) bool {
		return len(p) > len(path) && slices.Equal(p[:len(path)], path)
	})
}

// unknownFields reports the fields that are written and that no definition
// has. CUE leaves them out where a field beside them is wrong too.
func (x *explainer) unknownFields() {
	if x.places == nil {
		return
	}
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
		case parent == "labels" && !labelKey.MatchString(name):
			x.badLabelKey(path)
		case parent == authPath+".clients" && (name == "own" || name == "test"):
			x.notAllowed(path, nil)
		}
	}
}

// labelKey is #LabelKey.
var labelKey = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

// validName reports whether s is a #Name.
func validName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
