package edit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// value reads an expression.
func (r *cueReader) value(x ast.Expr) *node {
	n := &node{begin: at(x), end: x.End().Offset()}
	switch x := x.(type) {
	case *ast.StructLit:
		return r.mapping(x)
	case *ast.ParenExpr:
		return r.value(x.X)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			n.kind, n.parts = all, []*node{r.value(x.X), r.value(x.Y)}
			return n
		}
	case *ast.Comprehension:
		n.kind, n.what = derived, "a comprehension"
		content := r.value(x.Value)
		n.source = func() *node { return content }
		return n
	}
	if v, ok := r.plain(x); ok {
		n.kind, n.value = plain, v
		return n
	}
	switch {
	case refers(x):
		n.kind, n.source = derived, func() *node { return r.resolve(x) }
		r.later = append(r.later, func() { n.what = r.origin(x) })
	case constrains(x):
		n.kind = constraint
	default:
		n.kind = expression
	}
	return n
}

// plain returns the value that an expression spells out.
func (r *cueReader) plain(x ast.Expr) (any, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		return r.basic(x)
	case *ast.UnaryExpr:
		v, ok := r.plain(x.X)
		n, number := v.(json.Number)
		return "-" + n, ok && number && x.Op == token.SUB
	case *ast.ListLit:
		out := make([]any, len(x.Elts))
		for i, e := range x.Elts {
			v, ok := r.plain(e)
			if !ok {
				return nil, false
			}
			out[i] = v
		}
		return out, true
	case *ast.StructLit:
		return r.members(x)
	}
	return nil, false
}

// members returns a struct of plain values.
func (r *cueReader) members(x *ast.StructLit) (any, bool) {
	out := map[string]any{}
	for _, d := range x.Elts {
		f, ok := d.(*ast.Field)
		if !ok || f.Constraint != token.ILLEGAL {
			return nil, false
		}
		name, ok := r.label(f.Label)
		v, spelt := r.plain(f.Value)
		if _, again := out[name]; !ok || !spelt || again {
			return nil, false
		}
		out[name] = v
	}
	return out, true
}

// basic returns the value of a literal.
func (r *cueReader) basic(x *ast.BasicLit) (any, bool) {
	switch x.Kind {
	case token.STRING:
		if !strings.HasPrefix(strings.TrimLeft(x.Value, "#"), `"`) {
			return nil, false // bytes
		}
		s, err := r.unquoted(x.Value)
		return s, err == nil
	case token.INT, token.FLOAT:
		var info literal.NumInfo
		if literal.ParseNum(x.Value, &info) != nil {
			return nil, false
		}
		v, err := canonical(json.Number(info.String()))
		return v, err == nil
	case token.TRUE, token.FALSE:
		return x.Kind == token.TRUE, true
	case token.NULL:
		return nil, true
	}
	return nil, false
}

// unquote reads a string literal of CUE.
func unquote(text string) (string, error) { return literal.Unquote(text) }

// types are the names that stand for all values of a kind.
var types = []string{"_", "string", "bytes", "bool", "int", "float", "number", "uint", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64", "rune"}

// refers reports whether an expression takes anything from elsewhere.
func refers(x ast.Expr) bool {
	found := false
	ast.Walk(x, func(n ast.Node) bool {
		switch y := n.(type) {
		case *ast.Field:
			found = found || refers(y.Value) // a label is no reference
			return false
		case *ast.Ident:
			found = found || !slices.Contains(types, y.Name)
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.CallExpr, *ast.Comprehension:
			found = true
		}
		return !found
	}, nil)
	return found
}

// constrains reports whether an expression leaves a value open.
func constrains(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return true
	case *ast.UnaryExpr:
		switch x.Op {
		case token.LSS, token.LEQ, token.GTR, token.GEQ, token.NEQ, token.MAT, token.NMAT:
			return true
		}
	case *ast.BinaryExpr:
		return x.Op == token.OR && !defaults(x)
	case *ast.ListLit:
		return slices.ContainsFunc(x.Elts, func(e ast.Expr) bool {
			_, open := e.(*ast.Ellipsis)
			return open || constrains(e)
		})
	}
	return false
}

// defaults reports whether one of a | b is the default.
func defaults(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		return x.Op == token.OR && (defaults(x.X) || defaults(x.Y))
	case *ast.UnaryExpr:
		return x.Op == token.MUL
	}
	return false
}

// origin says what an expression refers to.
func (r *cueReader) origin(x ast.Expr) string {
	what := "an expression of other fields"
	switch x := x.(type) {
	case *ast.Ident:
		what = "the reference " + x.Name
	case *ast.SelectorExpr:
		what = "a reference"
	}
	if n := r.resolve(x); n != nil {
		text := r.document.text[:n.begin]
		line := 1 + bytes.Count(text, lf)
		what += fmt.Sprintf(" to %s:%d:%d", r.document.file, line, len(text)-bytes.LastIndexByte(text, '\n'))
	}
	return what
}

// resolve returns what a reference leads to, if the file holds it.
func (r *cueReader) resolve(x ast.Expr) *node {
	switch x := x.(type) {
	case *ast.Ident:
		if n := r.names[x.Name]; n != nil {
			return n
		}
		return r.names["\x00"+x.Name]
	case *ast.SelectorExpr:
		n := r.resolve(x.X)
		name, ok := r.label(x.Sel)
		if n == nil || !ok {
			return nil
		}
		if e := n.entry(name); e != nil {
			return e.value
		}
	case *ast.BinaryExpr:
		// Either side may be what makes a field.
		n := &node{kind: all, begin: at(x), end: x.End().Offset()}
		for _, side := range []ast.Expr{x.X, x.Y} {
			if s := r.resolve(side); s != nil {
				n.parts = append(n.parts, s)
			}
		}
		if len(n.parts) > 0 {
			return n
		}
	}
	return nil
}
