package source_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

// TestMain keeps the configuration of whoever runs the tests out of them.
func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "source-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"), "SSH_AUTH_SOCK": "",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
		"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com", "GIT_TERMINAL_PROMPT": "0",
		// No gc of git's own in the background of a test.
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gc.auto", "GIT_CONFIG_VALUE_0": "0",
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	// Each check runs git a dozen times; the fuzzing of a night asks for more.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// repo is a repository that the real git works on.
type repo struct {
	t   testing.TB
	dir string
}

// newRepo makes a working copy with an unborn branch main.
func newRepo(t testing.TB) repo {
	t.Helper()
	r := repo{t, filepath.Join(t.TempDir(), "repo")}
	r.must("", "init", "-q", "-b", "main", r.dir)
	return r
}

// newBare makes a bare repository and a clone to push from.
func newBare(t testing.TB) (bare, clone repo) {
	t.Helper()
	bare = repo{t, filepath.Join(t.TempDir(), "specs.git")}
	bare.must("", "init", "-q", "--bare", "-b", "main", bare.dir)
	clone = newRepo(t)
	clone.git("remote", "add", "origin", bare.dir)
	return bare, clone
}

func (r repo) must(stdin string, args ...string) string {
	r.t.Helper()
	out, err := r.try(stdin, args...)
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (r repo) try(stdin string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	if _, err := os.Stat(r.dir); err == nil {
		cmd.Dir = r.dir
	}
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		return errs.String(), err
	}
	return out.String(), nil
}

// git runs git and returns what it printed, without the last line end.
func (r repo) git(args ...string) string {
	r.t.Helper()
	return strings.TrimSuffix(r.must("", args...), "\n")
}

func (r repo) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

func (r repo) write(name, content string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit writes files, commits everything, and returns the id.
func (r repo) commit(message string, files map[string]string) string {
	r.t.Helper()
	for name, content := range files {
		r.write(name, content)
	}
	r.git("add", "-A", "-f")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

func (r repo) push() { r.t.Helper(); r.git("push", "-q", "-f", "origin", "main") }

func open(t testing.TB, c source.Config) *source.Source {
	t.Helper()
	s, err := source.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open: %v\nhint: %s", err, fault.HintOf(err))
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func snapshot(t testing.TB, s *source.Source) source.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatalf("snapshot: %v\nhint: %s", err, fault.HintOf(err))
	}
	return snap
}

// contents reads all that can be read.
func contents(t testing.TB, tree schema.Tree) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, e := range tree {
		if e.Mode != schema.ModeRegular && e.Mode != schema.ModeSymlink {
			continue
		}
		content, err := e.Read()
		if err != nil {
			t.Fatalf("read %s: %v", e.Path, err)
		}
		if int64(len(content)) != e.Size {
			t.Errorf("%s: size %d, but %d bytes", e.Path, e.Size, len(content))
		}
		out[e.Path] = string(content)
	}
	return out
}

func wantContents(t testing.TB, tree schema.Tree, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, contents(t, tree)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(tree, func(a, b schema.Entry) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("the tree is not sorted by path")
	}
}

// wantFault checks what an error says for machines and people.
func wantFault(t testing.TB, err error, class fault.Class, reason string) *fault.Error {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want a *fault.Error %s", err, err, reason)
	}
	if e.Class != class || e.Reason != reason {
		t.Errorf("error is %s %s, want %s %s: %v", e.Class, e.Reason, class, reason, err)
	}
	if e.Target != "git" || e.Op == "" {
		t.Errorf("error has target %q and operation %q", e.Target, e.Op)
	}
	if e.Hint == "" && reason != "Canceled" && reason != "ServerError" {
		t.Errorf("error %s has no hint: %v", e.Reason, err)
	}
	return e
}

func background() context.Context { return context.Background() }
