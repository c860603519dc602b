package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
)

// ErrUnknownRevision says that the repository has no such revision.
var ErrUnknownRevision = errors.New("unknown revision")

// ErrShallow says that the history ends before the question could be answered,
// because the repository is a shallow clone.
var ErrShallow = errors.New("the history is cut off: the repository is shallow")

// errAmbiguous says that an abbreviated id fits several commits.
var errAmbiguous = errors.New("ambiguous revision")

// errNotSupported says that git knows such a revision and we do not.
var errNotSupported = errors.New("this form of a revision is not supported")

// history is what commits can be found in.
type history struct {
	refs    refs
	objects *objects
	// shallow are the commits whose parents were cut off.
	shallow map[plumbing.Hash]bool
}

var (
	fullID    = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)
	shortID   = regexp.MustCompile(`^[0-9a-fA-F]{4,39}$`)
	described = regexp.MustCompile(`-g([0-9a-f]{4,40})$`)
	pseudoRef = regexp.MustCompile(`^(ORIG|MERGE|CHERRY_PICK|REVERT|BISECT)_HEAD$`)
)

// resolve returns the commit that a revision names, and the full name of the
// ref that it begins with, if it does. It takes what git rev-parse takes:
// names, ids and abbreviated ids, the output of git describe, and behind them
// ~, ~3, ^, ^2, ^{}, ^{commit} and ^{/text}; no reflogs and no upstreams.
func (h history) resolve(ctx context.Context, revision string) (*gitobject.Commit, string, error) {
	base, steps := revision, ""
	if i := strings.IndexAny(revision, "^~"); i >= 0 {
		base, steps = revision[:i], revision[i:]
	}
	if strings.HasPrefix(base, ":") || strings.Contains(base, "@{") {
		return nil, "", errNotSupported
	}
	id, ref, err := h.base(base)
	if err != nil {
		return nil, "", err
	}
	c, err := h.objects.commit(id)
	if errors.Is(err, plumbing.ErrObjectNotFound) && ref == "" {
		err = ErrUnknownRevision
	}
	for err == nil && steps != "" {
		c, steps, err = h.step(ctx, c, steps)
		ref = ""
	}
	return c, ref, err
}

// base resolves a name or an id, in git's order: a full id, a ref, the output
// of git describe, an abbreviated id.
func (h history) base(base string) (plumbing.Hash, string, error) {
	if base == "" {
		return plumbing.ZeroHash, "", ErrUnknownRevision
	}
	if base == "@" {
		base = "HEAD"
	}
	if fullID.MatchString(base) {
		return plumbing.NewHash(base), "", nil
	}
	for _, rule := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"} {
		name := fmt.Sprintf(rule, base)
		if !validRef(name) && !pseudoRef.MatchString(name) {
			continue
		}
		full, id, err := h.refs.lookup(name)
		if !errors.Is(err, plumbing.ErrReferenceNotFound) {
			return id, full, err
		}
	}
	if m := described.FindStringSubmatch(base); m != nil {
		base = m[1]
	}
	if !shortID.MatchString(base) {
		return plumbing.ZeroHash, "", ErrUnknownRevision
	}
	found, err := h.objects.withPrefix(strings.ToLower(base))
	switch {
	case err != nil:
		return plumbing.ZeroHash, "", err
	case len(found) == 0:
		return plumbing.ZeroHash, "", ErrUnknownRevision
	case len(found) > 1:
		return plumbing.ZeroHash, "", fmt.Errorf("%w: %d commits begin with %s", errAmbiguous, len(found), base)
	}
	return found[0], "", nil
}

// step takes one ~n, ^n or ^{…} off the front of steps.
func (h history) step(ctx context.Context, c *gitobject.Commit, steps string) (*gitobject.Commit, string, error) {
	kind, rest := steps[0], steps[1:]
	if kind == '^' && strings.HasPrefix(rest, "{") {
		what, rest, ok := strings.Cut(rest[1:], "}")
		switch {
		case !ok:
			return nil, "", ErrUnknownRevision
		case what == "" || what == "commit" || what == "object":
			return c, rest, nil
		case strings.HasPrefix(what, "/"):
			c, err := h.search(ctx, c, what[1:])
			return c, rest, err
		}
		return nil, "", fmt.Errorf("^{%s} is %w", what, errNotCommit)
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	n := 1
	if digits > 0 {
		var err error
		if n, err = strconv.Atoi(rest[:digits]); err != nil {
			return nil, "", ErrUnknownRevision
		}
	} else if rest != "" && rest[0] != '^' && rest[0] != '~' {
		return nil, "", ErrUnknownRevision
	}
	var err error
	switch {
	case n == 0:
	case kind == '^':
		c, err = h.parent(c, n)
	default:
		for ; n > 0 && err == nil; n-- {
			if err = ctx.Err(); err == nil {
				c, err = h.parent(c, 1)
			}
		}
	}
	return c, rest[digits:], err
}

// parent returns the n-th parent, counting from 1.
func (h history) parent(c *gitobject.Commit, n int) (*gitobject.Commit, error) {
	if h.shallow[c.Hash] && len(c.ParentHashes) > 0 {
		return nil, ErrShallow
	}
	if n > len(c.ParentHashes) {
		return nil, ErrUnknownRevision
	}
	return h.objects.commit(c.ParentHashes[n-1])
}

// search returns the newest commit, c or before, whose message matches.
func (h history) search(ctx context.Context, c *gitobject.Commit, pattern string) (*gitobject.Commit, error) {
	if strings.HasPrefix(pattern, "!") {
		return nil, errNotSupported
	}
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return nil, ErrUnknownRevision
	}
	var found *gitobject.Commit
	cut, err := h.walk(ctx, c, func(c *gitobject.Commit) bool {
		if re.MatchString(c.Message) {
			found = c
		}
		return found == nil
	})
	if err == nil && found == nil {
		err = ErrUnknownRevision
		if cut {
			err = ErrShallow
		}
	}
	return found, err
}
