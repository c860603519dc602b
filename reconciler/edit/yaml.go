package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlReader turns the nodes of YAML, which only tell where they begin, into a
// document.
type yamlReader struct {
	document *document
	// begins are the offsets of the lines.
	begins []int
	// shared are the values that anchors name.
	shared map[*yaml.Node]*node
}

// parseYAML reads a file of YAML, each of its documents a root.
func (d *document) parseYAML() error {
	if bytes.ContainsAny(d.text, "\r\u0085\u2028\u2029") {
		return refused(d.file, "use line feeds alone", "the file has line ends of several kinds")
	}
	r := &yamlReader{document: d, begins: []int{0}, shared: map[*yaml.Node]*node{}}
	for i, c := range d.text {
		if c == '\n' {
			r.begins = append(r.begins, i+1)
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(d.text))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refused(d.file, "mend it first; `gatewright validate` says where", "the YAML cannot be read")
		}
		if len(n.Content) == 1 {
			root := n.Content[0]
			d.roots = append(d.roots, r.value(root, scope{end: r.documentEnd(r.offset(root))}))
		}
	}
}

// scope is what a value stands in.
type scope struct {
	// end is where its lines end at the latest.
	end int
	// colon is behind the colon of its key, flow in brackets.
	colon int
	flow  bool
}

// offset is where a node begins. YAML counts characters.
func (r *yamlReader) offset(n *yaml.Node) int {
	at := r.begins[n.Line-1]
	for range n.Column - 1 {
		at += runeLength(r.document.text[at:])
	}
	return at
}

// documentEnd is where the document ends that an offset is in.
func (r *yamlReader) documentEnd(at int) int {
	text := r.document.text
	for _, begin := range r.begins {
		if begin <= at {
			continue
		}
		if line := string(text[begin:]); marks(line, "---") || marks(line, "...") {
			return begin - 1
		}
	}
	return len(bytes.TrimRight(text, "\n"))
}

// marks reports whether a line is the mark of a document.
func marks(line, mark string) bool {
	rest, ok := strings.CutPrefix(line, mark)
	return ok && (rest == "" || strings.ContainsRune(" \t\n", rune(rest[0])))
}

// value reads a node.
func (r *yamlReader) value(y *yaml.Node, s scope) *node {
	n := &node{anchored: y.Anchor != "", begin: r.offset(y)}
	if y.Anchor != "" {
		r.shared[y] = n
	}
	switch {
	case y.Kind == yaml.MappingNode:
		r.mapping(n, y, s)
	case y.Kind == yaml.ScalarNode && y.Value == "" && y.ShortTag() == "!!null" && !s.flow && y.Style == 0:
		n.kind, n.style, n.begin, n.end = mapping, nothing, s.colon, s.colon
	case y.Kind == yaml.AliasNode:
		n.kind, n.what = derived, "the alias *"+y.Value
		n.source = func() *node { return r.shared[y.Alias] }
		n.end = r.valueEnd(y, n.begin, s)
	default:
		n.end = r.valueEnd(y, n.begin, s)
		n.kind = expression
		if v, ok := plainYAML(y); ok {
			n.kind, n.value = plain, v
		}
		n.anchored = n.anchored || anchors(y)
	}
	return n
}

// anchors reports whether anything in a node has an anchor.
func anchors(y *yaml.Node) bool {
	return y.Anchor != "" || slices.ContainsFunc(y.Content, anchors)
}

// mapping reads the keys of a mapping.
func (r *yamlReader) mapping(n *node, y *yaml.Node, s scope) {
	n.kind, n.style = mapping, lines
	if y.Style&yaml.FlowStyle != 0 {
		n.style, s.flow = braces, true
		n.end = r.closing(n.begin)
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		e := &entry{name: key.Value, begin: r.offset(key), flow: s.flow}
		inner := scope{end: s.end, flow: s.flow}
		if !s.flow {
			if i+2 < len(y.Content) {
				inner.end = r.document.lineBegin(r.offset(y.Content[i+2])) - 1
			}
			inner.end = r.trimmed(e.begin, inner.end)
			e.odd = !r.document.first(e.begin)
		}
		colon, ok := r.colon(key, e.begin, s.flow)
		e.colon, inner.colon, e.odd = colon, colon, e.odd || !ok
		e.value = r.value(value, inner)
		e.end = inner.end
		if s.flow {
			e.end = max(e.value.end, colon)
		}
		n.end = max(n.end, e.end)
		if key.ShortTag() == "!!merge" || key.Kind != yaml.ScalarNode {
			n.foreign = append(n.foreign, &foreign{what: "a merge of an alias", begin: e.begin, end: e.end, content: r.merged(e.value, value)})
			continue
		}
		n.entries = append(n.entries, e)
	}
}

// merged is what a merge key adds: a mapping, or a list of them.
func (r *yamlReader) merged(n *node, y *yaml.Node) *node {
	if y.Kind != yaml.SequenceNode {
		return n
	}
	out := &node{kind: all}
	for _, item := range y.Content {
		out.parts = append(out.parts, &node{kind: derived, source: func() *node { return r.shared[item.Alias] }})
	}
	return out
}

// plainYAML returns the value that a node spells out.
func plainYAML(y *yaml.Node) (any, bool) {
	switch y.Kind {
	case yaml.ScalarNode:
		return scalarYAML(y)
	case yaml.SequenceNode:
		out := make([]any, len(y.Content))
		for i, item := range y.Content {
			v, ok := plainYAML(item)
			if !ok {
				return nil, false
			}
			out[i] = v
		}
		return out, true
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(y.Content); i += 2 {
			v, ok := plainYAML(y.Content[i+1])
			if !ok || y.Content[i].ShortTag() != "!!str" {
				return nil, false
			}
			out[y.Content[i].Value] = v
		}
		return out, true
	default:
		return nil, false
	}
}

// scalarYAML returns the value of a scalar of the types that JSON has.
func scalarYAML(y *yaml.Node) (any, bool) {
	switch y.ShortTag() {
	case "!!str":
		return y.Value, true
	case "!!null":
		return nil, true
	case "!!bool", "!!int", "!!float":
		var v any
		if y.Decode(&v) != nil {
			return nil, false
		}
		if _, err := json.Marshal(v); err != nil {
			return nil, false // infinite, or not a number
		}
		out, err := canonical(v)
		return out, err == nil
	}
	return nil, false
}
