package source_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

func working(t testing.TB, dir, sub string) source.Snapshot {
	t.Helper()
	snap, err := source.WorkingCopy(t.Context(), dir, sub)
	if err != nil {
		t.Fatalf("working copy: %v\nhint: %s", err, fault.HintOf(err))
	}
	return snap
}

func TestWorkingCopy(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	if snap := working(t, r.dir, ""); len(snap.Tree) != 0 || !snap.Revision.Dirty || snap.Revision.Ref != "refs/heads/main" {
		t.Errorf("before the first commit: %+v", snap)
	}
	hash := r.commit("one", map[string]string{"specs/a": "a", "specs/sub/b": "b", "specs/tracked.log": "t", "README": "r", ".gitignore": "*.log\n/specs/out/\n"})
	committed := map[string]string{"a": "a", "sub/b": "b", "tracked.log": "t"}

	clean := working(t, r.dir, "specs")
	wantContents(t, clean.Tree, committed)
	if clean.Revision.Dirty || clean.Revision.Hash != hash {
		t.Errorf("a clean working copy: %+v", clean.Revision)
	}
	if diff := cmp.Diff(listed(snapshot(t, open(t, source.Config{Repository: r.dir, Path: "specs"})).Tree), listed(clean.Tree)); diff != "" {
		t.Errorf("a clean working copy and its commit (-commit +working):\n%s", diff)
	}
	r.write("README", "elsewhere")
	r.write("specs/new.log", "left out")
	r.write("specs/out/x", "left out")
	if working(t, r.dir, "specs").Revision.Dirty {
		t.Error("a change elsewhere and files that are left out make the specs dirty")
	}

	r.write("specs/a", "changed")
	r.write("specs/new", "new")
	r.write("specs/tracked.log", "still tracked")
	if err := os.Remove(r.path("specs/sub/b")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../README", r.path("specs/link")); err != nil {
		t.Fatal(err)
	}
	dirty := working(t, r.path("specs"), "") // from inside, as git does
	wantContents(t, dirty.Tree, map[string]string{"a": "changed", "new": "new", "tracked.log": "still tracked", "link": "../README"})
	if !dirty.Revision.Dirty || dirty.Revision.Hash != hash {
		t.Errorf("a dirty working copy: %+v", dirty.Revision)
	}
	for _, e := range dirty.Tree {
		if e.Path == "link" && e.Mode != schema.ModeSymlink {
			t.Errorf("the link is a %s", e.Mode)
		}
	}
}

func TestWorkingCopyRefuses(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", map[string]string{"specs/a": "a", "file": "f"})
	if err := os.Symlink(t.TempDir(), r.path("out")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ dir, sub, reason string }{
		"no repository":  {t.TempDir(), "", "NotARepository"},
		"bare":           {bare.dir, "", "NoWorkingCopy"},
		"no such path":   {r.dir, "spec", "PathNotFound"},
		"a file":         {r.dir, "file", "PathNotFound"},
		"path leaves":    {r.dir, "../x", "InvalidConfiguration"},
		"link out of it": {r.dir, "out", "InvalidConfiguration"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := source.WorkingCopy(t.Context(), tt.dir, tt.sub)
			wantFault(t, err, fault.Stalled, tt.reason)
		})
	}
}

func TestWorkingCopyLeavesOutSubmodules(t *testing.T) {
	t.Parallel()
	r, other := newRepo(t), newRepo(t)
	other.commit("one", map[string]string{"secret": "x"})
	r.commit("one", map[string]string{"a": "a"})
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.dir, "mod")
	r.commit("two", nil)
	nested := repo{t, r.path("nested")}
	r.git("init", "-q", nested.dir)
	nested.write("b", "b")
	got := map[string]schema.Mode{}
	for _, e := range working(t, r.dir, "").Tree {
		got[e.Path] = e.Mode
		if _, err := e.Read(); (err == nil) != (e.Mode == schema.ModeRegular) {
			t.Errorf("read %s, a %s: %v", e.Path, e.Mode, err)
		}
	}
	want := map[string]schema.Mode{".gitmodules": schema.ModeRegular, "a": schema.ModeRegular, "mod": schema.ModeSubmodule, "nested": schema.ModeSubmodule}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestWorkingCopyWithConvertedLines: the bytes on disk are not those of the
// commit, and git calls it clean.
func TestWorkingCopyWithConvertedLines(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("one", map[string]string{".gitattributes": "*.cue text eol=crlf\n", "a.cue": "a\nb\n"})
	if err := os.Remove(r.path("a.cue")); err != nil {
		t.Fatal(err)
	}
	r.git("checkout", "-q", "--", "a.cue")
	snap := working(t, r.dir, "")
	wantContents(t, snap.Tree, map[string]string{".gitattributes": "*.cue text eol=crlf\n", "a.cue": "a\r\nb\r\n"})
	if snap.Revision.Dirty {
		t.Error("git status is clean, and the working copy is dirty")
	}
}

