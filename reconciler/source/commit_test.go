package source_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

// commitOf changes files, on top of a revision.
func commitOf(base string, files map[string]string) source.Commit {
	c := source.Commit{
		Base: base, Files: map[string][]byte{}, Message: "booking: oauth2\n\nwhy",
		Author: source.Person{Name: "Dev <x>\n", Email: "dev@acme.test"}, Committer: source.Person{Name: "gatewright"},
		At: time.Date(2026, 11, 24, 12, 0, 0, 0, time.FixedZone("", 3600)),
	}
	for name, content := range files {
		c.Files[name] = []byte(content)
	}
	return c
}

// homes are the ways to a repository, each with an origin that has one commit.
func homes(t *testing.T) map[string]func(t *testing.T, files map[string]string) (source.Config, repo) {
	t.Helper()
	pushed := func(t *testing.T, files map[string]string) (bare, clone repo) {
		bare, clone = newBare(t)
		clone.commit("first", files)
		clone.push()
		return bare, clone
	}
	return map[string]func(*testing.T, map[string]string) (source.Config, repo){
		"bare": func(t *testing.T, files map[string]string) (source.Config, repo) {
			bare, _ := pushed(t, files)
			return source.Config{Repository: bare.dir}, bare
		},
		"working copy": func(t *testing.T, files map[string]string) (source.Config, repo) {
			r := newRepo(t)
			r.commit("first", files)
			return source.Config{Repository: r.dir, Branch: "main"}, r
		},
		"https": func(t *testing.T, files map[string]string) (source.Config, repo) {
			bare, _ := pushed(t, files)
			bare.git("config", "http.receivepack", "true")
			server := gitHTTP(t, bare, plainly)
			return source.Config{
				Repository: server.URL + "/specs.git", Branch: "main",
				Auth: source.Auth{CAFile: caFile(t, server), Token: resource.NewSecret("token-of-mine")},
			}, bare
		},
		"ssh": func(t *testing.T, files map[string]string) (source.Config, repo) {
			bare, _ := pushed(t, files)
			key, file := newKeyFile(t, "")
			server := newSSHServer(t, key.PublicKey(), "")
			return source.Config{
				Repository: "ssh://git@" + server.address + bare.dir, Branch: "main",
				Auth: source.Auth{SSHKeyFile: file, KnownHostsFile: knownHostsFile(t, server.address, server.hostKey.PublicKey())},
			}, bare
		},
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	for name, home := range homes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, origin := home(t, map[string]string{"specs/booking.cue": "old\n", "specs/search.cue": "s\n", "run.sh": "#!/bin/sh\n"})
			config.Path = "specs"
			s := open(t, config)
			base := snapshot(t, s)
			c := commitOf(base.Revision.Hash, map[string]string{"booking.cue": "new\n", "more/deep.cue": "d\n"})
			got, err := s.Commit(t.Context(), c)
			if err != nil {
				t.Fatalf("%v\nhint: %s", err, fault.HintOf(err))
			}
			if head := origin.git("rev-parse", "main"); got.Hash != head || got.Ref != "refs/heads/main" || got.AuthorEmail != "dev@acme.test" {
				t.Errorf("the commit is %+v, main is at %s", got, head)
			}
			if files := origin.git("diff", "--name-status", base.Revision.Hash, "main"); files != "M\tspecs/booking.cue\nA\tspecs/more/deep.cue" {
				t.Errorf("it changes\n%s", files)
			}
			if said := origin.git("log", "-1", "--format=%an|%ae|%cn|%ce|%ai|%B", "main"); said != "Dev x|dev@acme.test|gatewright||2026-11-24 12:00:00 +0100|booking: oauth2\n\nwhy\n" {
				t.Errorf("it says %q", said)
			}
			origin.git("fsck", "--strict", "--full")
			if origin.git("rev-parse", "--is-bare-repository") == "false" {
				if status := origin.git("status", "--porcelain"); status != "" {
					t.Errorf("the working copy has changes:\n%s", status)
				}
			}
			after := snapshot(t, s)
			if after.Revision.Hash != got.Hash {
				t.Errorf("the newest is %s, want %s", after.Revision.Hash, got.Hash)
			}
			wantContents(t, after.Tree, map[string]string{"booking.cue": "new\n", "more/deep.cue": "d\n", "search.cue": "s\n"})

			c = commitOf(got.Hash, nil)
			c.Files["more/deep.cue"] = nil
			c.Branch = "proposals/one"
			if got, err = s.Commit(t.Context(), c); err != nil {
				t.Fatalf("a new branch: %v", err)
			}
			if id := origin.git("rev-parse", "proposals/one"); id != got.Hash || origin.git("rev-parse", "main") != after.Revision.Hash {
				t.Errorf("the new branch is at %s, want %s", id, got.Hash)
			}
			if files := origin.git("diff", "--name-status", "main", "proposals/one"); files != "D\tspecs/more/deep.cue" {
				t.Errorf("it changes\n%s", files)
			}
			_, err = s.Commit(t.Context(), c)
			wantFault(t, err, fault.Stalled, "BranchExists")
		})
	}
}

