package source

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// The modes of a tree, as it writes them.
const (
	octalFile      = "100644"
	octalDirectory = "40000"
)

// written is a new object.
type written struct {
	id plumbing.Hash
	object
}

// fileEdit is a file before and after; a zero id is none.
type fileEdit struct {
	path     string
	old, new plumbing.Hash
	content  []byte
	mode     string
}

// writer makes new trees from those of a store.
type writer struct {
	store   *objects
	objects []written
	edits   []fileEdit
}

// put notes a new object.
func (w *writer) put(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	id := plumbing.ComputeHash(kind, content)
	if !slices.ContainsFunc(w.objects, func(o written) bool { return o.id == id }) {
		w.objects = append(w.objects, written{id, object{kind, content}})
	}
	return id
}

// treeEntry is an entry of a tree object with its mode as it stands: modes of
// old have to come out as they went in.
type treeEntry struct {
	octal, name string
	id          plumbing.Hash
}

func (e treeEntry) directory() bool { return e.octal == octalDirectory || e.octal == "040000" }

// sortName orders entries as git does, directories as if they ended in a slash.
func (e treeEntry) sortName() string {
	if e.directory() {
		return e.name + "/"
	}
	return e.name
}

// tree reads a tree object.
func (w *writer) tree(id plumbing.Hash) ([]treeEntry, error) {
	got, err := w.store.read(id, maxMeta)
	if err != nil {
		return nil, err
	}
	if _, err := parseTree(got.content); err != nil || got.kind != plumbing.TreeObject {
		return nil, named(id, fmt.Errorf("%w: no tree: %w", errCorrupt, err))
	}
	var out []treeEntry
	for raw := got.content; len(raw) > 0; {
		head, rest, _ := bytes.Cut(raw, []byte{0})
		octal, name, _ := bytes.Cut(head, []byte{' '})
		e := treeEntry{octal: string(octal), name: string(name)}
		copy(e.id[:], rest)
		out = append(out, e)
		raw = rest[20:]
	}
	return out, nil
}

// rewrite returns the tree that differs from root in these files alone.
func (w *writer) rewrite(root plumbing.Hash, files map[string][]byte) (plumbing.Hash, error) {
	entries, err := w.tree(root)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if entries, err = w.change(entries, "", files); err != nil {
		return plumbing.ZeroHash, err
	}
	return w.putTree(entries), nil
}

func (w *writer) putTree(entries []treeEntry) plumbing.Hash {
	slices.SortFunc(entries, func(a, b treeEntry) int { return cmp.Compare(a.sortName(), b.sortName()) })
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s\x00", e.octal, e.name)
		b.Write(e.id[:])
	}
	return w.put(plumbing.TreeObject, b.Bytes())
}

// change makes the changes of one directory; the paths are relative to it.
func (w *writer) change(entries []treeEntry, dir string, files map[string][]byte) ([]treeEntry, error) {
	below := map[string]map[string][]byte{}
	var err error
	for _, path := range slices.Sorted(maps.Keys(files)) {
		name, rest, deep := strings.Cut(path, "/")
		if !deep {
			if entries, err = w.file(entries, join(dir, name), name, files[path]); err != nil {
				return nil, err
			}
			continue
		}
		if below[name] == nil {
			below[name] = map[string][]byte{}
		}
		below[name][rest] = files[path]
	}
	for _, name := range slices.Sorted(maps.Keys(below)) {
		if entries, err = w.directory(entries, join(dir, name), name, below[name]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// file changes one file. Its mode stays.
func (w *writer) file(entries []treeEntry, path, name string, content []byte) ([]treeEntry, error) {
	i := slices.IndexFunc(entries, func(e treeEntry) bool { return e.name == name })
	edit := fileEdit{path: path, content: content, mode: octalFile}
	if i >= 0 {
		if !strings.HasPrefix(entries[i].octal, "100") {
			return nil, uncommittable("NotAFile", "commit it with git", "%q is no regular file", path)
		}
		edit.old, edit.mode = entries[i].id, entries[i].octal
	}
	if content == nil {
		if i < 0 {
			return nil, uncommittable("NotAFile", "look at the newest revision", "there is no file %q", path)
		}
		w.edits = append(w.edits, edit)
		return slices.Delete(entries, i, i+1), nil
	}
	edit.new = plumbing.ComputeHash(plumbing.BlobObject, content)
	if edit.new == edit.old {
		return entries, nil
	}
	w.put(plumbing.BlobObject, content)
	w.edits = append(w.edits, edit)
	if i < 0 {
		return append(entries, treeEntry{octalFile, name, edit.new}), nil
	}
	entries[i].id = edit.new
	return entries, nil
}

// directory changes files in a directory, which comes and goes with them.
func (w *writer) directory(entries []treeEntry, path, name string, files map[string][]byte) ([]treeEntry, error) {
	i := slices.IndexFunc(entries, func(e treeEntry) bool { return e.name == name })
	var inner []treeEntry
	if i >= 0 {
		if !entries[i].directory() {
			return nil, uncommittable("NotADirectory", "commit it with git", "%q is no directory", path)
		}
		var err error
		if inner, err = w.tree(entries[i].id); err != nil {
			return nil, err
		}
	}
	inner, err := w.change(inner, path, files)
	switch {
	case err != nil:
		return nil, err
	case len(inner) == 0 && i >= 0:
		return slices.Delete(entries, i, i+1), nil
	case len(inner) == 0:
		return entries, nil
	case i < 0:
		return append(entries, treeEntry{octalDirectory, name, w.putTree(inner)}), nil
	}
	entries[i].id = w.putTree(inner)
	return entries, nil
}

// blobAt returns the id of the file at a path of a tree; zero if there is none.
func (w *writer) blobAt(root plumbing.Hash, path string) (plumbing.Hash, error) {
	for {
		entries, err := w.tree(root)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		name, rest, deep := strings.Cut(path, "/")
		i := slices.IndexFunc(entries, func(e treeEntry) bool { return e.name == name })
		switch {
		case i < 0, deep && !entries[i].directory():
			return plumbing.ZeroHash, nil
		case !deep:
			return entries[i].id, nil
		}
		root, path = entries[i].id, rest
	}
}