// TestIgnoresAsGitDoes compares with git ls-files over random trees and rules.
// looseStars are two asterisks that stand in place of a part of a name, which
// "are considered regular asterisks" (gitignore(5)). Some versions of git take
// them for more, since they compare the pattern's address with the text's to
// find out whether something stands before them: the answer is a matter of luck.
var looseStars = regexp.MustCompile(`[^/]\*\*+(/|$)`)

func TestIgnoresAsGitDoes(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	runs := 0
	name := rapid.StringMatching(`[ab]{1,2}|a\.b|[ab]-| a|é|\[a\]|#a|!b`)
	pattern := rapid.OneOf(
		rapid.StringMatching(`!?/?(\*\*/)?([ab*?]|\[ab\]|\[!a\]|\[a-b\]|\\a|\*\*|\.b|é|\\#a|\\!b){1,3}(/([ab*?]|\*\*){1,2})?/?`),
		rapid.StringMatching(`[ab!#/*?\[\]\\ \-^.é]{1,6}`),
		rapid.StringMatching(`\[[ab\-!^\]\\[:alpha:]]{0,4}\]?[ab]?( |\\ )?`),
		rapid.SampledFrom([]string{"# comment", "", "a/**/b", "**/a", "a/**", "/*", "!/a/", "*/", "[[:alpha:]]", "[[:nope:]]", "[/]", "[a/b]b", "\\", "a\\", "a ", "a\\ ", "***", "/**/b", "[b-a]"}),
	).Filter(func(p string) bool { return !looseStars.MatchString(p) })
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		r := repo{t, filepath.Join(root, strconv.Itoa(runs))}
		r.must("", "init", "-q", r.dir)
		for range rapid.IntRange(1, 10).Draw(rt, "files") {
			path := r.path(strings.Join(rapid.SliceOfN(name, 1, 4).Draw(rt, "path"), "/"))
			if os.MkdirAll(filepath.Dir(path), 0o755) == nil {
				_ = os.WriteFile(path, nil, 0o600) // not over a directory
			}
		}
		if rapid.IntRange(0, 2).Draw(rt, "track") == 0 {
			r.git("add", "-A")
		}
		dirs := []string{"", ".git/info"}
		_ = filepath.WalkDir(r.dir, func(p string, d os.DirEntry, err error) error {
			rel, _ := filepath.Rel(r.dir, p)
			if d.IsDir() && !strings.HasPrefix(rel, ".git") {
				dirs = append(dirs, rel)
			}
			return err
		})
		for range rapid.IntRange(1, 3).Draw(rt, "rules") {
			dir := rapid.SampledFrom(dirs).Draw(rt, "dir")
			file := ".gitignore"
			if dir == ".git/info" {
				file = "exclude"
			}
			end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "line end")
			r.write(filepath.Join(dir, file), strings.Join(rapid.SliceOfN(pattern, 1, 4).Draw(rt, "patterns"), end))
		}
		var want []string
		for f := range strings.SplitSeq(r.must("", "ls-files", "-z", "-c", "-o", "--exclude-standard"), "\x00") {
			if _, err := os.Lstat(r.path(f)); f != "" && err == nil {
				want = append(want, f)
			}
		}
		slices.Sort(want)
		snap, err := source.WorkingCopy(background(), r.dir, "")
		if err != nil {
			rt.Fatal(err)
		}
		var got []string
		for _, e := range snap.Tree {
			got = append(got, e.Path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("git ls-files (-want +got):\n%s", diff)
		}
	})
}

// What a sparse checkout leaves out is there for git, and no spec of it is gone.
func TestSparseWorkingCopy(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	files := map[string]string{"specs/a.cue": "a", "specs/sub/b.yaml": "b", "specs/c.cue": "c", "README": "r"}
	hash := r.commit("one", files)
	r.git("sparse-checkout", "set", "--no-cone", "/specs/a.cue")
	if _, err := os.Stat(r.path("specs/c.cue")); err == nil {
		t.Fatal("the checkout is not sparse")
	}
	snap := working(t, r.dir, "specs")
	wantContents(t, snap.Tree, map[string]string{"a.cue": "a", "c.cue": "c", "sub/b.yaml": "b"})
	if snap.Revision.Dirty || snap.Revision.Hash != hash {
		t.Errorf("revision: %+v", snap.Revision)
	}
	// What is no spec is listed, and its content not fetched.
	whole := working(t, r.dir, "")
	i := slices.IndexFunc(whole.Tree, func(e schema.Entry) bool { return e.Path == "README" })
	if _, err := whole.Tree[i].Read(); err == nil || whole.Revision.Dirty {
		t.Errorf("README: read %v, dirty %v", err, whole.Revision.Dirty)
	}
	r.write("specs/c.cue", "in the way")
	wantContents(t, working(t, r.dir, "specs").Tree, map[string]string{"a.cue": "a", "c.cue": "in the way", "sub/b.yaml": "b"})
}
