package syntax

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// maxNesting is how deep structs and lists may be nested. A spec has eight
// levels.
const maxNesting = 128

// analyser finds out what the declarations of a file do.
//
//	top level                         | leaf | entangled | mention
//	agents: {name: …}                 | yes  | no        | yes
//	agents: {[pattern]: …}            | no   | no        | yes
//	agents: {for …}, {ref}, {(x): …}  | no   | yes       | yes
//	agents: ref                       | no   | yes       | yes
//	other: …, _other: …, #Other: …    | no   | no        | no
//	for …, if …, ref, [pattern]: …    | no   | yes       | maybe
//	a reference to agents anywhere    | no   | yes       |
type analyser struct {
	facts *Facts
	leaf  bool
	depth int
	deep  bool
}

// file analyses a CUE file.
func (a *analyser) file(file *ast.File) {
	for _, d := range file.Decls {
		switch x := d.(type) {
		case *ast.Package, *ast.ImportDecl, *ast.Attribute, *ast.CommentGroup, *ast.LetClause:
		case *ast.Field:
			a.topField(x)
		case *ast.Ellipsis:
			a.leaf = false
		default:
			a.entangle(MentionMaybe)
			if mentionsAgents(d) {
				a.facts.Mention = MentionYes
			}
		}
		switch d.(type) {
		case *ast.Package, *ast.ImportDecl:
		default:
			a.references(d)
		}
	}
}

// entangle notes that agents may depend on one another.
func (a *analyser) entangle(m Mention) {
	a.leaf = false
	a.facts.Entangled = true
	a.facts.Mention = max(a.facts.Mention, m)
}

// topField analyses a field of the top level.
func (a *analyser) topField(x *ast.Field) {
	name, ok := concrete(x.Label)
	switch {
	case !ok:
		a.entangle(MentionMaybe)
	case name != "agents":
		a.leaf = false
		a.facts.nearMiss(name, x)
	default:
		a.facts.Mention = MentionYes
		if x.Alias != nil {
			a.entangle(MentionYes)
		}
		if x.Constraint != token.ILLEGAL {
			a.leaf = false
		}
		a.agents(x.Value)
	}
}

// agents analyses the value of the field agents.
func (a *analyser) agents(value ast.Expr) {
	switch x := value.(type) {
	case *ast.StructLit:
		for _, d := range x.Elts {
			a.agentsDecl(d)
		}
	case *ast.ParenExpr:
		a.agents(x.X)
	case *ast.BinaryExpr:
		if x.Op != token.AND {
			a.entangle(MentionYes)
			return
		}
		a.leaf = false
		a.agents(x.X)
		a.agents(x.Y)
	case *ast.BasicLit, *ast.ListLit:
		a.facts.fail(notMapping(value))
	default:
		a.entangle(MentionYes)
	}
}

// agentsDecl analyses one declaration in the field agents.
func (a *analyser) agentsDecl(d ast.Decl) {
	switch x := d.(type) {
	case *ast.Attribute, *ast.CommentGroup, *ast.LetClause:
	case *ast.Ellipsis:
		a.leaf = false
	case *ast.Field:
		name, ok := concrete(x.Label)
		_, pattern := x.Label.(*ast.ListLit)
		switch {
		case ok && x.Constraint == token.ILLEGAL:
			a.facts.claim(name, x, 0)
		case ok, pattern:
			a.leaf = false
		default:
			a.entangle(MentionYes)
		}
	default:
		a.entangle(MentionYes)
	}
}

// references looks for references to the agents of the package, and for
// nesting that no spec needs.
func (a *analyser) references(n ast.Node) {
	ast.Walk(n, a.before, a.after)
}

// before is called before the children of n.
func (a *analyser) before(n ast.Node) bool {
	switch x := n.(type) {
	case *ast.Ident:
		// self is the package itself in a file with the experiment aliasv2.
		if x.Name == "agents" || x.Name == "self" {
			a.entangle(a.facts.Mention)
		}
	case *ast.Field:
		if _, ok := concrete(x.Label); ok {
			a.references(x.Value)
		} else {
			a.references(x.Label)
			a.references(x.Value)
		}
		return false
	case *ast.SelectorExpr:
		a.references(x.X)
		return false
	case *ast.StructLit, *ast.ListLit, *ast.ParenExpr, *ast.UnaryExpr, *ast.CallExpr, *ast.IndexExpr:
		a.depth++
		if a.depth > maxNesting && !a.deep {
			a.deep = true
			a.facts.fail(tooDeep(place(n.Pos())))
		}
		return !a.deep
	}
	return true
}

// after is called after the children of n.
func (a *analyser) after(n ast.Node) {
	switch n.(type) {
	case *ast.StructLit, *ast.ListLit, *ast.ParenExpr, *ast.UnaryExpr, *ast.CallExpr, *ast.IndexExpr:
		a.depth--
	}
}

// tooDeep is the issue of nesting without reason.
func tooDeep(p Place) Issue {
	return Issue{Place: p, Code: "too-deep", Message: "the nesting is deeper than any spec needs", Hint: "a spec has about eight levels"}
}

// notMapping is the issue of agents that are no mapping.
func notMapping(value ast.Node) Issue {
	return Issue{
		Place: place(value.Pos()), Path: "agents", Code: "wrong-type",
		Message: "agents has to map names to specs", Hint: "write agents: booking: {organization: …}",
	}
}

// mentionsAgents reports whether a field agents stands anywhere in d.
func mentionsAgents(d ast.Node) bool {
	found := false
	ast.Walk(d, func(n ast.Node) bool {
		if f, ok := n.(*ast.Field); ok {
			if name, ok := concrete(f.Label); ok && name == "agents" {
				found = true
			}
		}
		return !found
	}, nil)
	return found
}

// concrete returns the name that a label spells out. An aliased label has
// none: its alias may be referred to.
func concrete(l ast.Label) (string, bool) {
	switch l.(type) {
	case *ast.Ident, *ast.BasicLit:
		name, _, err := ast.LabelName(l)
		return name, err == nil
	}
	return "", false
}
