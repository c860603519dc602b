package edit

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// simple is what stands without quotes anywhere in YAML, unless it is a number
// or a word.
var simple = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9 _./@+-]*[A-Za-z0-9_/+-])?$`)

// yamlScalar writes a string, quoted where YAML could take it for anything else.
func yamlScalar(s string) string {
	out, err := yaml.Marshal(s)
	if err == nil && simple.MatchString(s) && string(out) == s+"\n" {
		return s
	}
	return jsonText(s)
}

// block writes a field on lines of its own.
func (d *document) block(path []string, value any, indent string) string {
	head := indent + d.label(path[0]) + ":"
	inner := indent + d.unit()
	if len(path) > 1 {
		return head + "\n" + d.block(path[1:], value, inner)
	}
	members, ok := value.(map[string]any)
	if !ok || len(members) == 0 {
		return head + " " + d.render(value, indent, false)
	}
	out := []string{head}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		out = append(out, d.block([]string{name}, members[name], inner))
	}
	return strings.Join(out, "\n")
}

// insertLines adds a field to a block behind the others.
func (d *document) insertLines(owner *entry, n *node, rest []string, value any) []splice {
	if n.style == nothing {
		at := d.lineEnd(owner.colon)
		return []splice{{at, at, "\n" + d.block(rest, value, d.indent(owner.begin)+d.unit())}}
	}
	elements := n.elements()
	at := 0
	for _, e := range elements {
		at = max(at, e.end)
	}
	return []splice{{at, at, "\n" + d.block(rest, value, d.indent(elements[0].begin))}}
}

// cutLines takes the lines of an entry away, with the comments above.
func (d *document) cutLines(n *node, e *entry) []splice {
	floor := 0
	for _, other := range n.elements() {
		if other.begin < e.begin {
			floor = other.end + 1
		}
	}
	begin, end := d.about(e.begin, floor), e.end+1
	if end > len(d.text) {
		begin, end = max(begin-1, 0), len(d.text)
	}
	return []splice{{begin, end, ""}}
}

// replaceYAML puts a value in the place of one, in its style.
//
//	before    | value            | becomes
//	in braces | any              | in braces
//	a block   | a list for a list| a line an item
//	a block   | other            | behind the colon
//	other     | a mapping        | a block
//	other     | other            | in its place
func (d *document) replaceYAML(e *entry, v *node, value any) []splice {
	inline := d.render(value, "", false)
	items, list := value.([]any)
	members, _ := value.(map[string]any)
	dash := strings.HasPrefix(d.between(v.begin, v.end), "- ") && d.lineBegin(v.begin) > e.begin
	switch {
	case e.flow:
		return []splice{{v.begin, v.end, inline}}
	case dash && list && len(items) > 0:
		indent := d.between(d.lineBegin(v.begin), v.begin)
		out := make([]string, len(items))
		for i, item := range items {
			out[i] = "- " + d.render(item, "", false)
		}
		return []splice{{v.begin, v.end, strings.Join(out, "\n"+indent)}}
	case len(members) > 0:
		head := d.block([]string{"_"}, members, d.indent(e.begin))
		return []splice{{e.colon, v.end, head[strings.IndexByte(head, '\n'):]}}
	case v.style == nothing && v.kind == mapping:
		return []splice{{e.colon, e.colon, " " + inline}}
	case v.style == lines && v.kind == mapping, dash:
		at := d.lineEnd(e.colon)
		return []splice{{e.colon, e.colon, " " + inline}, {at, max(v.end, at), ""}}
	}
	return []splice{{v.begin, v.end, inline}}
}
