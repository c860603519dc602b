package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// maxBlame bounds how many commits are looked through for who changed a file.
const maxBlame = 2000

// unmoved refuses a commit whose files changed between its base and head.
func (s *Source) unmoved(ctx context.Context, l look, c Commit, head *gitobject.Commit) error {
	if c.Base == "" || plumbing.NewHash(c.Base) == head.Hash {
		return nil
	}
	base, err := s.origin.store().commit(plumbing.NewHash(c.Base))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		var id plumbing.Hash
		if id, _, err = s.locate(ctx, l, c.Base); err == nil {
			base, err = s.origin.store().commit(id)
		}
	}
	if err != nil {
		return fmt.Errorf("base %s: %w", c.Base, err)
	}
	w := &writer{store: s.origin.store()}
	for _, path := range c.paths() {
		was, err := w.blobAt(base.TreeHash, path)
		if err != nil {
			return err
		}
		is, err := w.blobAt(head.TreeHash, path)
		if err != nil {
			return err
		}
		if was != is {
			return s.changedBy(ctx, l, path, base, head)
		}
	}
	return nil
}

// changedBy says who changed a file since base, if that can be found out.
func (s *Source) changedBy(ctx context.Context, l look, path string, base, head *gitobject.Commit) error {
	by := "somebody"
	if c := s.lastChange(ctx, l, path, base, head); c != nil {
		r := revisionOf(c, "")
		by = fmt.Sprintf("%s in commit %s", r.Author, r.Hash[:12])
	}
	e := fault.New(fault.Conflict, "Moved", "%s was changed since revision %s by %s", path, base.Hash.String()[:12], by)
	e.Hint = "look at the file as it is now, and make the change again"
	return e
}

// lastChange finds the newest commit up to head that changed a file; nil if it
// cannot be found out.
func (s *Source) lastChange(ctx context.Context, l look, path string, base, head *gitobject.Commit) *gitobject.Commit {
	if err := l.fetchAll(ctx); err != nil {
		return nil // what it is for has an answer without it
	}
	shallow, err := l.shallow()
	if err != nil {
		return nil
	}
	w := &writer{store: s.origin.store()}
	h := history{refs: l, objects: s.origin.store(), shallow: shallow}
	var found *gitobject.Commit
	left := maxBlame
	_, err = h.walk(ctx, head, func(c *gitobject.Commit) bool {
		left--
		if c.Hash == base.Hash || left == 0 {
			return left > 0
		}
		if s.changes(w, path, c) {
			found = c
		}
		return found == nil
	})
	if err != nil {
		return nil
	}
	return found
}

// changes reports whether a commit changed a file against all of its parents.
func (s *Source) changes(w *writer, path string, c *gitobject.Commit) bool {
	is, err := w.blobAt(c.TreeHash, path)
	if err != nil {
		return false
	}
	for _, id := range c.ParentHashes {
		parent, err := s.origin.store().commit(id)
		if err != nil {
			return false
		}
		if was, err := w.blobAt(parent.TreeHash, path); err != nil || was == is {
			return false
		}
	}
	return true
}
