package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
)

// parseImport splits an import path.
func parseImport(p string) ast.ImportPath { return ast.ParseImportPath(p) }

// batch is part of an instance that can be evaluated by itself.
type batch struct {
	pkg string
	// common are the files that all agents of the instance depend on.
	common []*source
	// groups are leaves, those that declare an agent together in one group.
	groups [][]*source
	// names are the agents that the batch answers for; nil for all.
	names     map[string]bool
	libraries []library
	// entangled reports that the groups bear on one another.
	entangled bool
}

// Sizes of batches.
const (
	// batchGroups is how many groups a batch has on average.
	batchGroups = 32
)

// leaves returns the leaves of a batch.
func (b *batch) leaves() []*source { return slices.Concat(b.groups...) }

// key identifies what a batch says: the paths and contents of its files in the
// roles that they have.
func (b *batch) key() string {
	h := sha256.New()
	write := func(parts ...string) {
		for _, p := range parts {
			_, _ = h.Write([]byte(p)) // a hash takes every write
			_, _ = h.Write([]byte{0})
		}
	}
	write("unit 1", b.pkg)
	for _, src := range b.common {
		write("c", src.entry.Path, src.entry.Digest)
	}
	for _, src := range b.leaves() {
		write("l", src.entry.Path, src.entry.Digest)
	}
	for _, lib := range b.libraries {
		write("p", lib.path, lib.name)
		for _, src := range lib.files {
			write("f", src.entry.Path, src.entry.Digest)
		}
	}
	return "unit\x00" + hex.EncodeToString(h.Sum(nil))
}

// unit reads the files of a batch.
func (b *batch) unit() (*unit, error) {
	u := &unit{Package: b.pkg}
	var err error
	read := func(sources []*source) (out []unitFile) {
		for _, src := range sources {
			f, e := src.file()
			if e != nil {
				err = e
			}
			out = append(out, f)
		}
		return out
	}
	u.Common, u.Leaves = read(b.common), read(b.leaves())
	for _, lib := range b.libraries {
		u.Libraries = append(u.Libraries, unitPackage{ImportPath: lib.path, Name: lib.name, Files: read(lib.files)})
	}
	return u, err
}

// only returns the batch with some of its groups.
func (b *batch) only(groups [][]*source) *batch {
	c := *b
	c.groups = groups
	return &c
}

// parts is an instance divided for evaluation.
type parts struct {
	common, leaves []*source
	entangled      bool
	libraries      map[string][]library // by the path of the file that imports
}

// batches divides an instance. The agents of an entangled one are evaluated at
// once. Of any other, a leaf whose agents no other leaf and no common file
// declares can be evaluated apart: nothing but the common files bears on them.
func (p *parts) batches(i *instance, whole bool) []*batch {
	if p.entangled || whole {
		b := &batch{pkg: i.pkg, common: p.common, groups: group(p.leaves), entangled: true}
		b.libraries = p.librariesOf(b)
		return []*batch{b}
	}
	p.promote()
	own := func(s *source) bool { return s.dir == i.dir }
	groups := slices.DeleteFunc(group(p.leaves), func(g []*source) bool { return !slices.ContainsFunc(g, own) })
	buckets := map[uint64][][]*source{}
	n := bucketCount(len(groups), claims(p.common))
	for _, g := range groups {
		k := stableHash(g[0].entry.Path) % n
		buckets[k] = append(buckets[k], g)
	}
	var out []*batch
	if common := claims(slices.DeleteFunc(slices.Clone(p.common), func(s *source) bool { return !own(s) })); common > 0 || len(groups) == 0 {
		out = append(out, &batch{pkg: i.pkg, common: p.common, names: namesOf(p.common)})
	}
	for _, k := range slices.Sorted(maps.Keys(buckets)) {
		b := &batch{pkg: i.pkg, common: p.common, groups: buckets[k]}
		b.names = namesOf(b.leaves())
		out = append(out, b)
	}
	for _, b := range out {
		b.libraries = p.librariesOf(b)
	}
	return out
}

// promote makes leaves that declare an agent of a common file common too,
// until there are none.
func (p *parts) promote() {
	for {
		names := namesOf(p.common)
		touches := func(s *source) bool {
			return slices.ContainsFunc(s.facts.Claims, func(c claim) bool { return names[c.Name] })
		}
		moved := slices.DeleteFunc(slices.Clone(p.leaves), func(s *source) bool { return !touches(s) })
		if len(moved) == 0 {
			return
		}
		p.common = append(p.common, moved...)
		p.leaves = slices.DeleteFunc(p.leaves, touches)
	}
}

// librariesOf returns what the files of a batch import, each once.
func (p *parts) librariesOf(b *batch) []library {
	var out []library
	seen := map[string]bool{}
	for _, src := range slices.Concat(b.common, b.leaves()) {
		for _, lib := range p.libraries[src.entry.Path] {
			if !seen[lib.path] {
				seen[lib.path] = true
				out = append(out, lib)
			}
		}
	}
	slices.SortFunc(out, func(a, b library) int { return strings.Compare(a.path, b.path) })
	return out
}

// namesOf returns the agents that files declare.
func namesOf(sources []*source) map[string]bool {
	names := map[string]bool{}
	for _, s := range sources {
		for _, c := range s.facts.Claims {
			names[c.Name] = true
		}
	}
	return names
}

// claims counts the agents that files declare.
func claims(sources []*source) int {
	n := 0
	for _, s := range sources {
		n += len(s.facts.Claims)
	}
	return n
}

// group puts leaves that declare the same agent into one group, the groups and
// their members in the order of the leaves.
func group(leaves []*source) [][]*source {
	of := make([]int, len(leaves)) // index of the first leaf of the group
	first := map[string]int{}
	var find func(i int) int
	find = func(i int) int {
		if of[i] != i {
			of[i] = find(of[i])
		}
		return of[i]
	}
	for i, s := range leaves {
		of[i] = i
		for _, c := range s.facts.Claims {
			if j, ok := first[c.Name]; ok {
				a, b := find(i), find(j)
				of[max(a, b)] = min(a, b)
			} else {
				first[c.Name] = i
			}
		}
	}
	index := map[int]int{}
	var out [][]*source
	for i, s := range leaves {
		root := find(i)
		n, ok := index[root]
		if !ok {
			n = len(out)
			index[root] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], s)
	}
	return out
}

// bucketCount is a power of two, so that it seldom changes when files come and
// go. Each batch evaluates the agents of the common files again, so that more
// of them make for larger batches.
func bucketCount(groups, common int) uint64 {
	n := uint64(1)
	for uint64(groups) > n*uint64(max(batchGroups, common)) {
		n *= 2
	}
	return n
}

// stableHash places a path.
func stableHash(p string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p)) // a hash takes every write
	// The low bits of FNV differ little between names that end alike.
	s := h.Sum64()
	return s ^ s>>32
}
