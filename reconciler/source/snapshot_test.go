package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

func TestSnapshotReadsEveryLayout(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.cue": "package a\n", "sub/b.yaml": "b: 1\n", "sub-c": "", "sub/deep/er/c.cue": "c\n"}
	tests := map[string]struct {
		reason string
		make   func(t *testing.T) (path, hash string)
	}{
		"working copy": {"a path to a clone is what people have at hand", func(t *testing.T) (string, string) {
			r := newRepo(t)
			return r.dir, r.commit("one", files)
		}},
		"its .git directory": {"a path may name the repository proper", func(t *testing.T) (string, string) {
			r := newRepo(t)
			return r.path(".git"), r.commit("one", files)
		}},
		"bare": {"the usual thing to push to", func(t *testing.T) (string, string) {
			bare, r := newBare(t)
			hash := r.commit("one", files)
			r.push()
			return bare.dir, hash
		}},
		"file URL": {"it is the same as a path", func(t *testing.T) (string, string) {
			r := newRepo(t)
			return "file://" + r.dir, r.commit("one", files)
		}},
		"packed": {"gc packs objects and refs", func(t *testing.T) (string, string) {
			r := newRepo(t)
			hash := r.commit("one", files)
			r.git("gc", "-q")
			return r.dir, hash
		}},
		"linked worktree": {"its .git is a file, its objects are elsewhere", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.commit("zero", map[string]string{"x": "x"})
			linked := filepath.Join(t.TempDir(), "linked")
			r.git("worktree", "add", "-q", "-b", "other", linked)
			w := repo{t, linked}
			w.git("rm", "-q", "x")
			return linked, w.commit("one", files)
		}},
		"borrowed objects": {"clone --shared keeps objects in the other repository", func(t *testing.T) (string, string) {
			r := newRepo(t)
			hash := r.commit("one", files)
			r.git("gc", "-q")
			shared := filepath.Join(t.TempDir(), "shared.git")
			r.git("clone", "-q", "--bare", "--shared", r.dir, shared)
			return shared, hash
		}},
		"shallow": {"a shallow clone has all of its newest commit", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.commit("zero", map[string]string{"a.cue": "old"})
			hash := r.commit("one", files)
			shallow := filepath.Join(t.TempDir(), "shallow.git")
			r.git("clone", "-q", "--bare", "--depth", "1", "file://"+r.dir, shallow)
			return shallow, hash
		}},
		"symbolic branch": {"a branch may lead to another", func(t *testing.T) (string, string) {
			r := newRepo(t)
			hash := r.commit("one", files)
			r.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
			r.git("symbolic-ref", "HEAD", "refs/heads/alias")
			return r.dir, hash
		}},
		"extensions that change nothing": {"worktree configuration is an extension", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.git("config", "core.repositoryformatversion", "1")
			r.git("config", "extensions.worktreeConfig", "true")
			return r.dir, r.commit("one", files)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, hash := tt.make(t)
			snap := snapshot(t, open(t, source.Config{Repository: path}))
			if snap.Revision.Hash != hash {
				t.Errorf("%s: revision %s, want %s", tt.reason, snap.Revision.Hash, hash)
			}
			wantContents(t, snap.Tree, files)
		})
	}
}

func TestSnapshotSaysWhatTheCommitSays(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	hash := r.commit("protect booking\n\nbecause \x1b[31mred\x1b[0m", map[string]string{"a": "a"})
	got := snapshot(t, open(t, source.Config{Repository: r.dir})).Revision
	if got.When.IsZero() {
		t.Error("the revision has no time")
	}
	got.When = source.Revision{}.When
	want := source.Revision{
		Hash: hash, Ref: "refs/heads/main", Author: "Ada", AuthorEmail: "ada@example.com",
		Message: "protect booking\n\nbecause [31mred[0m", // what a terminal would act on is gone
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revision (-want +got):\n%s", diff)
	}
}

