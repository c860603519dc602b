package edit

// made is what makes a field though it does not stand there itself.
type made struct {
	at   int
	what string
}

// maxDerived bounds how many values are looked into behind references: those of a
// few lines can lead to one another in millions of ways. What is behind that
// bound counts as made elsewhere.
const maxDerived = 10_000

// maker finds what makes a field by a reference, a comprehension, an embedding
// or an alias that the file itself resolves; nil if nothing does.
func (d *document) maker(path []string) *made {
	left := maxDerived
	for _, r := range d.roots {
		if m := r.maker(path, &left); m != nil {
			return m
		}
	}
	return nil
}

func (n *node) maker(path []string, left *int) *made {
	switch n.kind {
	case all:
		for _, p := range n.parts {
			if m := p.maker(path, left); m != nil {
				return m
			}
		}
	case derived:
		if n.source != nil && n.source().holds(path, left) {
			return &made{n.begin, n.what}
		}
	case mapping:
		for _, f := range n.foreign {
			if f.content.holds(path, left) {
				return &made{f.begin, f.what}
			}
		}
		for _, e := range n.entries {
			if e.name == path[0] && !e.optional && len(path) > 1 {
				if m := e.value.maker(path[1:], left); m != nil {
					return m
				}
			}
		}
	default: // any other value makes itself alone
	}
	return nil
}

// holds reports whether a value has a field.
func (n *node) holds(path []string, left *int) bool {
	if n == nil {
		return false
	}
	*left--
	switch {
	case *left <= 0:
		return true
	case len(path) == 0:
		return n.kind != constraint
	}
	switch n.kind {
	case all:
		for _, p := range n.parts {
			if p.holds(path, left) {
				return true
			}
		}
	case derived:
		return n.source != nil && n.source().holds(path, left)
	case mapping:
		for _, f := range n.foreign {
			if f.content.holds(path, left) {
				return true
			}
		}
		for _, e := range n.entries {
			if e.name == path[0] && !e.optional && e.value.holds(path[1:], left) {
				return true
			}
		}
	default: // nothing is below any other value
	}
	return false
}
