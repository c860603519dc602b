package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/gatewright/gatewright/schema"
)

// maxDepth bounds directories in directories.
const maxDepth = 256

// errTooMany says that a snapshot passes Limits.Files.
var errTooMany = errors.New("too many files")

// node is one directory, as git keeps it: the same id is the same content, so
// a node is read once however often and wherever it stands.
type node struct {
	id      plumbing.Hash
	entries []nodeEntry
	// files counts the entries below, repetitions included.
	files int
}

type nodeEntry struct {
	name string
	mode schema.Mode
	id   plumbing.Hash
	size int64
	// dir is set for a directory only.
	dir *node
}

// forest keeps the nodes of recent snapshots, so that what did not change is
// not read again. It is not safe for concurrent use.
type forest struct {
	objects *objects
	limits  Limits
	nodes   map[plumbing.Hash]*node
	// sizes are those of the files in nodes.
	sizes map[plumbing.Hash]int64
}

func newForest(o *objects, limits Limits) *forest {
	return &forest{objects: o, limits: limits, nodes: map[plumbing.Hash]*node{}, sizes: map[plumbing.Hash]int64{}}
}

// load returns the directory with an id.
func (f *forest) load(id plumbing.Hash) (*node, error) { return f.loadAt(id, 0) }

// at returns the directory at a path below a root, without loading what is
// beside it.
func (f *forest) at(root plumbing.Hash, path string) (*node, error) {
	if path == "" {
		return f.load(root)
	}
	for part := range strings.SplitSeq(path, "/") {
		got, err := f.objects.read(root, maxMeta)
		if err != nil {
			return nil, err
		}
		entries, err := parseTree(got.content)
		if err != nil {
			return nil, named(root, err)
		}
		i := slices.IndexFunc(entries, func(e nodeEntry) bool { return e.name == part })
		if i < 0 || entries[i].mode != modeDirectory {
			return nil, newMissingPath(path, part, entries, i)
		}
		root = entries[i].id
	}
	return f.load(root)
}

func (f *forest) loadAt(id plumbing.Hash, depth int) (*node, error) {
	if n := f.nodes[id]; n != nil {
		return n, nil
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: directories are nested more than %d deep", errTooMany, maxDepth)
	}
	got, err := f.objects.read(id, maxMeta)
	if err != nil {
		return nil, err
	}
	if got.kind != plumbing.TreeObject {
		return nil, named(id, fmt.Errorf("%w: a %s where a tree should be", errCorrupt, got.kind))
	}
	n := &node{id: id}
	if n.entries, err = parseTree(got.content); err != nil {
		return nil, named(id, err)
	}
	for i := range n.entries {
		if err := f.fill(n, &n.entries[i], depth); err != nil {
			return nil, err
		}
	}
	f.nodes[id] = n
	return n, nil
}

func (f *forest) fill(n *node, e *nodeEntry, depth int) (err error) {
	switch e.mode {
	case modeDirectory:
		if e.dir, err = f.loadAt(e.id, depth+1); err != nil {
			return err
		}
		n.files += e.dir.files
	case schema.ModeSubmodule:
		n.files++
	default:
		n.files++
		if e.size, err = f.size(e.id); err != nil {
			return err
		}
	}
	if n.files > f.limits.Files {
		return fmt.Errorf("%w: more than %d", errTooMany, f.limits.Files)
	}
	return nil
}

func (f *forest) size(id plumbing.Hash) (int64, error) {
	if size, ok := f.sizes[id]; ok {
		return size, nil
	}
	size, err := f.objects.size(id)
	if err == nil {
		f.sizes[id] = size
	}
	return size, err
}

// trim forgets what is not below root once enough of that has come together.
func (f *forest) trim(root *node) {
	if len(f.sizes)+len(f.nodes) < 4*(root.files+1000) {
		return
	}
	f.nodes, f.sizes = map[plumbing.Hash]*node{}, map[plumbing.Hash]int64{}
	var keep func(*node)
	keep = func(n *node) {
		if f.nodes[n.id] != nil {
			return
		}
		f.nodes[n.id] = n
		for _, e := range n.entries {
			if e.dir != nil {
				keep(e.dir)
			} else if e.mode != schema.ModeSubmodule {
				f.sizes[e.id] = e.size
			}
		}
	}
	keep(root)
}