func TestSnapshotSelectsTheRef(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	one := r.commit("one", map[string]string{"a": "1"})
	r.git("tag", "light")
	r.git("tag", "-a", "-m", "annotated", "v1")
	r.git("tag", "-a", "-m", "a tag of a tag", "v1-signed", "v1")
	r.git("branch", "team/x")
	two := r.commit("two", map[string]string{"a": "2"})
	r.git("pack-refs", "--all")
	three := r.commit("three", map[string]string{"a": "3"})

	tests := map[string]struct {
		config source.Config
		hash   string
		ref    string
	}{
		"HEAD":                  {source.Config{}, three, "refs/heads/main"},
		"branch":                {source.Config{Branch: "main"}, three, "refs/heads/main"},
		"branch in full":        {source.Config{Branch: "refs/heads/main"}, three, "refs/heads/main"},
		"branch with a slash":   {source.Config{Branch: "team/x"}, one, "refs/heads/team/x"},
		"lightweight tag":       {source.Config{Tag: "light"}, one, "refs/tags/light"},
		"annotated tag, peeled": {source.Config{Tag: "v1"}, one, "refs/tags/v1"},
		"tag of a tag, peeled":  {source.Config{Tag: "v1-signed"}, one, "refs/tags/v1-signed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.config.Repository = r.dir
			got := snapshot(t, open(t, tt.config)).Revision
			if got.Hash != tt.hash || got.Ref != tt.ref {
				t.Errorf("revision %s %s, want %s %s", got.Hash, got.Ref, tt.hash, tt.ref)
			}
		})
	}
	detached := repo{t, filepath.Join(t.TempDir(), "detached")}
	r.git("clone", "-q", r.dir, detached.dir)
	detached.git("checkout", "-q", "--detach", two)
	if got := snapshot(t, open(t, source.Config{Repository: detached.dir})).Revision; got.Hash != two || got.Ref != "HEAD" {
		t.Errorf("detached HEAD: revision %s %q, want %s HEAD", got.Hash, got.Ref, two)
	}
}

func TestSnapshotFollowsPushes(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	s := open(t, source.Config{Repository: bare.dir, Path: "specs"})
	for i := range 5 {
		hash := r.commit("change", map[string]string{"specs/a": strconv.Itoa(i), "specs/dir/b": "same", "README": strconv.Itoa(i)})
		r.push()
		if i == 3 {
			bare.git("gc", "-q", "--prune=now")
		}
		snap := snapshot(t, s)
		if snap.Revision.Hash != hash {
			t.Fatalf("push %d: revision %s, want %s", i, snap.Revision.Hash, hash)
		}
		wantContents(t, snap.Tree, map[string]string{"a": strconv.Itoa(i), "dir/b": "same"})
	}
}