// TestCommitMeanwhile: others push between the look and the commit.
func TestCommitMeanwhile(t *testing.T) {
	t.Parallel()
	for name, home := range homes(t) {
		if name == "working copy" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, origin := home(t, map[string]string{"a": "1", "b": "1"})
			other := repo{t, filepath.Join(t.TempDir(), "other")}
			other.must("", "clone", "-q", origin.dir, other.dir)
			s := open(t, config)
			base := snapshot(t, s).Revision.Hash
			other.commit("theirs", map[string]string{"b": "2"})
			other.push()
			if _, err := s.Commit(t.Context(), commitOf(base, map[string]string{"a": "2"})); err != nil {
				t.Fatalf("another file has changed: %v", err)
			}
			if a, b := origin.git("show", "main:a"), origin.git("show", "main:b"); a != "2" || b != "2" {
				t.Errorf("a is %s, b is %s", a, b)
			}
			_, err := s.Commit(t.Context(), commitOf(base, map[string]string{"b": "3"}))
			e := wantFault(t, err, fault.Conflict, "Moved")
			if want := "b was changed since revision " + base[:12] + " by Ada in commit " + other.git("rev-parse", "--short=12", "HEAD"); !strings.Contains(e.Error(), want) {
				t.Errorf("the error is %q, want %q", e, want)
			}
			_, err = s.Commit(t.Context(), commitOf("", map[string]string{"b": "2"}))
			wantFault(t, err, fault.Stalled, "NothingToCommit")
		})
	}
}

// TestCommitConcurrently: commits of several files at once all land, and of two
// of one file one.
func TestCommitConcurrently(t *testing.T) {
	t.Parallel()
	for name, home := range homes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const writers = 4
			files := map[string]string{"same": "0"}
			for i := range writers {
				files[fmt.Sprintf("d/f%d", i)] = "0"
			}
			config, origin := home(t, files)
			base := origin.git("rev-parse", "main")
			var all sync.WaitGroup
			errs, same := make([]error, writers), make([]error, 2)
			for i := range writers {
				s := open(t, config)
				all.Go(func() {
					_, errs[i] = s.Commit(t.Context(), commitOf(base, map[string]string{fmt.Sprintf("d/f%d", i): "1"}))
				})
				if i < len(same) {
					all.Go(func() {
						_, same[i] = s.Commit(t.Context(), commitOf(base, map[string]string{"same": fmt.Sprint("by ", i)}))
					})
				}
			}
			all.Wait()
			for i, err := range errs {
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
				if got := origin.git("show", fmt.Sprintf("main:d/f%d", i)); got != "1" {
					t.Errorf("file %d is %q", i, got)
				}
			}
			if (same[0] == nil) == (same[1] == nil) {
				t.Fatalf("of two commits of one file: %v, %v", same[0], same[1])
			}
			wantFault(t, errors.Join(same...), fault.Conflict, "Moved")
			if n := origin.git("rev-list", "--count", base+"..main"); n != fmt.Sprint(writers+1) {
				t.Errorf("%s commits have come, want %d", n, writers+1)
			}
			origin.git("fsck", "--strict", "--full")
		})
	}
}

