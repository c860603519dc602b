package edit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// facts are what a file says, by the path of the field: its values, and the text
// of what is no plain value. Two files with the same facts say the same.
type facts map[string]map[string]bool

// The facts that a mapping is empty, and how those of constraints begin.
const (
	isEmpty      = "{}"
	isConstraint = "constraint "
)

// joined is a path as a key of facts.
func joined(path []string) string { return strings.Join(path, "\x00") }

// facts reads them off the syntax.
func (d *document) facts() facts {
	f := facts{}
	for _, r := range d.roots {
		d.collect(f, nil, r)
	}
	return f
}

func (f facts) add(path []string, fact string) {
	if fact == isEmpty && !isClient(path) {
		return // it says nothing
	}
	key := joined(path)
	if f[key] == nil {
		f[key] = map[string]bool{}
	}
	f[key][fact] = true
}

func (d *document) collect(f facts, path []string, n *node) {
	switch n.kind {
	case all:
		for _, p := range n.parts {
			d.collect(f, path, p)
		}
	case mapping:
		if len(n.entries)+len(n.foreign) == 0 {
			f.add(path, isEmpty)
		}
		for _, e := range n.entries {
			inner := append(slices.Clone(path), e.name)
			if e.optional {
				f.add(append(slices.Clone(path), "?"+e.name), isConstraint+d.between(e.begin, e.end))
				continue
			}
			d.collect(f, inner, e.value)
		}
		for _, x := range n.foreign {
			f.add(append(slices.Clone(path), "?"), isConstraint+d.between(x.begin, x.end))
		}
	case plain:
		f.add(path, said(n.value))
	case constraint:
		f.add(path, isConstraint+d.between(n.begin, n.end))
	default:
		f.add(path, "text "+d.between(n.begin, n.end))
	}
}

// said is the fact of a plain value.
func said(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return "value that has no form" // canonical ones have
	}
	return "value " + string(raw)
}

// state adds the facts of a value.
func (f facts) state(path []string, value any) {
	members, ok := value.(map[string]any)
	if !ok {
		f.add(path, said(value))
		return
	}
	if len(members) == 0 {
		f.add(path, isEmpty)
	}
	for name, v := range members {
		f.state(append(slices.Clone(path), name), v)
	}
}

// expected are the facts after an edit.
func (d *document) expected(path []string, value any, remove bool) facts {
	f := d.facts()
	key := joined(path)
	for k, said := range f {
		if k != key && !strings.HasPrefix(k, key+"\x00") {
			continue
		}
		maps.DeleteFunc(said, func(fact string, _ bool) bool { return remove || !strings.HasPrefix(fact, isConstraint) })
		if len(said) == 0 {
			delete(f, k)
		}
	}
	if !remove {
		f.state(path, value)
		return f
	}
	for n := len(path) - 1; n > 0; n-- {
		if isClient(path[:n]) && !f.holds(joined(path[:n])) {
			f.add(path[:n], isEmpty)
		}
	}
	return f
}

// holds reports whether there is a fact at a key or below it.
func (f facts) holds(key string) bool {
	if len(f[key]) > 0 {
		return true
	}
	return f.below(key)
}

func (f facts) below(key string) bool {
	for k := range f {
		if strings.HasPrefix(k, key+"\x00") {
			return true
		}
	}
	return false
}

// equal reports whether two files say the same.
func (f facts) equal(g facts) bool {
	return maps.EqualFunc(f.plain(), g.plain(), maps.Equal[map[string]bool, map[string]bool])
}

// plain leaves out that a mapping is empty in one place if it is not in another.
func (f facts) plain() facts {
	out := facts{}
	for key, said := range f {
		said = maps.Clone(said)
		if f.below(key) {
			delete(said, isEmpty)
		}
		if len(said) > 0 {
			out[key] = said
		}
	}
	return out
}
