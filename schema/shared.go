package schema

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// compileDiagnostic explains an error that keeps files from being evaluated at
// all.
func (r *run) compileDiagnostic(err errors.Error) Diagnostic {
	d := Diagnostic{Code: "bad-reference", Severity: SeverityError, Path: strings.Join(pathOf(err), ".")}
	if d.Position = positionOf(err); d.Position.IsZero() {
		d.Position = Position{File: r.anyFile(), Line: 1, Column: 1}
	}
	format, args := err.Msg()
	switch {
	case format == `reference %q not found` && len(args) == 1:
		d.Message = fmt.Sprintf("%v is not defined", args[0])
		d.Hint = `a string needs quotes; a field of another file needs the same package clause in both`
	case strings.HasPrefix(format, "imported and not used"):
		d.Message = fmt.Sprintf("the import %v is not used", first(args))
		d.Code = "unused-import"
	case strings.Contains(format, "import cycle"):
		d.Message, d.Code = err.Error(), "import-cycle"
	case strings.HasPrefix(format, "builtin package"), strings.HasPrefix(format, "package %q imported"):
		d.Message = fmt.Sprintf("there is no package %q", fmt.Sprint(first(args)))
		d.Code = "unknown-import"
		d.Hint = importHint
	default:
		d.Message = oneLine(fmt.Sprintf(format, args...))
	}
	return d
}

// importHint says what may be imported.
const importHint = "packages of this repository and of CUE itself can be imported; nothing is fetched from a registry"

// sharedDiagnostic explains an error that belongs to no agent.
func (r *run) sharedDiagnostic(err errors.Error) Diagnostic {
	d := Diagnostic{
		Code: "bad-policy", Severity: SeverityError, Path: strings.Join(pathOf(err), "."),
		Position: positionOf(err), Message: "what all agents here depend on is in conflict with itself",
		Hint: "no agent that sees this file is used until it is mended",
	}
	if d.Position.IsZero() {
		d.Position = Position{File: r.anyFile(), Line: 1, Column: 1}
	}
	for _, pos := range err.InputPositions() {
		if p, ok := treePosition(pos); ok && p != d.Position {
			d.Related = append(d.Related, Related{p, "also here"})
		}
	}
	if format, args := err.Msg(); format == cueUserMessage && len(args) == 1 {
		d.Message = oneLine(fmt.Sprint(args[0]))
	}
	return d
}

// positionOf returns the first place of an error that is in the tree.
func positionOf(err errors.Error) Position {
	for _, pos := range append([]token.Pos{err.Position()}, err.InputPositions()...) {
		if p, ok := treePosition(pos); ok {
			return p
		}
	}
	return Position{}
}

// first returns the first of args, or the empty string.
func first(args []any) any {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// oneLine returns the first line of a message.
func oneLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// says reports whether one of the agent's declarations gives a field a string.
func (r *run) says(name string, path []string, want string) bool {
	for _, f := range append(r.common, r.leaves...) {
		for _, doc := range f.Documents {
			for _, d := range doc.Decls {
				field, ok := d.(*ast.Field)
				if ok && labelOf(field) == "agents" && literalAt(field.Value, append([]string{name}, path...)) == want {
					return true
				}
			}
		}
	}
	return false
}

// literalAt returns the string literal at a path of struct literals.
func literalAt(value ast.Expr, path []string) string {
	if len(path) == 0 {
		if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := parseLabel(lit.Value); err == nil {
				return s
			}
		}
		return ""
	}
	s, ok := value.(*ast.StructLit)
	if !ok {
		return ""
	}
	for _, d := range s.Elts {
		if field, ok := d.(*ast.Field); ok && labelOf(field) == path[0] {
			if found := literalAt(field.Value, path[1:]); found != "" {
				return found
			}
		}
	}
	return ""
}
