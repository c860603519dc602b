package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/gatewright/gatewright/schema"
)

// Source follows one ref of one repository. Its methods are safe for
// concurrent use; they take turns.
type Source struct {
	config   Config
	location location
	origin   origin
	// turn holds the one token of whoever is at work.
	turn   chan struct{}
	closed bool
	forest *forest
	// trees are the last few listings, by the id of their directory.
	trees map[plumbing.Hash]schema.Tree
	// last is the newest snapshot of the configured ref, and lastID the id
	// that the ref had: of a tag, if it is an annotated one.
	last   *Snapshot
	lastID plumbing.Hash
}

// origin is where commits come from.
type origin interface {
	// look opens one look at the repository as it is now.
	look(ctx context.Context) (look, error)
	// objects is the store of what is there; it stays the same one.
	store() *objects
	close() error
}

// look is one look at a repository; its owner closes it.
type look interface {
	refs
	// fetch makes sure that a commit and its files are in the store.
	fetch(ctx context.Context, id plumbing.Hash) error
	// fetchAll makes sure that everything is that branches and tags reach.
	fetchAll(ctx context.Context) error
	// shallow returns the commits whose parents are not in the store.
	shallow() (map[plumbing.Hash]bool, error)
	// precedes is isAncestor, in the cheapest way that there is.
	precedes(ctx context.Context, old, child plumbing.Hash) (bool, error)
	// push moves a branch, if it stands where it was seen; else errMoved.
	push(ctx context.Context, d *delivery) error
	close() error
}

// Open prepares to read from a repository. It fails when the configuration is
// wrong, and when a repository on this machine cannot be read; a remote one is
// not talked to yet.
func Open(ctx context.Context, c Config) (*Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := c.normalize(); err != nil {
		return nil, err
	}
	loc, err := parseLocation(c.Repository)
	if err != nil {
		return nil, err
	}
	s := &Source{config: c, location: loc, turn: make(chan struct{}, 1), trees: map[plumbing.Hash]schema.Tree{}}
	if loc.local() {
		s.origin, err = openDisk(loc.path)
	} else {
		s.origin, err = openRemote(loc, c)
	}
	if err != nil {
		return nil, s.fault("open repository", err)
	}
	s.forest = newForest(s.origin.store(), c.Limits)
	return s, nil
}

// Snapshot returns the newest state of the configured ref.
func (s *Source) Snapshot(ctx context.Context) (Snapshot, error) {
	var snap Snapshot
	err := s.exclusively(ctx, func(l look) error {
		name, id, err := selectRef(l, s.config)
		if err != nil {
			return err
		}
		if s.last != nil && s.lastID == id && s.last.Revision.Ref == name {
			snap = *s.last
			return nil
		}
		if err := l.fetch(ctx, id); err != nil {
			return err
		}
		if snap, err = s.snapshot(id, name); err != nil {
			return err
		}
		s.last, s.lastID = &snap, id
		return nil
	})
	if err != nil {
		return Snapshot{}, s.fault("read", err)
	}
	return snap, nil
}

// At returns the state at a revision, which may be anything that git rev-parse
// takes for a commit, but no reflog and no upstream. The ref of the Revision is
// set if the revision is the name of one.
func (s *Source) At(ctx context.Context, revision string) (Snapshot, error) {
	var snap Snapshot
	err := s.exclusively(ctx, func(l look) error {
		id, ref, err := s.locate(ctx, l, revision)
		if err != nil {
			return err
		}
		if err := l.fetch(ctx, id); err != nil {
			return err
		}
		snap, err = s.snapshot(id, ref)
		return err
	})
	if err != nil {
		return Snapshot{}, s.fault("read revision "+printable(revision), err)
	}
	return snap, nil
}

// IsAncestor reports whether old is child or one of the commits before it. When
// it is not, child was pushed by force. The error is ErrUnknownRevision when
// one of them is not there, and ErrShallow when the history ends too early to
// tell.
func (s *Source) IsAncestor(ctx context.Context, old, child string) (bool, error) {
	var yes bool
	err := s.exclusively(ctx, func(l look) error {
		to, _, err := s.locate(ctx, l, child)
		if err != nil {
			return fmt.Errorf("%s: %w", printable(child), err)
		}
		if fullID.MatchString(old) {
			yes, err = l.precedes(ctx, plumbing.NewHash(old), to)
			return err
		}
		from, _, err := s.locate(ctx, l, old)
		if err != nil {
			return fmt.Errorf("%s: %w", printable(old), err)
		}
		yes, err = l.precedes(ctx, from, to)
		return err
	})
	if err != nil {
		return false, s.fault("compare revisions", err)
	}
	return yes, nil
}

