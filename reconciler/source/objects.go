package source

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
)

// errCorrupt says that an object or a ref is there and cannot be right.
var errCorrupt = errors.New("the repository is damaged")

// errTooLarge says that an object is larger than is read.
var errTooLarge = errors.New("too large")

// maxMeta bounds commits, tags and trees: a tree of 100 000 files has 5 MB.
const maxMeta = 64 << 20

// maxTags bounds how many tags may point at one another.
const maxTags = 10

// objects is the store that snapshots read from. It is safe for concurrent
// use, and outlives gc and repack of the repository below it.
type objects struct {
	mu    sync.Mutex
	depot *depot
}

// size returns the size of an object without reading it.
func (o *objects) size(id plumbing.Hash) (size int64, err error) {
	err = o.retry(func(d *depot) error {
		size, err = d.size(id)
		return err
	})
	return size, named(id, err)
}

// read returns the content of an object, whatever its kind, unless it is larger
// than limit.
func (o *objects) read(id plumbing.Hash, limit int64) (got object, err error) {
	err = o.retry(func(d *depot) error {
		size, err := d.size(id)
		if err != nil {
			return err
		}
		if size > limit {
			return fmt.Errorf("%w: %d bytes, and %d are allowed", errTooLarge, size, limit)
		}
		if got, err = d.read(id); err != nil {
			return err
		}
		if plumbing.ComputeHash(got.kind, got.content) != id {
			return fmt.Errorf("%w: the content does not have this id", errCorrupt)
		}
		return nil
	})
	return got, named(id, err)
}

// retry tries once more with the packs as they are now: git may have repacked
// what was about to be read.
func (o *objects) retry(try func(*depot) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := try(o.depot)
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, errTooLarge) {
		return err
	}
	if again := o.depot.refresh(); again != nil {
		return errors.Join(err, again)
	}
	return try(o.depot)
}

func named(id plumbing.Hash, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, plumbing.ErrObjectNotFound), errors.Is(err, errCorrupt),
		errors.Is(err, errTooLarge), errors.Is(err, fs.ErrPermission):
	default:
		err = fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return fmt.Errorf("object %s: %w", id, err)
}

// has reports whether an object is there.
func (o *objects) has(id plumbing.Hash) bool {
	_, err := o.size(id)
	return err == nil
}

// peel follows annotated tags to what they are about.
func (o *objects) peel(id plumbing.Hash) (plumbing.Hash, object, error) {
	for range maxTags {
		got, err := o.read(id, maxMeta)
		if err != nil || got.kind != plumbing.TagObject {
			return id, got, err
		}
		var tag gitobject.Tag
		if err := tag.Decode(memory(got)); err != nil {
			return id, object{}, named(id, fmt.Errorf("%w: %w", errCorrupt, err))
		}
		id = tag.Target
	}
	return id, object{}, named(id, fmt.Errorf("%w: more than %d tags point at one another", errCorrupt, maxTags))
}

// errNotCommit says that a name leads to a file or a directory.
var errNotCommit = errors.New("not a commit")

// commit reads a commit, through annotated tags.
func (o *objects) commit(id plumbing.Hash) (*gitobject.Commit, error) {
	id, got, err := o.peel(id)
	if err != nil {
		return nil, err
	}
	if got.kind != plumbing.CommitObject {
		return nil, fmt.Errorf("%s is a %s, %w", id, got.kind, errNotCommit)
	}
	c := new(gitobject.Commit)
	if err := c.Decode(memory(got)); err != nil {
		return nil, named(id, fmt.Errorf("%w: %w", errCorrupt, err))
	}
	c.Hash = id
	return c, nil
}

// memory wraps content for go-git's decoders.
func memory(o object) *plumbing.MemoryObject {
	m := new(plumbing.MemoryObject)
	m.SetType(o.kind)
	_, _ = m.Write(o.content) // it cannot fail
	return m
}

// withPrefix returns the ids of commits and tags that begin with hexadecimal
// digits, in lower case.
func (o *objects) withPrefix(prefix string) ([]plumbing.Hash, error) {
	o.mu.Lock()
	found, err := o.depot.withPrefix(prefix)
	o.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var out []plumbing.Hash
	for id := range found {
		got, err := o.read(id, maxMeta)
		if errors.Is(err, errTooLarge) {
			continue // no commit is that large
		}
		if err != nil {
			return nil, err
		}
		if got.kind == plumbing.CommitObject || got.kind == plumbing.TagObject {
			out = append(out, id)
		}
	}
	return out, nil
}
