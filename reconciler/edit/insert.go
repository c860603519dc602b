package edit

import (
	"cmp"
	"slices"
	"strings"
)

// element is an entry of a mapping or what is foreign in it.
type element struct {
	begin, end int
	ellipsis   bool
}

// elements are in the order of the text.
func (n *node) elements() []element {
	out := make([]element, 0, len(n.entries)+len(n.foreign))
	for _, e := range n.entries {
		out = append(out, element{e.begin, e.end, false})
	}
	for _, f := range n.foreign {
		out = append(out, element{f.begin, f.end, f.ellipsis})
	}
	slices.SortFunc(out, func(a, b element) int { return cmp.Compare(a.begin, b.begin) })
	return out
}

// insert adds a field to a mapping; rest leads from there.
func (d *document) insert(t trail, n *node, rest []string, value any) ([]splice, error) {
	switch n.style {
	case chain:
		return d.insertChain(t, n, rest, value), nil
	case lines, nothing:
		return d.insertLines(t.last().entry, n, rest, value), nil
	default:
		return d.insertBraces(n, rest, value), nil
	}
}

// insertBraces adds a field behind the others, in the style of the mapping.
func (d *document) insertBraces(n *node, rest []string, value any) []splice {
	elements := n.elements()
	many := d.manyLines(n)
	if len(elements) == 0 {
		if !many {
			return []splice{{n.begin + 1, n.end - 1, d.field(rest, value, "", false)}}
		}
		inner := d.indent(n.end-1) + d.unit()
		at := d.lineBegin(n.end - 1)
		return []splice{{at, at, inner + d.field(rest, value, inner, true) + "\n"}}
	}
	last := elements[len(elements)-1]
	switch {
	case last.ellipsis && d.first(last.begin):
		inner := d.indent(last.begin)
		return []splice{{last.begin, last.begin, d.field(rest, value, inner, true) + "\n" + inner}}
	case last.ellipsis:
		return []splice{{last.begin, last.begin, d.field(rest, value, "", false) + ", "}}
	}
	return d.insertAfter(n, last, rest, value)
}

// manyLines reports whether the fields of a mapping stand on lines of their own.
func (d *document) manyLines(n *node) bool {
	if n.style == top {
		return true
	}
	at := n.begin + 1
	for _, e := range n.elements() {
		if strings.Contains(d.between(at, e.begin), "\n") {
			return true
		}
		at = e.end
	}
	return strings.Contains(d.between(at, n.end-1), "\n")
}

// insertAfter adds a field right behind another element.
//
//	the mapping is on | behind the element | is added
//	one line          |                    | , field
//	several lines     | the line ends      | a line, below its comment
//	several lines     | the brace          | a line, before the brace
func (d *document) insertAfter(n *node, e element, rest []string, value any) []splice {
	if !d.manyLines(n) {
		return []splice{{e.end, e.end, ", " + d.field(rest, value, "", false)}}
	}
	inner := d.indent(e.begin)
	if !d.first(e.begin) && n.style != top {
		inner = d.indent(n.end-1) + d.unit()
	}
	field := "\n" + inner + d.field(rest, value, inner, true)
	ends, comma := d.last(e.end)
	var out []splice
	if comma == e.end && d.form != formCUE {
		out = append(out, splice{e.end, e.end, ","})
	}
	if !ends {
		return append(out, splice{comma, comma, field})
	}
	if comma > e.end {
		field += ","
	}
	at := d.lineEnd(e.end)
	return append(out, splice{at, at, field})
}

// insertChain adds a field beside the one of a: b: 1. The chain gets braces if
// it stands on one line; otherwise it is written again up to here, so that no
// line has to be indented anew.
func (d *document) insertChain(t trail, n *node, rest []string, value any) []splice {
	i := len(t) - 1
	for i > 0 && t[i].parent.style == chain {
		i--
	}
	head, outer := t[i].entry, t[i].parent
	if strings.Contains(d.between(n.begin, n.end), "\n") {
		var path []string
		for _, s := range t[i:] {
			path = append(path, s.entry.name)
		}
		return d.insertAfter(outer, element{begin: head.begin, end: head.end}, append(path, rest...), value)
	}
	ends, comma := d.last(n.end)
	if !ends || comma > n.end || !d.first(head.begin) || !d.manyLines(outer) {
		return []splice{{n.begin, n.begin, "{"}, {n.end, n.end, ", " + d.field(rest, value, "", false) + "}"}}
	}
	indent := d.indent(head.begin)
	inner := indent + d.unit()
	at := d.lineEnd(n.end)
	return []splice{
		{n.begin, n.begin, "{\n" + inner},
		{at, at, "\n" + inner + d.field(rest, value, inner, true) + "\n" + indent + "}"},
	}
}
