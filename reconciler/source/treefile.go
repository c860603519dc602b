package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/gatewright/gatewright/schema"
)

// modeDirectory is a mode of nodes, never of a schema.Entry.
const modeDirectory schema.Mode = "directory"

// parseTree decodes a tree object: octal mode, space, name, NUL, 20 bytes of
// id, over and over.
func parseTree(raw []byte) ([]nodeEntry, error) {
	entries := make([]nodeEntry, 0, bytes.Count(raw, []byte{0}))
	for len(raw) > 0 {
		head, rest, ok := bytes.Cut(raw, []byte{0})
		octal, name, named := bytes.Cut(head, []byte{' '})
		if !ok || !named || len(name) == 0 || len(rest) < 20 {
			return nil, fmt.Errorf("%w: malformed tree", errCorrupt)
		}
		bits, err := strconv.ParseUint(string(octal), 8, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: malformed mode in a tree", errCorrupt)
		}
		e := nodeEntry{name: string(name), mode: modeOf(bits)}
		copy(e.id[:], rest)
		entries = append(entries, e)
		raw = rest[20:]
	}
	slices.SortFunc(entries, func(a, b nodeEntry) int { return cmp.Compare(a.sortName(), b.sortName()) })
	for i := 1; i < len(entries); i++ {
		if entries[i].name == entries[i-1].name {
			return nil, fmt.Errorf("%w: a tree names %q twice", errCorrupt, entries[i].name)
		}
	}
	return entries, nil
}

// sortName orders directories as if they ended in a slash, which orders whole
// paths by their bytes.
func (e nodeEntry) sortName() string {
	if e.mode == modeDirectory {
		return e.name + "/"
	}
	return e.name
}

// modeOf maps a git mode. Git knows no others than these, and takes any
// permission bits of old for a regular file.
func modeOf(bits uint64) schema.Mode {
	switch bits & 0o170000 {
	case 0o040000:
		return modeDirectory
	case 0o100000:
		return schema.ModeRegular
	case 0o120000:
		return schema.ModeSymlink
	case 0o160000:
		return schema.ModeSubmodule
	default:
		return schema.ModeOther
	}
}

// list returns the files below n, sorted by path. What has a name that no
// checkout would make is listed as ModeOther, and not read.
func (n *node) list(read func(plumbing.Hash, int64) func() ([]byte, error)) schema.Tree {
	tree := make(schema.Tree, 0, n.files)
	var walk func(n *node, prefix string, sound bool)
	walk = func(n *node, prefix string, sound bool) {
		for _, e := range n.entries {
			sound := sound && soundName(e.name)
			if e.dir != nil {
				walk(e.dir, prefix+e.name+"/", sound)
				continue
			}
			entry := schema.Entry{Path: prefix + e.name, Mode: e.mode, Size: e.size, Digest: e.id.String()}
			switch {
			case !sound:
				entry.Mode, entry.Read = schema.ModeOther, unreadable("a file with such a name")
			case e.mode == schema.ModeSubmodule:
				entry.Read = unreadable("a submodule")
			default:
				entry.Read = read(e.id, e.size)
			}
			tree = append(tree, entry)
		}
	}
	walk(n, "", true)
	return tree
}

func unreadable(what string) func() ([]byte, error) {
	return func() ([]byte, error) { return nil, fmt.Errorf("%s is not read: %w", what, errors.ErrUnsupported) }
}

// soundName reports whether a file of a tree has a name that git would check
// out: one path element of UTF-8, and nothing of git's own.
func soundName(name string) bool {
	return name != "." && name != ".." && !strings.EqualFold(name, ".git") &&
		!strings.Contains(name, "/") && utf8.ValidString(name)
}
