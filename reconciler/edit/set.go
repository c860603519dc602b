package edit

import (
	"maps"
	"reflect"
	"slices"
)

// set returns what has to change next for a field to have a value; nothing if it
// has it.
//
//	the field             | becomes
//	stands once or more   | replaced wherever it is a value of its own
//	is made elsewhere     | refused
//	does not stand        | added to the most specific mapping that does
func (d *document) set(path []string, value any) ([]splice, error) {
	var values []*node
	var owners []step
	for _, t := range d.find(path) {
		if err := d.editable(t, path); err != nil {
			return nil, err
		}
		for _, v := range t.last().entry.value.leaves() {
			switch v.kind {
			case derived:
				return nil, d.refuse(v.begin, path, "change it where it comes from, or write the value itself here", "the value comes from %s", v.what)
			case constraint:
			default:
				values, owners = append(values, v), append(owners, t.last())
			}
		}
	}
	if len(values) == 0 {
		return d.add(path, value)
	}
	members, ok := value.(map[string]any)
	if ok && !slices.ContainsFunc(values, func(n *node) bool { return n.kind != mapping }) {
		return d.merge(path, values, members)
	}
	var out []splice
	for i, v := range values {
		if v.kind == plain && reflect.DeepEqual(v.value, value) {
			continue
		}
		if v.holdsAnchor() || v.holdsForeign() {
			return nil, d.refuse(v.begin, path, "change the file by hand", "the value holds more than plain fields")
		}
		out = append(out, d.replace(owners[i].entry, v, value)...)
	}
	return out, nil
}

// merge makes a mapping hold these members and no others, one change at a time.
func (d *document) merge(path []string, values []*node, members map[string]any) ([]splice, error) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if out, err := d.set(append(slices.Clone(path), name), members[name]); err != nil || len(out) > 0 {
			return out, err
		}
	}
	for _, v := range values {
		if v.holdsForeign() && len(members) == 0 {
			return nil, d.refuse(v.begin, path, "change the file by hand", "the value holds more than plain fields")
		}
		for _, e := range v.entries {
			if _, ok := members[e.name]; ok || e.optional {
				continue
			}
			if len(members) > 0 {
				return d.remove(append(slices.Clone(path), e.name))
			}
			t := d.find(path)
			for _, one := range t {
				if one.last().entry.value == v {
					return d.empty(one.last().entry, v), nil
				}
			}
			return nil, d.refuse(v.begin, path, "change the file by hand", "the value is put together from several")
		}
	}
	return nil, nil
}

// editable refuses fields that other places of the file depend on, and forms
// that are not edited.
func (d *document) editable(t trail, path []string) error {
	for _, s := range t {
		switch {
		case s.entry.odd:
			return d.refuse(s.entry.begin, path, "write the key in the plain form, as key: value", "the key is written in a form that is not edited")
		case s.parent.anchored, s.entry.value.anchored:
			return d.refuse(s.entry.begin, path, "change the file by hand, or write the values out", "an anchor lets other places of the file share this value")
		}
	}
	return nil
}

// holdsAnchor reports whether other values are made from n or something in it.
func (n *node) holdsAnchor() bool {
	return n.anchored || slices.ContainsFunc(n.parts, (*node).holdsAnchor) ||
		slices.ContainsFunc(n.entries, func(e *entry) bool { return e.value.holdsAnchor() })
}

// holdsForeign reports whether n has more than plain fields.
func (n *node) holdsForeign() bool { return n.kind == mapping && len(n.foreign) > 0 }

// add adds a field that does not stand anywhere.
func (d *document) add(path []string, value any) ([]splice, error) {
	if m := d.maker(path); m != nil {
		return nil, d.refuse(m.at, path, "change it where it comes from", "the value comes from %s", m.what)
	}
	for n := len(path) - 1; n >= 2; n-- {
		t, into, other := d.place(path[:n])
		switch {
		case into != nil:
			if err := d.editable(t, path); err != nil {
				return nil, err
			}
			if other := into.entry(path[n]); other != nil && d.form != formCUE {
				return nil, d.refuse(other.begin, path, "change the file by hand", "the key stands there already")
			}
			return d.insert(t, into, path[n:], value)
		case other != nil && (d.form != formCUE || other.kind == plain):
			return nil, d.refuse(other.begin, path, "make it a mapping first", "%s is no mapping that a field can be added to", dotted(path[:n]))
		}
	}
	return nil, d.refuse(d.near(path), path, "change the file by hand", "the agent is not written as a mapping here")
}

// place chooses the mapping that a field is added to: of several the first that
// has braces of its own. Other is a value in its place that is none.
func (d *document) place(path []string) (t trail, into, other *node) {
	for _, found := range d.find(path) {
		for _, v := range found.last().entry.value.leaves() {
			switch {
			case v.kind != mapping:
				other = v
			case into == nil, into.style == chain && v.style != chain:
				t, into = found, v
			}
		}
	}
	return t, into, other
}

// entry returns a field by its name.
func (n *node) entry(name string) *entry {
	for _, e := range n.entries {
		if e.name == name {
			return e
		}
	}
	return nil
}

// replace puts a value in the place of one.
func (d *document) replace(e *entry, v *node, value any) []splice {
	if d.form == formYAML && (v.style != braces || v.kind != mapping) {
		return d.replaceYAML(e, v, value)
	}
	return []splice{{v.begin, v.end, d.render(value, d.indent(v.begin), false)}}
}
