package source_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/source"
)

// TestAtTakesWhatRevParseTakes compares with git itself.
func TestAtTakesWhatRevParseTakes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("first", map[string]string{"n": "1"})
	r.commit("second: fix nasty bug", map[string]string{"n": "2"})
	r.git("tag", "-a", "-m", "v1", "v1")
	r.git("checkout", "-q", "-b", "side/branch")
	side := r.commit("side", map[string]string{"side": "s"})
	r.git("checkout", "-q", "main")
	r.commit("third", map[string]string{"n": "3"})
	r.git("merge", "-q", "--no-ff", "-m", "merge", "side/branch")
	r.git("update-ref", "refs/remotes/origin/main", first)
	r.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
	r.git("update-ref", "ORIG_HEAD", side)
	r.git("branch", "beef1234", first) // a name that looks like an id
	s := open(t, source.Config{Repository: r.dir})
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("gc", "-q")
		}
		for _, revision := range []string{
			"HEAD", "@", "main", "heads/main", "refs/heads/main", "side/branch", "v1", "tags/v1", "v1^{}", "v1^{commit}",
			"origin", "origin/main", "ORIG_HEAD", "HEAD~", "HEAD^", "HEAD~0", "HEAD^0", "HEAD~2", "HEAD~~", "HEAD^2", "HEAD^2~1",
			"HEAD^^", "@~1", "v1~1", "v1^{}^", first, strings.ToUpper(first), first[:4], first[:7], first[:11], side[:9] + "^",
			r.git("describe", "--long", "HEAD"), "HEAD^{/nasty}", "HEAD^{/^side}", "beef1234", "HEAD^{/second}~1",
		} {
			want, err := r.try("", "rev-parse", "--verify", "-q", revision+"^{commit}")
			if err != nil {
				t.Fatalf("git does not know %s", revision)
			}
			snap, err := s.At(t.Context(), revision)
			if err != nil {
				t.Errorf("packed %v: At(%s): %v", packed, revision, err)
			} else if got := snap.Revision.Hash; got != strings.TrimSpace(want) {
				t.Errorf("packed %v: At(%s) = %s, git says %s", packed, revision, got, want)
			}
		}
		for revision, reason := range map[string]string{
			"": "UnknownRevision", "nope": "UnknownRevision", "HEAD~99": "UnknownRevision", "HEAD^3": "UnknownRevision", "^": "UnknownRevision",
			"~1": "UnknownRevision", "HEAD^x": "UnknownRevision", "HEAD^{": "UnknownRevision", "HEAD^{tree}": "NotACommit", "HEAD^{/nothing}": "UnknownRevision",
			"main@{1}": "UnsupportedRevision", "@{u}": "UnsupportedRevision", ":/x": "UnsupportedRevision", "../HEAD": "UnknownRevision",
			"HEAD~99999999999999999999": "UnknownRevision", strings.Repeat("0", 40): "UnknownRevision", "deadbee": "UnknownRevision", "HEAD:n": "UnknownRevision",
		} {
			_, err := s.At(t.Context(), revision)
			wantFault(t, err, fault.Stalled, reason)
		}
	}
	snap, err := s.At(t.Context(), "main~2")
	if err != nil {
		t.Fatal(err)
	}
	wantContents(t, snap.Tree, map[string]string{"n": "2"})
	if snap, err := s.At(t.Context(), "v1"); err != nil || snap.Revision.Ref != "refs/tags/v1" {
		t.Errorf("At(v1): ref %q, %v", snap.Revision.Ref, err)
	}
}

func TestIsAncestor(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	one := r.commit("one", map[string]string{"n": "1"})
	two := r.commit("two", map[string]string{"n": "2"})
	r.git("checkout", "-q", "-b", "side", one)
	side := r.commit("side", map[string]string{"s": "s"})
	r.git("checkout", "-q", "main")
	r.git("merge", "-q", "-m", "merge", "side")
	merge := r.git("rev-parse", "HEAD")
	r.git("checkout", "-q", "--orphan", "unrelated")
	unrelated := r.commit("unrelated", map[string]string{"u": "u"})
	s := open(t, source.Config{Repository: r.dir})
	for _, tt := range []struct {
		old, child string
		want       bool
	}{
		{one, one, true}, {one, two, true}, {two, one, false}, {side, merge, true}, {one, merge, true},
		{side, two, false}, {unrelated, merge, false}, {merge, unrelated, false}, {"main~1", "main", true},
	} {
		if got, err := s.IsAncestor(t.Context(), tt.old, tt.child); err != nil || got != tt.want {
			t.Errorf("IsAncestor(%.8s, %.8s) = %v, %v; want %v", tt.old, tt.child, got, err, tt.want)
		}
	}
	for _, pair := range [][2]string{{strings.Repeat("1", 40), merge}, {merge, strings.Repeat("1", 40)}, {"nope", merge}} {
		_, err := s.IsAncestor(t.Context(), pair[0], pair[1])
		wantFault(t, err, fault.Stalled, "UnknownRevision")
		if !errors.Is(err, source.ErrUnknownRevision) {
			t.Errorf("error %v is not ErrUnknownRevision", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.IsAncestor(ctx, one, merge)
	wantFault(t, err, fault.Transient, "Canceled")
}

func TestIsAncestorInShallowHistory(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	one := r.commit("one", nil)
	two := r.commit("two", nil)
	three := r.commit("three", nil)
	r.git("checkout", "-q", "--orphan", "unrelated")
	unrelated := r.commit("unrelated", map[string]string{"u": "u"})
	shallow := repo{t, filepath.Join(t.TempDir(), "shallow.git")}
	r.git("clone", "-q", "--bare", "--no-single-branch", "--depth", "1", "file://"+r.dir, shallow.dir)
	s := open(t, source.Config{Repository: shallow.dir})
	if yes, err := s.IsAncestor(t.Context(), two, three); err != nil || !yes {
		t.Errorf("the parent that was cut off is named: %v, %v", yes, err)
	}
	_, err := s.IsAncestor(t.Context(), unrelated, three)
	wantFault(t, err, fault.Stalled, "ShallowHistory")
	if !errors.Is(err, source.ErrShallow) {
		t.Errorf("error %v is not ErrShallow", err)
	}
	_, err = s.IsAncestor(t.Context(), one, three)
	wantFault(t, err, fault.Stalled, "UnknownRevision")
	_, err = s.At(t.Context(), "main~1")
	wantFault(t, err, fault.Stalled, "ShallowHistory")
}
