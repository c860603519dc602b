package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// places are the declarations of one agent in the files of a unit.
type places struct {
	declarations []declaration
	values       []ast.Expr
	fields       Positions
	// paths are the paths of fields, in the order of the text. It is filled by
	// list, for the agents that are wrong.
	paths [][]string
}

// declaration is one field that declares the agent.
type declaration struct {
	file       string
	begin, end int
}

// placesOf finds the declarations of every agent that the files spell out.
func placesOf(files []*syntax.File) map[string]*places {
	all := map[string]*places{}
	for _, f := range files {
		for _, doc := range f.Documents {
			for _, d := range doc.Decls {
				if field, ok := d.(*ast.Field); ok && labelOf(field) == "agents" {
					agentPlaces(all, f.Path, field.Value, field.Label.Pos())
				}
			}
		}
	}
	return all
}

// agentPlaces adds the agents of a struct literal. One that was merged in from
// an alias of YAML can have no place, and is given that of the struct.
func agentPlaces(all map[string]*places, file string, value ast.Expr, at token.Pos) {
	switch x := value.(type) {
	case *ast.BinaryExpr:
		agentPlaces(all, file, x.X, at)
		agentPlaces(all, file, x.Y, at)
	case *ast.ParenExpr:
		agentPlaces(all, file, x.X, at)
	case *ast.StructLit:
		for _, d := range x.Elts {
			field, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			name := labelOf(field)
			if name == "" {
				continue
			}
			p := all[name]
			if p == nil {
				p = &places{fields: Positions{}}
				all[name] = p
			}
			p.declarations = append(p.declarations, declaration{file, field.Pos().Offset(), field.End().Offset()})
			p.values = append(p.values, field.Value)
			p.add("", file, field.Label.Pos())
			p.add("", file, at) // what was added first counts
			p.walk("", file, field.Value)
		}
	}
}

// add notes where a field was written; the first file that says it counts.
func (p *places) add(path, file string, pos token.Pos) {
	if _, ok := p.fields[path]; !ok && pos.IsValid() {
		p.fields[path] = Position{File: file, Line: pos.Line(), Column: pos.Column()}
	}
}

// walk notes the fields and elements of a value.
func (p *places) walk(path, file string, value ast.Expr) {
	switch x := value.(type) {
	case *ast.StructLit:
		for _, d := range x.Elts {
			field, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			if name := labelOf(field); name != "" {
				inner := join(path, name)
				p.add(inner, file, field.Label.Pos())
				p.walk(inner, file, field.Value)
			}
		}
	case *ast.ListLit:
		for i, e := range x.Elts {
			inner := join(path, strconv.Itoa(i))
			p.add(inner, file, e.Pos())
			p.walk(inner, file, e)
		}
	case *ast.BinaryExpr:
		p.walk(path, file, x.X)
		p.walk(path, file, x.Y)
	case *ast.ParenExpr:
		p.walk(path, file, x.X)
	}
}

// list fills paths.
func (p *places) list() {
	p.paths = nil
	for _, v := range p.values {
		p.listIn(nil, v)
	}
}

// listIn adds the paths of the fields of a value.
func (p *places) listIn(path []string, value ast.Expr) {
	switch x := value.(type) {
	case *ast.StructLit:
		for _, d := range x.Elts {
			if field, ok := d.(*ast.Field); ok && labelOf(field) != "" && !hidden(field) {
				inner := append(slices.Clone(path), labelOf(field))
				p.paths = append(p.paths, inner)
				p.listIn(inner, field.Value)
			}
		}
	case *ast.BinaryExpr:
		p.listIn(path, x.X)
		p.listIn(path, x.Y)
	case *ast.ParenExpr:
		p.listIn(path, x.X)
	case *ast.ListLit:
		for i, e := range x.Elts {
			p.listIn(append(slices.Clone(path), strconv.Itoa(i)), e)
		}
	}
}

// hidden reports whether a field is hidden or a definition, which take no part
// in what a spec says.
func hidden(f *ast.Field) bool {
	id, ok := f.Label.(*ast.Ident)
	return ok && (strings.HasPrefix(id.Name, "_") || strings.HasPrefix(id.Name, "#"))
}

// holds reports whether a place is in one of the agent's own declarations.
func (p *places) holds(pos token.Pos) bool {
	if p == nil {
		return false
	}
	return slices.ContainsFunc(p.declarations, func(d declaration) bool {
		return d.file == pos.Filename() && d.begin <= pos.Offset() && pos.Offset() <= d.end
	})
}

// labelOf returns the name that a field spells out, or the empty string.
func labelOf(f *ast.Field) string {
	switch f.Label.(type) {
	case *ast.Ident, *ast.BasicLit:
		if name, _, err := ast.LabelName(f.Label); err == nil {
			return name
		}
	}
	return ""
}

// join appends a name to the path of a field.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// positions returns where the fields of an agent were written. What the text
// does not spell out, such as an agent that a comprehension makes, has the
// place that CUE remembers.
func (r *run) positions(name string, v cue.Value) Positions {
	if p := r.places[name]; p != nil {
		return p.fields
	}
	out := Positions{}
	r.evaluated(out, "", v)
	if _, ok := out[""]; !ok {
		out[""] = r.somewhere(v)
	}
	return out
}

// somewhere returns the first place that CUE remembers of anything in a value,
// or the beginning of a file of the unit.
func (r *run) somewhere(v cue.Value) Position {
	known := Positions{}
	r.evaluated(known, "", v)
	if len(known) == 0 {
		return Position{File: r.anyFile(), Line: 1, Column: 1}
	}
	return slices.MinFunc(slices.Collect(maps.Values(known)), Position.Compare)
}

// evaluated notes what CUE remembers of a value and the values in it.
func (r *run) evaluated(out Positions, path string, v cue.Value) {
	if p, ok := treePosition(v.Pos()); ok {
		out[path] = p
	}
	if it, err := v.Fields(); err == nil {
		for it.Next() {
			r.evaluated(out, join(path, it.Selector().Unquoted()), it.Value())
		}
		return
	}
	it, err := v.List()
	if err != nil {
		return
	}
	for i := 0; it.Next(); i++ {
		r.evaluated(out, join(path, strconv.Itoa(i)), it.Value())
	}
}

// anyFile returns a file of the unit, for what has no place.
func (r *run) anyFile() string {
	for _, files := range [][]unitFile{r.unit.Leaves, r.unit.Common} {
		if len(files) > 0 {
			return files[0].Path
		}
	}
	return ""
}

// treePosition turns a position of CUE into one of the tree; false for one in
// the definitions or in CUE itself.
func treePosition(p token.Pos) (Position, bool) {
	if !p.IsValid() || p.Filename() == "" || strings.HasPrefix(p.Filename(), "/") {
		return Position{}, false
	}
	return Position{File: p.Filename(), Line: p.Line(), Column: p.Column()}, true
}
