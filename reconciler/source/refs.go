package source

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// refs are the names that a repository has.
type refs interface {
	// lookup returns the id behind a full name, following symbolic refs, and
	// the name that it ended at. A name that is not there is
	// plumbing.ErrReferenceNotFound.
	lookup(name string) (string, plumbing.Hash, error)
	// names lists all names, sorted.
	names() ([]string, error)
}

// maxSymbolic is git's own bound on symbolic refs that point at one another.
const maxSymbolic = 5

// diskRefs are those of a repository on this machine.
type diskRefs struct{ storage *filesystem.Storage }

func (d diskRefs) lookup(name string) (string, plumbing.Hash, error) {
	for range maxSymbolic {
		ref, err := d.storage.Reference(plumbing.ReferenceName(name))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dotgit.ErrIsDir) {
			err = plumbing.ErrReferenceNotFound
		}
		if err != nil && !errors.Is(err, plumbing.ErrReferenceNotFound) && !errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: %s: %w", errCorrupt, name, err) // as an empty file after a crash
		}
		if err != nil {
			return name, plumbing.ZeroHash, err
		}
		if ref.Type() == plumbing.HashReference {
			if ref.Hash().IsZero() {
				return name, plumbing.ZeroHash, fmt.Errorf("%w: %s holds no commit id", errCorrupt, name)
			}
			return name, ref.Hash(), nil
		}
		if name = ref.Target().String(); !validRef(name) {
			return name, plumbing.ZeroHash, fmt.Errorf("%w: a symbolic ref leads to %q", errCorrupt, name)
		}
	}
	return name, plumbing.ZeroHash, fmt.Errorf("%w: symbolic refs lead in a circle", errCorrupt)
}

func (d diskRefs) names() ([]string, error) {
	iter, err := d.storage.IterReferences()
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var out []string
	err = iter.ForEach(func(r *plumbing.Reference) error {
		out = append(out, r.Name().String())
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// mapRefs are those that a remote advertised.
type mapRefs struct {
	ids map[string]plumbing.Hash
	// head is where HEAD leads; empty if it is detached or not told.
	head string
}

func (m mapRefs) lookup(name string) (string, plumbing.Hash, error) {
	if name == "HEAD" && m.head != "" {
		name = m.head
	}
	if id, ok := m.ids[name]; ok {
		return name, id, nil
	}
	return name, plumbing.ZeroHash, plumbing.ErrReferenceNotFound
}

func (m mapRefs) names() ([]string, error) { //nolint:unparam // refs on disk can fail
	out := make([]string, 0, len(m.ids))
	for name := range m.ids {
		out = append(out, name)
	}
	slices.Sort(out)
	return out, nil
}

// validRef reports whether git allows a full name of a ref, by the rules of
// git check-ref-format. It keeps names inside the refs directory.
func validRef(name string) bool {
	if name == "HEAD" {
		return true
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }) ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") || !strings.HasPrefix(name, "refs/") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// selectRef returns the configured ref.
func selectRef(r refs, c Config) (string, plumbing.Hash, error) {
	want, dir := "HEAD", "refs/heads/"
	switch {
	case c.Branch != "":
		want = dir + c.Branch
	case c.Tag != "":
		dir = "refs/tags/"
		want = dir + c.Tag
	}
	name, id, err := r.lookup(want)
	if !errors.Is(err, plumbing.ErrReferenceNotFound) {
		return name, id, err
	}
	missing := &missingRefError{name: name, unborn: want == "HEAD"}
	names, err := r.names()
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: list refs: %w", errCorrupt, err)
	}
	if err != nil {
		return name, plumbing.ZeroHash, err
	}
	missing.unborn = missing.unborn || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "refs/") })
	for _, n := range names {
		if short, ok := strings.CutPrefix(n, dir); ok {
			missing.others = append(missing.others, short)
		}
	}
	return name, plumbing.ZeroHash, missing
}
