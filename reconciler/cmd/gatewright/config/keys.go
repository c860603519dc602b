package config

import (
	_ "embed"
	"encoding/json"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

//go:embed config.cue
var definitions string

// node is one field of the schema.
type node struct {
	// name is the field's, and * for the members of a map.
	name string
	// doc is its comment, and is says what a right value is.
	doc, is  string
	required bool
	path     bool
	secret   bool
	kind     cue.Kind
	// fallback is its default as JSON; empty if it has none.
	fallback string
	// fields are those of a struct, in order; for a map, one called *.
	fields []*node
}

// definition parses the embedded schema. A test makes sure that it can.
func definition(ctx *cue.Context) cue.Value {
	v := ctx.CompileString(definitions, cue.Filename("config.cue")).LookupPath(cue.ParsePath("#Config"))
	if err := v.Err(); err != nil {
		panic("config: embedded schema: " + err.Error())
	}
	return v
}

// schemaRoot is the schema as a tree.
var schemaRoot = sync.OnceValue(func() *node {
	return describe("", definition(cuecontext.New()), false)
})

// describe makes the tree of a value of the schema.
func describe(name string, v cue.Value, required bool) *node {
	n := &node{name: name, required: required, kind: v.IncompleteKind(), doc: docOf(v)}
	if a := v.Attribute("is"); a.Err() == nil {
		n.is, _ = a.String(0)
	}
	n.path = marked(v, "path")
	n.secret = marked(v, "secret") || name == "database"
	if n.secret && n.is == "" {
		n.is = "{file: PATH} or {env: NAME}"
	}
	if d, ok := v.Default(); ok {
		if b, err := json.Marshal(d); err == nil {
			n.fallback = string(b)
		}
	}
	if n.secret || n.kind != cue.StructKind {
		return n
	}
	n.fallback = ""
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		panic("config: embedded schema: " + err.Error())
	}
	for it.Next() {
		sel := it.Selector()
		n.fields = append(n.fields, describe(sel.Unquoted(), it.Value(), sel.ConstraintType() == cue.RequiredConstraint))
	}
	if members := v.LookupPath(cue.MakePath(cue.AnyString)); members.Exists() {
		n.fields = append(n.fields, describe("*", members, false))
	}
	return n
}

// marked reports whether the field v has an attribute.
func marked(v cue.Value, attribute string) bool {
	a := v.Attribute(attribute)
	return a.Err() == nil
}

// docOf is the comment on v, as one line.
func docOf(v cue.Value) string {
	var lines []string
	for _, g := range v.Doc() {
		lines = append(lines, strings.Fields(g.Text())...)
	}
	return strings.Join(lines, " ")
}

// isMap reports that the names of n's members are the user's.
func (n *node) isMap() bool { return len(n.fields) == 1 && n.fields[0].name == "*" }

// isStruct reports that n has members.
func (n *node) isStruct() bool { return len(n.fields) > 0 }

// field returns the member of n called name.
func (n *node) field(name string) *node {
	for _, f := range n.fields {
		if f.name == name || f.name == "*" {
			return f
		}
	}
	return nil
}

// at returns the field at path, or nil.
func (n *node) at(path []string) *node {
	for _, name := range path {
		if n = n.field(name); n == nil {
			return nil
		}
	}
	return n
}

// names are those of n's fields.
func (n *node) names() []string {
	out := make([]string, len(n.fields))
	for i, f := range n.fields {
		out[i] = f.name
	}
	return out
}