// TestCommitKeepsTheRest: whatever a tree holds comes out as it went in.
func TestCommitKeepsTheRest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := newRepo(t)
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "a.b", "a-b", "a0", "b/a", "b/a.x/c", "b/d", "B", "ü", "b.c"}), 1, 8, rapid.ID).Draw(rt, "names")
		for i, n := range names {
			r.write(n, fmt.Sprint(i))
		}
		if err := os.Symlink("nowhere", r.path("link")); err != nil {
			rt.Fatal(err)
		}
		r.write("run.sh", "x")
		if err := os.Chmod(r.path("run.sh"), 0o755); err != nil {
			rt.Fatal(err)
		}
		r.git("add", "-A", "-f")
		r.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",sub")
		r.git("commit", "-q", "-m", "first")
		bare := repo{t, r.dir + ".git"}
		r.git("clone", "-q", "--bare", r.dir, bare.dir)

		s, err := source.Open(t.Context(), source.Config{Repository: bare.dir})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		changed := append(rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 3, rapid.ID).Draw(rt, "changed"), "run.sh")
		c := commitOf("", nil)
		for _, n := range changed {
			if rapid.Bool().Draw(rt, "delete") {
				c.Files[n] = nil
				r.git("rm", "-q", "-f", n)
			} else {
				c.Files[n] = []byte("changed " + n)
				r.write(n, "changed "+n)
				r.git("add", "-f", n)
			}
		}
		if _, err := s.Commit(t.Context(), c); err != nil {
			rt.Fatal(err)
		}
		want, got := r.git("write-tree"), bare.git("rev-parse", "HEAD^{tree}")
		if want != got {
			rt.Fatalf("trees differ (-git +ours):\n%s", cmp.Diff(r.git("ls-tree", "-r", want), bare.git("ls-tree", "-r", got)))
		}
	})
}

// TestCommitBesideWork: what somebody has changed in the working copy stays.
func TestCommitBesideWork(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		work   func(r repo)
		reason string
	}{
		"another file":      {func(r repo) { r.write("b", "mine") }, ""},
		"another staged":    {func(r repo) { r.write("b", "mine"); r.git("add", "b") }, ""},
		"an untracked file": {func(r repo) { r.write("c", "mine") }, ""},
		"touched":           {func(r repo) { r.write("a", "1") }, ""},
		"the file":          {func(r repo) { r.write("a", "mine") }, "WorkingCopyChanged"},
		"the file, staged":  {func(r repo) { r.write("a", "mine"); r.git("add", "a"); r.write("a", "1") }, "WorkingCopyChanged"},
		"the file, deleted": {func(r repo) { _ = os.Remove(r.path("a")) }, "WorkingCopyChanged"},
		"a new one there":   {func(r repo) { r.write("new", "mine") }, "WorkingCopyChanged"},
		"elsewhere": {func(r repo) {
			r.git("checkout", "-q", "-b", "side")
			r.git("worktree", "add", "-q", r.dir+"-wt", "main")
		}, "CheckedOutElsewhere"},
		"another branch": {func(r repo) { r.git("checkout", "-q", "-b", "side"); r.write("a", "mine") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			first := r.commit("first", map[string]string{"a": "1", "b": "1", "d/e": "1"})
			tc.work(r)
			before := r.git("status", "--porcelain")
			s := open(t, source.Config{Repository: r.dir, Branch: "main"})
			c := commitOf(first, map[string]string{"a": "2", "new": "2"})
			c.Files["d/e"] = nil
			got, err := s.Commit(t.Context(), c)
			if tc.reason != "" {
				wantFault(t, err, fault.Stalled, tc.reason)
				if now := r.git("rev-parse", "main"); now != first {
					t.Errorf("main moved to %s", now)
				}
			} else if err != nil {
				t.Fatalf("%v\nhint: %s", err, fault.HintOf(err))
			} else if now := r.git("rev-parse", "main"); now != got.Hash {
				t.Errorf("main is at %s", now)
			}
			if after := r.git("status", "--porcelain"); after != before {
				t.Errorf("the working copy was\n%s\nand is\n%s", before, after)
			}
			for _, lock := range []string{".git/index.lock", ".git/refs/heads/main.lock"} {
				if _, err := os.Stat(r.path(lock)); err == nil {
					t.Errorf("%s is left", lock)
				}
			}
		})
	}
}
