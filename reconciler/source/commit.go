package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Commit is a change of files to be committed on top of a revision.
type Commit struct {
	// Base is the hash of the revision that the files were read from; empty means
	// whatever is the newest.
	Base string
	// Branch is a branch to make, without refs/heads/; empty means the one that is
	// followed.
	Branch string
	// Files are the new contents by path as in Snapshot.Tree; nil takes a file
	// away.
	Files   map[string][]byte
	Message string
	// Author wrote the change, Committer is gatewright.
	Author, Committer Person
	// At is when; zero means now.
	At time.Time
}

// Person is somebody in a commit.
type Person struct{ Name, Email string }

// maxPushes is how often a commit is made anew since somebody pushed meanwhile.
const maxPushes = 6

var (
	// errMoved says that a branch is not where it was seen any more.
	errMoved = errors.New("the branch was pushed to meanwhile")
	// errUncertain says that a push may or may not have happened.
	errUncertain = errors.New("the answer to a push did not come")
)

// Commit commits files on top of the newest state of the branch that is
// followed, and pushes it: never by force, and with everything else as it is. If
// a file is not any more what it was at Base, it changes nothing and says with
// class Conflict who changed it.
//
// It runs no hook of a repository on this machine, so that one which has hooks
// that could refuse a push is not written to.
func (s *Source) Commit(ctx context.Context, c Commit) (Revision, error) {
	if c.At.IsZero() {
		c.At = time.Now()
	}
	if err := s.checkCommit(&c); err != nil {
		return Revision{}, s.fault("commit", err)
	}
	var sent plumbing.Hash
	for try := 1; ; try++ {
		revision, err := s.commitOnce(ctx, c, &sent)
		switch {
		case err == nil:
			return revision, nil
		case errors.Is(err, errUncertain) && try < maxPushes && ctx.Err() == nil:
			// The next look tells whether it happened.
		case !errors.Is(err, errMoved):
			return Revision{}, s.pushFault(err, !sent.IsZero())
		case try == maxPushes:
			e := fault.New(fault.Conflict, "Moved", "others pushed %d times meanwhile", try)
			e.Hint = "try again when there are fewer pushes"
			return Revision{}, s.pushFault(e, false)
		}
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(try) * int64(20*time.Millisecond)))):
		case <-ctx.Done():
			return Revision{}, s.pushFault(context.Cause(ctx), !sent.IsZero())
		}
	}
}

// checkCommit finds what is wrong with a commit itself, and makes the paths
// those of the repository.
func (s *Source) checkCommit(c *Commit) error {
	switch {
	case s.config.Tag != "":
		return uncommittable("NotABranch", "follow a branch", "the tag %q is followed, and a tag does not move", s.config.Tag)
	case len(c.Files) == 0:
		return uncommittable("NothingToCommit", "change a file", "no file is changed")
	case c.Branch != "" && !validRef("refs/heads/"+c.Branch):
		return uncommittable("InvalidBranch", "see git help check-ref-format", "%q is no name that git allows for a branch", printable(c.Branch))
	case c.Base != "" && !fullID.MatchString(c.Base):
		return uncommittable("InvalidBase", "give the full hash of a revision", "the base is no full hash")
	}
	files := make(map[string][]byte, len(c.Files))
	for name, content := range c.Files {
		clean, err := cleanPath(name)
		if err != nil || clean != name || name == "" ||
			slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return !soundName(part) }) {
			return uncommittable("InvalidPath", "write it relative to the specs, with slashes", "%q is no path of a file", printable(name))
		}
		files[join(s.config.Path, name)] = content
	}
	c.Files = files
	return nil
}

// uncommittable is a commit that cannot be made.
func uncommittable(reason, hint, form string, args ...any) error {
	e := fault.New(fault.Stalled, reason, form, args...)
	e.Op, e.Target, e.Hint = "commit", "git", hint
	return e
}

// delivery is what goes to the repository in one push.
type delivery struct {
	ref string
	// old is where ref was seen; zero makes a new one.
	old, new plumbing.Hash
	// objects are new, the commit among them.
	objects []written
	// edits are the files that differ from old's.
	edits  []fileEdit
	commit *gitobject.Commit
}

