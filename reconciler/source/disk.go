package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
)

// disk is a repository on this machine.
type disk struct {
	layout  layout
	objects *objects
	names   diskRefs
}

func openDisk(path string) (*disk, error) {
	l, err := discover(path)
	if err != nil {
		return nil, err
	}
	return openLayout(l)
}

func openLayout(l layout) (*disk, error) {
	st := l.storage()
	if err := checkFormat(st); err != nil {
		return nil, err
	}
	depot, err := openDepot(filepath.Join(l.common, "objects"))
	if err != nil {
		return nil, err
	}
	return &disk{layout: l, objects: &objects{depot: depot}, names: diskRefs{st}}, nil
}

func (d *disk) store() *objects { return d.objects }

func (d *disk) close() error {
	d.objects.mu.Lock()
	defer d.objects.mu.Unlock()
	return d.objects.depot.close()
}

func (d *disk) look(context.Context) (look, error) { return diskLook{d.names, d}, nil }

// diskLook reads names as they are at each call: git replaces the files of
// refs whole.
type diskLook struct {
	diskRefs
	disk *disk
}

func (diskLook) fetch(context.Context, plumbing.Hash) error { return nil }

func (diskLook) fetchAll(context.Context) error { return nil }

func (diskLook) close() error { return nil }

func (l diskLook) shallow() (map[plumbing.Hash]bool, error) {
	ids, err := l.storage.Shallow()
	if err != nil {
		return nil, fmt.Errorf("read shallow: %w", err)
	}
	out := make(map[plumbing.Hash]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

func (l diskLook) precedes(ctx context.Context, old, child plumbing.Hash) (bool, error) {
	shallow, err := l.shallow()
	if err != nil {
		return false, err
	}
	return precedes(ctx, history{l, l.disk.objects, shallow}, old, child)
}

// precedes compares two commits within what is in the store.
func precedes(ctx context.Context, h history, old, child plumbing.Hash) (bool, error) {
	c, err := h.objects.commit(child)
	if err != nil {
		return false, err
	}
	yes, err := h.isAncestor(ctx, old, c)
	if yes || errors.Is(err, ErrShallow) && h.objects.has(old) {
		return yes, err
	}
	// An old commit that is not there at all is told apart from one that is
	// there and unrelated.
	if err != nil && !errors.Is(err, ErrShallow) {
		return false, err
	}
	if _, missing := h.objects.commit(old); missing != nil {
		if errors.Is(missing, plumbing.ErrObjectNotFound) {
			missing = fmt.Errorf("%s: %w", old, ErrUnknownRevision)
		}
		return false, missing
	}
	return false, err
}
