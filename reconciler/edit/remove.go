package edit

import (
	"strings"
)

// remove returns what has to change next for a field to be gone; nothing if it
// is.
func (d *document) remove(path []string) ([]splice, error) {
	trails := d.find(path)
	if len(trails) == 0 {
		if m := d.maker(path); m != nil {
			return nil, d.refuse(m.at, path, "take it away where it comes from", "the value comes from %s", m.what)
		}
		return nil, nil
	}
	t := trails[0]
	if err := d.editable(t, path); err != nil {
		return nil, err
	}
	if t.last().entry.value.holdsAnchor() {
		return nil, d.refuse(t.last().entry.begin, path, "change the file by hand, or write the values out", "an anchor lets other places of the file share this value")
	}
	// What holds nothing any more goes with it, up to the agent itself.
	for i := len(t) - 1; ; i-- {
		n, owner := t[i].parent, t[i-1].entry
		switch {
		case d.holdsMore(n, t[i].entry):
			return d.cut(n, t[i].entry), nil
		case i <= 2, isClient(path[:i]), owner.value != n:
			return d.empty(owner, n), nil
		}
	}
}

// isClient reports whether a path is that of a client, which is there though it
// has no settings.
func isClient(path []string) bool {
	n := len(path)
	return n == 7 && path[2] == "environments" && path[4] == "endpointAuthentication" && path[5] == "clients"
}

// holdsMore reports whether a mapping holds more than one entry, be it a comment.
func (d *document) holdsMore(n *node, e *entry) bool {
	if len(n.entries)+len(n.foreign) > 1 {
		return true
	}
	if n.style != braces {
		return false
	}
	begin := max(d.about(e.begin, n.begin+1), n.begin+1)
	_, end := d.last(e.end)
	if trailing, _ := d.last(e.end); trailing {
		end = min(d.lineEnd(e.end), n.end-1)
	}
	return strings.Trim(d.between(n.begin+1, begin)+d.between(end, n.end-1), " \t\r\n") != ""
}

// cut takes an entry out of a mapping that holds more.
//
//	it stands                        | goes
//	alone on its lines               | the lines, with the comments above
//	before another on its line       | up to that one
//	behind another                   | from that one on
//	between a brace and a line's end | itself
func (d *document) cut(n *node, e *entry) []splice {
	if n.style == lines {
		return d.cutLines(n, e)
	}
	elements := n.elements()
	i := 0
	for elements[i].begin != e.begin {
		i++
	}
	ends, comma := d.last(e.end)
	behind := i > 0
	var before element
	if behind {
		before = elements[i-1]
	}
	switch {
	case d.first(e.begin) && ends && (n.style != braces || d.lineBegin(e.begin) > n.begin):
		return d.cutWhole(n, e, elements, i)
	case i+1 < len(elements) && !strings.Contains(d.between(e.end, elements[i+1].begin), "\n"):
		return []splice{{e.begin, elements[i+1].begin, ""}}
	case behind && !strings.Contains(d.between(before.end, e.begin), d.form.comment()):
		return []splice{{before.end, e.end, ""}}
	case behind:
		return []splice{{e.begin, e.end, ""}}
	default:
		return []splice{{e.begin, comma, ""}}
	}
}

// cutWhole takes away the lines of an entry.
func (d *document) cutWhole(n *node, e *entry, elements []element, i int) []splice {
	floor := n.begin
	if n.style == braces {
		floor = d.lineEnd(n.begin) + 1
	}
	var out []splice
	if i > 0 {
		before := elements[i-1].end
		floor = d.lineEnd(before) + 1
		if _, comma := d.last(before); d.form == formJSON && i+1 == len(elements) && comma > before {
			out = append(out, splice{comma - 1, comma, ""})
		}
	}
	begin, end := d.about(e.begin, floor), d.lineEnd(e.end)+1
	if end > len(d.text) {
		begin, end = max(begin-1, 0), len(d.text)
	}
	return append(out, splice{begin, end, ""})
}

// empty makes a mapping hold nothing.
func (d *document) empty(owner *entry, n *node) []splice {
	switch n.style {
	case braces:
		return []splice{{n.begin + 1, n.end - 1, ""}}
	case lines:
		at := d.lineEnd(owner.colon)
		return []splice{{owner.colon, owner.colon, " {}"}, {at, max(n.end, at), ""}}
	default:
		return []splice{{n.begin, n.end, "{}"}}
	}
}