// TestSnapshotEqualsLsTree is the property that a snapshot is what git itself
// lists, for any tree, loose or packed, whole or below a path.
func TestSnapshotEqualsLsTree(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		r := repo{t, filepath.Join(root, strconv.Itoa(runs))}
		r.must("", "init", "-q", "-b", "main", r.dir)
		var index strings.Builder
		for range rapid.IntRange(1, 12).Draw(rt, "files") {
			name := strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-cA-C.\-+0 é~]{1,3}`), 1, 4).Draw(rt, "name"), "/")
			mode := rapid.SampledFrom([]string{"100644", "100755", "120000", "160000"}).Draw(rt, "mode")
			content := rapid.String().Draw(rt, "content")
			id := strings.TrimSpace(r.must(content, "hash-object", "-w", "--stdin"))
			fmt.Fprintf(&index, "%s %s\t%s\x00", mode, id, name)
		}
		// git refuses names like "." and ".git" and files that are also
		// directories; whatever it takes is compared.
		if _, err := r.try(index.String(), "update-index", "-z", "--index-info"); err != nil {
			for line := range strings.SplitAfterSeq(index.String(), "\x00") {
				_, _ = r.try(line, "update-index", "-z", "--index-info")
			}
		}
		r.git("commit", "-q", "--allow-empty", "-m", "x")
		if rapid.Bool().Draw(rt, "packed") {
			r.git("repack", "-q", "-a", "-d")
		}
		s, err := source.Open(background(), source.Config{Repository: r.dir})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		snap, err := s.Snapshot(background())
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(lsTree(r, "HEAD"), listed(snap.Tree)); diff != "" {
			rt.Fatalf("git ls-tree -r (-want +got):\n%s", diff)
		}
	})
}

// lsTree is what git lists, in the form of listed.
func lsTree(r repo, revision string) []string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSuffix(r.must("", "ls-tree", "-r", "-l", "-z", revision), "\x00"), "\x00") {
		if line == "" {
			continue
		}
		meta, name, _ := strings.Cut(line, "\t")
		f := strings.Fields(meta)
		mode := map[string]schema.Mode{"100644": schema.ModeRegular, "100755": schema.ModeRegular, "120000": schema.ModeSymlink, "160000": schema.ModeSubmodule}[f[0]]
		size := strings.ReplaceAll(f[3], "-", "0")
		out = append(out, fmt.Sprintf("%s %s %s %s", mode, f[2], size, name))
	}
	return out
}

func listed(tree schema.Tree) []string {
	var out []string
	for _, e := range tree {
		out = append(out, fmt.Sprintf("%s %s %d %s", e.Mode, e.Digest, e.Size, e.Path))
	}
	return out
}

func TestUnchangedTreeIsNotReadAgain(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("one", map[string]string{"specs/a/x": "x", "specs/b/y": "y"})
	s := open(t, source.Config{Repository: r.dir, Path: "specs"})
	before := snapshot(t, s)
	r.commit("elsewhere", map[string]string{"README": "new"})
	after := snapshot(t, s)
	if &before.Tree[0] != &after.Tree[0] {
		t.Error("the listing was made again though the directory did not change")
	}
	if before.Revision.Hash == after.Revision.Hash {
		t.Error("the revision did not change")
	}
	r.commit("one side", map[string]string{"specs/a/x": "xx"})
	// What is not read again can be gone.
	removeObject(t, r, r.git("rev-parse", "HEAD:specs/b"))
	wantContents(t, snapshot(t, s).Tree, map[string]string{"a/x": "xx", "b/y": "y"})
}

func removeObject(t testing.TB, r repo, id string) {
	t.Helper()
	if err := os.Remove(r.path(".git/objects/" + id[:2] + "/" + id[2:])); err != nil {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("one", map[string]string{"small": "12345", "big": "123456", "c": ""})
	s := open(t, source.Config{Repository: r.dir, Limits: source.Limits{FileSize: 5}})
	for _, e := range snapshot(t, s).Tree {
		_, err := e.Read()
		if e.Path == "big" {
			wantFault(t, err, fault.Stalled, "TooLarge")
		} else if err != nil {
			t.Errorf("%s: %v", e.Path, err)
		}
	}
	s = open(t, source.Config{Repository: r.dir, Limits: source.Limits{Files: 2}})
	_, err := s.Snapshot(t.Context())
	wantFault(t, err, fault.Stalled, "TooManyFiles")
}

// TestTreeBomb: ten directories that hold ten times the same directory, ten
// deep, are ten small objects and 10^10 files.
func TestTreeBomb(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	id, kind, mode := strings.TrimSpace(r.must("boom", "hash-object", "-w", "--stdin")), "blob", "100644"
	for range 10 {
		var tree strings.Builder
		for i := range 10 {
			fmt.Fprintf(&tree, "%s %s %s\tf%d\n", mode, kind, id, i)
		}
		id, kind, mode = strings.TrimSpace(r.must(tree.String(), "mktree")), "tree", "040000"
	}
	commit := r.git("commit-tree", "-m", "bomb", id)
	r.git("update-ref", "refs/heads/main", commit)
	_, err := open(t, source.Config{Repository: r.dir}).Snapshot(t.Context())
	wantFault(t, err, fault.Stalled, "TooManyFiles")
}

// TestHostileNames: names that no checkout would make can be in a tree that
// was written by hand. They are listed and not read.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	blob := strings.TrimSpace(r.must("x", "hash-object", "-w", "--stdin"))
	raw := func(entries ...string) string {
		var b strings.Builder
		for _, e := range entries {
			mode, rest, _ := strings.Cut(e, " ")
			name, id, _ := strings.Cut(rest, "=")
			b.WriteString(mode + " " + name + "\x00")
			for i := 0; i < 40; i += 2 {
				n, err := strconv.ParseUint(id[i:i+2], 16, 8)
				if err != nil {
					t.Fatal(err)
				}
				b.WriteByte(byte(n))
			}
		}
		return strings.TrimSpace(r.must(b.String(), "hash-object", "-w", "-t", "tree", "--literally", "--stdin"))
	}
	inner := raw("100644 passwd=" + blob)
	root := raw("40000 ..="+inner, "40000 .git="+inner, "100644 a/b="+blob, "100644 bad\xff="+blob, "100644 good="+blob, "10000 pipe="+blob)
	r.git("update-ref", "refs/heads/main", r.git("commit-tree", "-m", "hostile", root))
	tree := snapshot(t, open(t, source.Config{Repository: r.dir})).Tree
	got := map[string]schema.Mode{}
	for _, e := range tree {
		got[e.Path] = e.Mode
		if e.Mode == schema.ModeOther && e.Path != "pipe" {
			if _, err := e.Read(); err == nil {
				t.Errorf("%q was read", e.Path)
			}
		}
	}
	want := map[string]schema.Mode{
		"../passwd": schema.ModeOther, ".git/passwd": schema.ModeOther, "a/b": schema.ModeOther,
		"bad\xff": schema.ModeOther, "good": schema.ModeRegular, "pipe": schema.ModeOther,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}
}
