package source

import (
	"container/heap"
	"context"

	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
)

// walk visits from and everything before it, the newest first, until visit says
// no. It reports whether history was cut off on the way.
func (h history) walk(ctx context.Context, from *gitobject.Commit, visit func(*gitobject.Commit) bool) (cut bool, err error) {
	queue := &newest{from}
	seen := map[plumbing.Hash]bool{from.Hash: true}
	for queue.Len() > 0 {
		if err := ctx.Err(); err != nil {
			return cut, context.Cause(ctx)
		}
		c, _ := heap.Pop(queue).(*gitobject.Commit)
		if !visit(c) {
			return cut, nil
		}
		if h.shallow[c.Hash] {
			cut = cut || len(c.ParentHashes) > 0
			continue
		}
		for _, id := range c.ParentHashes {
			if seen[id] {
				continue
			}
			seen[id] = true
			parent, err := h.objects.commit(id)
			if err != nil {
				return cut, err
			}
			heap.Push(queue, parent)
		}
	}
	return cut, nil
}

// isAncestor reports whether old is child or before it.
func (h history) isAncestor(ctx context.Context, old plumbing.Hash, child *gitobject.Commit) (bool, error) {
	found := false
	cut, err := h.walk(ctx, child, func(c *gitobject.Commit) bool {
		found = c.Hash == old
		for _, id := range c.ParentHashes {
			// A parent that was cut off is named all the same.
			found = found || id == old
		}
		return !found
	})
	switch {
	case err != nil || found:
		return found && err == nil, err
	case cut:
		return false, ErrShallow
	default:
		return false, nil
	}
}

// newest is a heap of commits by the time they were committed.
type newest []*gitobject.Commit

// Len implements sort.Interface.
func (n *newest) Len() int { return len(*n) }

// Less implements sort.Interface.
func (n *newest) Less(i, j int) bool {
	return (*n)[i].Committer.When.After((*n)[j].Committer.When)
}

// Swap implements sort.Interface.
func (n *newest) Swap(i, j int) { (*n)[i], (*n)[j] = (*n)[j], (*n)[i] }

// Push implements heap.Interface.
func (n *newest) Push(x any) {
	c, _ := x.(*gitobject.Commit)
	*n = append(*n, c)
}

// Pop implements heap.Interface.
func (n *newest) Pop() any {
	last := (*n)[len(*n)-1]
	*n = (*n)[:len(*n)-1]
	return last
}
