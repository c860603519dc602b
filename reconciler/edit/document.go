package edit

import (
	"path"
	"slices"
	"strings"
)

// form is how a file is written.
type form uint8

const (
	formCUE form = iota
	formYAML
	formJSON
)

// formOf tells the form of a file from its name.
func formOf(file string) (form, error) {
	switch path.Ext(file) {
	case ".cue":
		return formCUE, nil
	case ".yaml", ".yml":
		return formYAML, nil
	case ".json":
		return formJSON, nil
	}
	return 0, refused(file, "a spec is a file of CUE, YAML or JSON", "the file is no spec")
}

// comment is what begins a comment; JSON has none.
func (f form) comment() string {
	switch f {
	case formCUE:
		return "//"
	case formYAML:
		return "#"
	default:
		return "\x00"
	}
}

// document is the syntax of a file. Offsets are those of text.
type document struct {
	form  form
	file  string
	text  []byte
	roots []*node
}

// kind is what a value is.
//
//	kind       | as                        | set     | looked into
//	mapping    | {a: 1}                    | member by member   | yes
//	plain      | "a", 1, ["a"]             | replaced           | no
//	expression | *"a" | "b", "\(1)"        | replaced           | no
//	constraint | string, =~"a", "a" | "b"  | kept, a value beside it | no
//	derived    | _a, f(1), *alias          | refused            | no
//	all        | a & b                     | each by its kind   | yes
type kind uint8

const (
	mapping kind = iota
	plain
	expression
	constraint
	derived
	all
)

// style is how a mapping is written.
type style uint8

const (
	// braces: {a: 1, b: 2}, on one line or on several.
	braces style = iota
	// chain: the a: 1 of b: a: 1.
	chain
	// lines: a block of YAML.
	lines
	// nothing: a key of YAML without a value.
	nothing
	// top: a file of CUE.
	top
)

// node is a value.
type node struct {
	kind       kind
	style      style
	begin, end int
	entries    []*entry
	// foreign is what stands in a mapping and is no field.
	foreign []*foreign
	// parts are what a & b is of.
	parts []*node
	// value is that of a literal.
	value any
	// what says what a derived value is, for people.
	what string
	// source is the value that it is derived from, if the file holds it.
	source func() *node
	// anchored: other values of the file are made from this one.
	anchored bool
}

// entry is one field.
type entry struct {
	name       string
	begin, end int
	// colon is the offset behind the colon, in YAML.
	colon int
	value *node
	// optional: it constrains a field and makes none.
	optional bool
	// flow: it stands in brackets, in YAML.
	flow bool
	// odd: it is written in a form that is not edited.
	odd bool
}

// foreign is an embedding, a comprehension, a pattern and the like.
type foreign struct {
	what       string
	begin, end int
	// content is what it adds, if that can be seen; nil otherwise.
	content *node
	// ellipsis has to be the last.
	ellipsis bool
}

// parse reads a file.
func parse(form form, file string, text []byte) (*document, error) {
	d := &document{form: form, file: file, text: text}
	var err error
	switch form {
	case formCUE:
		err = d.parseCUE()
	case formJSON:
		err = d.parseJSON()
	case formYAML:
		err = d.parseYAML()
	}
	return d, err
}

// step is one field on the way to another.
type step struct {
	parent *node
	entry  *entry
}

// trail leads to a field.
type trail []step

// end is the field itself.
func (t trail) last() step { return t[len(t)-1] }

// find finds the declarations of a field, in the order of the text.
func (d *document) find(path []string) []trail {
	var out []trail
	for _, r := range d.roots {
		out = append(out, r.find(path, nil)...)
	}
	return out
}

func (n *node) find(path []string, before trail) []trail {
	var out []trail
	switch n.kind {
	case all:
		for _, p := range n.parts {
			out = append(out, p.find(path, before)...)
		}
	case mapping:
		for _, e := range n.entries {
			if e.name != path[0] || e.optional {
				continue
			}
			t := append(slices.Clone(before), step{n, e})
			if len(path) == 1 {
				out = append(out, t)
			} else {
				out = append(out, e.value.find(path[1:], t)...)
			}
		}
	default: // nothing is below any other value
	}
	return out
}

// leaves are the values that a & b is of, or n itself.
func (n *node) leaves() []*node {
	if n.kind != all {
		return []*node{n}
	}
	var out []*node
	for _, p := range n.parts {
		out = append(out, p.leaves()...)
	}
	return out
}

// near is the offset of the nearest field around a path that is there.
func (d *document) near(path []string) int {
	for n := len(path); n > 0; n-- {
		if t := d.find(path[:n]); len(t) > 0 {
			return t[0].last().entry.begin
		}
	}
	return 0
}

// dotted is a path as people write it.
func dotted(path []string) string { return strings.Join(path, ".") }