// Close ends all use of the repository. Files of snapshots can no longer be
// read. It may be called more than once.
func (s *Source) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.origin.close()
}

// errClosed says that the Source was closed.
var errClosed = errors.New("the source is closed")

// exclusively runs one job on one look at the repository. The job runs twice
// when objects vanish under it, since a force-push and a gc may have met it.
func (s *Source) exclusively(ctx context.Context, job func(look) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.closed {
		return errClosed
	}
	err := s.looking(ctx, job)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		err = s.looking(ctx, job)
	}
	return err
}

func (s *Source) looking(ctx context.Context, job func(look) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, errTimeout)
	defer cancel()
	l, err := s.origin.look(ctx)
	if err != nil {
		return because(ctx, err)
	}
	if err = job(l); err != nil {
		_ = l.close() // it says less than err
		return because(ctx, err)
	}
	return l.close()
}

// locate resolves a revision, and asks a remote for its whole history before
// it says that there is none.
func (s *Source) locate(ctx context.Context, l look, revision string) (plumbing.Hash, string, error) {
	id, ref, err := s.locateHere(ctx, l, revision)
	if !errors.Is(err, ErrUnknownRevision) && !errors.Is(err, ErrShallow) && !errors.Is(err, plumbing.ErrObjectNotFound) {
		return id, ref, err
	}
	if err := l.fetchAll(ctx); err != nil {
		return plumbing.ZeroHash, "", err
	}
	return s.locateHere(ctx, l, revision)
}

func (s *Source) locateHere(ctx context.Context, l look, revision string) (plumbing.Hash, string, error) {
	shallow, err := l.shallow()
	if err != nil {
		return plumbing.ZeroHash, "", err
	}
	h := history{refs: l, objects: s.origin.store(), shallow: shallow}
	if _, id, err := h.base(revision); err == nil && id != "" {
		// A plain name: fetch what it names alone, not all the history.
		if _, at, err := l.lookup(id); err == nil {
			if err := l.fetch(ctx, at); err != nil {
				return plumbing.ZeroHash, "", err
			}
		}
	}
	c, ref, err := h.resolve(ctx, revision)
	if err != nil {
		return plumbing.ZeroHash, "", err
	}
	return c.Hash, ref, nil
}

// snapshot lists the specs at a commit or tag that is in the store.
func (s *Source) snapshot(id plumbing.Hash, ref string) (Snapshot, error) {
	c, err := s.origin.store().commit(id)
	if err != nil {
		return Snapshot{}, err
	}
	root, err := s.forest.at(c.TreeHash, s.config.Path)
	if err != nil {
		return Snapshot{}, err
	}
	tree, ok := s.trees[root.id]
	if !ok {
		tree = root.list(s.reader)
		if len(s.trees) >= maxTrees {
			clear(s.trees)
		}
		s.trees[root.id] = tree
		s.forest.trim(root)
	}
	return Snapshot{Revision: revisionOf(c, ref), Tree: tree}, nil
}

// maxTrees is how many listings are kept: the newest and what it is compared
// with.
const maxTrees = 4

// reader returns the Read of an Entry.
func (s *Source) reader(id plumbing.Hash, size int64) func() ([]byte, error) {
	return func() ([]byte, error) {
		if size > s.config.Limits.FileSize {
			return nil, s.fault("read file", fmt.Errorf("%w: %d bytes, and %d are allowed", errTooLarge, size, s.config.Limits.FileSize))
		}
		got, err := s.origin.store().read(id, s.config.Limits.FileSize)
		if err == nil && got.kind != plumbing.BlobObject {
			err = named(id, fmt.Errorf("%w: a %s where a file should be", errCorrupt, got.kind))
		}
		if err != nil {
			return nil, s.fault("read file", err)
		}
		return got.content, nil
	}
}