// commitOnce makes the commit from one look at the repository. Sent is the commit
// whose push was not answered, if there is one.
func (s *Source) commitOnce(ctx context.Context, c Commit, sent *plumbing.Hash) (Revision, error) {
	var revision Revision
	err := s.exclusively(ctx, func(l look) error {
		name, id, err := s.committable(l)
		if err != nil {
			return err
		}
		if err := l.fetch(ctx, id); err != nil {
			return err
		}
		if done, err := s.landed(ctx, l, c, name, *sent); err != nil || done != nil {
			if done != nil {
				revision = *done
			}
			return err
		}
		d, err := s.prepare(ctx, l, c, name, id)
		if err != nil {
			return err
		}
		*sent = d.new
		if err := l.push(ctx, d); err != nil {
			if !errors.Is(err, errUncertain) {
				*sent = plumbing.ZeroHash
			}
			return err
		}
		revision = revisionOf(d.commit, d.ref)
		return nil
	})
	return revision, err
}

// committable returns the branch that is followed.
func (s *Source) committable(l look) (string, plumbing.Hash, error) {
	name, id, err := selectRef(l, s.config)
	if err == nil && !strings.HasPrefix(name, "refs/heads/") {
		err = uncommittable("NotABranch", "configure the branch to follow", "%s is followed, which is no branch", name)
	}
	return name, id, err
}

// landed finds out whether a push that was not answered happened after all.
func (s *Source) landed(ctx context.Context, l look, c Commit, followed string, sent plumbing.Hash) (*Revision, error) {
	if sent.IsZero() {
		return nil, nil //nolint:nilnil // nothing was sent, so that nothing has landed
	}
	ref := followed
	if c.Branch != "" {
		ref = "refs/heads/" + c.Branch
	}
	_, id, err := l.lookup(ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil //nolint:nilnil // the branch was not made
	}
	if err != nil {
		return nil, err
	}
	if id != sent {
		if err := l.fetch(ctx, id); err != nil {
			return nil, err
		}
		if yes, err := l.precedes(ctx, sent, id); err != nil || !yes {
			if errors.Is(err, ErrUnknownRevision) {
				err = nil
			}
			return nil, err
		}
	} else if err := l.fetch(ctx, sent); err != nil {
		return nil, err
	}
	made, err := s.origin.store().commit(sent)
	if err != nil {
		return nil, err
	}
	revision := revisionOf(made, ref)
	return &revision, nil
}

// prepare makes the objects of a commit on top of head.
func (s *Source) prepare(ctx context.Context, l look, c Commit, followed string, head plumbing.Hash) (*delivery, error) {
	d := &delivery{ref: followed, old: head}
	if c.Branch != "" {
		d.ref, d.old = "refs/heads/"+c.Branch, plumbing.ZeroHash
		if _, _, err := l.lookup(d.ref); !errors.Is(err, plumbing.ErrReferenceNotFound) {
			if err == nil {
				err = uncommittable("BranchExists", "choose another name, or delete the branch", "there is a branch %q already", c.Branch)
			}
			return nil, err
		}
	}
	store := s.origin.store()
	parent, err := store.commit(head)
	if err != nil {
		return nil, err
	}
	if err := s.unmoved(ctx, l, c, parent); err != nil {
		return nil, err
	}
	w := &writer{store: store}
	tree, err := w.rewrite(parent.TreeHash, c.Files)
	if err != nil {
		return nil, err
	}
	if tree == parent.TreeHash {
		return nil, uncommittable("NothingToCommit", "look at the newest revision", "the files are so already")
	}
	d.new = w.put(plumbing.CommitObject, commitText(c, tree, parent.Hash))
	d.objects, d.edits = w.objects, w.edits
	d.commit = new(gitobject.Commit)
	if err := d.commit.Decode(memory(w.objects[len(w.objects)-1].object)); err != nil {
		return nil, fmt.Errorf("make commit: %w", err)
	}
	d.commit.Hash = d.new
	return d, nil
}

// commitText is the content of a commit object.
func commitText(c Commit, tree, parent plumbing.Hash) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\nparent %s\n", tree, parent)
	when := fmt.Sprintf("%d %s", c.At.Unix(), c.At.Format("-0700"))
	author := c.Author
	if author == (Person{}) {
		author = c.Committer
	}
	fmt.Fprintf(&b, "author %s %s\ncommitter %s %s\n\n", author, when, c.Committer, when)
	b.WriteString(strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(c.Message, "\uFFFD"), "\x00", "")) + "\n")
	return []byte(b.String())
}

// String is a person as git writes one: what would end a name is left out.
func (p Person) String() string {
	clean := func(s string) string {
		return strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r == '<' || r == '>' {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, "")))
	}
	name := clean(p.Name)
	if name == "" {
		name = "unknown"
	}
	return name + " <" + strings.ReplaceAll(clean(p.Email), " ", "") + ">"
}

// paths are the files of a commit, sorted.
func (c Commit) paths() []string { return slices.Sorted(maps.Keys(c.Files)) }
