package syntax

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// readCUE reads a CUE file.
func (f *File) readCUE(data []byte) {
	facts := &f.Facts
	if len(data) > largeText {
		// Before a parser that recurses sees it, and in linear time.
		if s := skim(data); s.nesting > maxNesting {
			facts.Mention, facts.Leaf, facts.Claims = MentionYes, s.leaf, s.claims
			facts.fail(tooDeep(Place{1, 1}))
			return
		}
	}
	file, err := parser.ParseFile(f.Path, data)
	if err != nil {
		facts.brokenCUE(data, err)
		return
	}
	ignore, err := excluded(file)
	if err != nil {
		facts.Package = file.PackageName()
		facts.fail(Issue{Place: errorPlace(err), Code: "syntax-error", Message: err.Error()})
		return
	}
	if ignore {
		*facts = Facts{}
		return
	}
	f.Documents = []*ast.File{file}
	facts.Package = file.PackageName()
	for spec := range file.ImportSpecs() {
		facts.addImport(spec)
	}
	a := analyser{facts: facts, leaf: true}
	a.file(file)
	facts.Leaf = a.leaf && facts.Mention == MentionYes && !facts.Entangled
	if strings.HasSuffix(f.Path, "cue.mod/module.cue") {
		facts.module(file)
	}
}

// largeText is the size from which on the nesting of a text is looked at before
// it is parsed.
const largeText = 16 << 10

// addImport notes an import.
func (f *Facts) addImport(spec *ast.ImportSpec) {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		p = spec.Path.Value
	}
	first, _, _ := strings.Cut(p, "/")
	f.Imports = append(f.Imports, Import{Path: p, Place: place(spec.Path.Pos()), Builtin: !strings.Contains(first, ".")})
}

// excluded reports whether the build attributes before the package clause
// leave the file out. No tag is ever set.
func excluded(file *ast.File) (bool, errors.Error) {
	for _, d := range file.Decls {
		switch x := d.(type) {
		case *ast.Attribute:
			switch key, body := x.Split(); key {
			case "ignore":
				return true, nil
			case "if":
				expr, err := parser.ParseExpr("", body)
				if err != nil {
					return false, errors.Newf(x.Pos(), "the attribute @if holds no condition")
				}
				include, ok := condition(expr)
				if !ok {
					return false, errors.Newf(x.Pos(), "the attribute @if may only hold tags, !, && and ||")
				}
				return !include, nil
			}
		case *ast.CommentGroup:
		default:
			return false, nil
		}
	}
	return false, nil
}

// condition evaluates a build condition.
func condition(expr ast.Expr) (value, ok bool) {
	switch x := expr.(type) {
	case *ast.Ident:
		return false, true
	case *ast.ParenExpr:
		return condition(x.X)
	case *ast.UnaryExpr:
		v, ok := condition(x.X)
		return !v, ok && x.Op == token.NOT
	case *ast.BinaryExpr:
		l, okL := condition(x.X)
		r, okR := condition(x.Y)
		switch x.Op {
		case token.LAND:
			return l && r, okL && okR
		case token.LOR:
			return l || r, okL && okR
		}
	}
	return false, false
}

// module reads what a module file says. Its dependencies are of no interest:
// nothing is fetched, and an import of one is reported where it stands.
func (f *Facts) module(file *ast.File) {
	for _, d := range file.Decls {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		switch name, _, _ := ast.LabelName(field.Label); name {
		case "module":
			f.Module = stringOf(field.Value)
		case "language":
			if s, ok := field.Value.(*ast.StructLit); ok {
				for _, e := range s.Elts {
					if v, ok := e.(*ast.Field); ok {
						f.Language = stringOf(v.Value)
					}
				}
			}
		}
	}
}

// stringOf returns the value of a string literal, or the empty string.
func stringOf(expr ast.Expr) string {
	lit, ok := expr.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}

// place turns a position into a place.
func place(p token.Pos) Place {
	if !p.IsValid() {
		return Place{1, 1}
	}
	// The parser of YAML may point past the end of what it has read.
	return Place{Line: max(1, p.Line()), Column: max(1, p.Column())}
}

// errorPlace returns the place of the first position of an error.
func errorPlace(err error) Place {
	for _, p := range errors.Positions(err) {
		if p.IsValid() {
			return place(p)
		}
	}
	return Place{1, 1}
}
