package edit

import (
	"encoding/json"
	"errors"
	"fmt"

	"cuelang.org/go/cue/ast"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// cueReader turns the syntax of CUE into a document. Names are the values that
// references of the file may lead to.
type cueReader struct {
	document *document
	names    map[string]*node
	// later is what can be said once all names are known.
	later []func()
}

// parseCUE reads a file of CUE.
func (d *document) parseCUE() error {
	file, err := parser.ParseFile(d.file, d.text)
	if err != nil {
		return d.unreadable(err)
	}
	r := &cueReader{document: d, names: map[string]*node{}}
	root := &node{kind: mapping, style: top, end: len(d.text)}
	r.fill(root, file.Decls)
	for _, e := range root.entries {
		if known := r.names[e.name]; known == nil {
			r.names[e.name] = e.value
		}
	}
	for _, say := range r.later {
		say()
	}
	d.roots = []*node{root}
	return nil
}

// parseJSON reads a file of JSON, whose syntax is CUE's.
func (d *document) parseJSON() error {
	if !json.Valid(d.text) {
		return refused(d.file, "mend it first; `gatewright validate` says where", "the JSON cannot be read")
	}
	expr, err := parser.ParseExpr(d.file, d.text)
	if err != nil {
		return d.unreadable(err)
	}
	r := &cueReader{document: d, names: map[string]*node{}}
	d.roots = []*node{r.value(expr)}
	return nil
}

// unreadable is a file that does not parse.
func (d *document) unreadable(err error) error {
	for _, p := range cueerrors.Positions(err) {
		if p.IsValid() {
			return d.refuse(p.Offset(), nil, "mend it first; `gatewright validate` says where", "the file cannot be read")
		}
	}
	return refused(d.file, "mend it first; `gatewright validate` says where", "the file cannot be read")
}

// fill reads the declarations of a struct.
func (r *cueReader) fill(n *node, decls []ast.Decl) {
	for _, decl := range decls {
		switch x := decl.(type) {
		case *ast.CommentGroup:
		case *ast.Field:
			r.field(n, x)
		case *ast.EmbedDecl:
			r.embedding(n, x)
		case *ast.Comprehension:
			n.foreign = append(n.foreign, &foreign{what: "a comprehension", begin: at(x), end: x.End().Offset(), content: r.value(x.Value)})
		case *ast.LetClause:
			r.names[x.Ident.Name] = r.value(x.Expr)
			n.foreign = append(n.foreign, &foreign{what: "let", begin: at(x), end: x.End().Offset()})
		case *ast.Ellipsis:
			n.foreign = append(n.foreign, &foreign{what: "...", begin: at(x), end: x.End().Offset(), ellipsis: true})
		default:
			n.foreign = append(n.foreign, &foreign{what: "a declaration", begin: at(x), end: x.End().Offset()})
		}
	}
}

// at is where a node begins.
func at(n ast.Node) int { return n.Pos().Offset() }

// field reads one field. One whose name has to be computed is foreign.
func (r *cueReader) field(n *node, x *ast.Field) {
	begin, end := at(x), x.End().Offset()
	name, ok := r.label(x.Label)
	if !ok {
		n.foreign = append(n.foreign, &foreign{what: "a pattern", begin: begin, end: end})
		return
	}
	n.entries = append(n.entries, &entry{
		name: name, begin: begin, end: end, value: r.value(x.Value), optional: x.Constraint != token.ILLEGAL,
	})
}

// label returns the name that a label spells out. Hidden fields and definitions
// have names that no path has.
func (r *cueReader) label(l ast.Label) (string, bool) {
	if a, ok := l.(*ast.Alias); ok {
		inner, ok := a.Expr.(ast.Label)
		if !ok {
			return "", false
		}
		l = inner
	}
	switch x := l.(type) {
	case *ast.Ident:
		if ast.StringLabelNeedsQuoting(x.Name) {
			return "\x00" + x.Name, true
		}
		return x.Name, true
	case *ast.BasicLit:
		name, err := r.unquoted(x.Value)
		return name, err == nil
	}
	return "", false
}

// embedding reads what a struct takes over from elsewhere.
func (r *cueReader) embedding(n *node, x *ast.EmbedDecl) {
	f := &foreign{what: "an embedding", begin: at(x), end: x.End().Offset(), content: r.value(x.Expr)}
	if _, ok := x.Expr.(*ast.Comprehension); ok {
		f.what = "a comprehension"
	}
	n.foreign = append(n.foreign, f)
}

// mapping reads a struct literal.
func (r *cueReader) mapping(x *ast.StructLit) *node {
	n := &node{kind: mapping, begin: at(x), end: x.End().Offset()}
	if x.Lbrace == token.NoPos {
		n.style = chain
	}
	r.fill(n, x.Elts)
	return n
}

// errPlain is text that is no plain value.
var errPlain = errors.New("no plain value")

// unquoted reads a string literal.
func (r *cueReader) unquoted(text string) (string, error) {
	if r.document.form == formJSON {
		var s string
		err := json.Unmarshal([]byte(text), &s)
		return s, err
	}
	s, err := unquote(text)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errPlain, err)
	}
	return s, nil
}
