package source_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

// TestCommitRefused: what cannot be committed changes nothing.
func TestCommitRefused(t *testing.T) {
	t.Parallel()
	bare, clone := newBare(t)
	first := clone.commit("first", map[string]string{"a": "1"})
	if err := os.Symlink("a", clone.path("link")); err != nil {
		t.Fatal(err)
	}
	clone.commit("link", nil)
	clone.push()
	clone.git("tag", "v1")
	clone.git("push", "-q", "origin", "v1")
	head := bare.git("rev-parse", "main")
	for name, tc := range map[string]struct {
		config source.Config
		commit source.Commit
		reason string
	}{
		"a tag":             {source.Config{Tag: "v1"}, commitOf("", map[string]string{"a": "2"}), "NotABranch"},
		"no file":           {source.Config{}, commitOf("", nil), "NothingToCommit"},
		"a symlink":         {source.Config{}, commitOf("", map[string]string{"link": "2"}), "NotAFile"},
		"below a file":      {source.Config{}, commitOf("", map[string]string{"a/b": "2"}), "NotADirectory"},
		"out of the tree":   {source.Config{}, commitOf("", map[string]string{"../b": "2"}), "InvalidPath"},
		"git's own":         {source.Config{}, commitOf("", map[string]string{".GIT/config": "2"}), "InvalidPath"},
		"an odd base":       {source.Config{}, commitOf("main", map[string]string{"a": "2"}), "InvalidBase"},
		"an unknown base":   {source.Config{}, commitOf(strings.Repeat("1", 40), map[string]string{"a": "2"}), "UnknownRevision"},
		"the base is older": {source.Config{}, commitOf(first, map[string]string{"link": "2"}), "Moved"},
		"an odd branch": {source.Config{}, func() source.Commit {
			c := commitOf("", map[string]string{"a": "2"})
			c.Branch = "a..b"
			return c
		}(), "InvalidBranch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.config.Repository = bare.dir
			_, err := open(t, tc.config).Commit(t.Context(), tc.commit)
			class := fault.Stalled
			if tc.reason == "Moved" {
				class = fault.Conflict
			}
			wantFault(t, err, class, tc.reason)
			if now := bare.git("rev-parse", "main"); now != head {
				t.Errorf("main moved to %s", now)
			}
		})
	}
}

func TestCommitDetached(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("first", map[string]string{"a": "1"})
	r.git("checkout", "-q", "--detach")
	_, err := open(t, source.Config{Repository: r.dir}).Commit(t.Context(), commitOf("", map[string]string{"a": "2"}))
	wantFault(t, err, fault.Stalled, "NotABranch")
}

// TestCommitToAServerThatRefuses: its words are told, and no credential.
func TestCommitToAServerThatRefuses(t *testing.T) {
	t.Parallel()
	const token = "token-of-mine"
	for _, name := range []string{"https", "ssh"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, origin := homes(t)[name](t, map[string]string{"a": "1"})
			hook := filepath.Join(origin.dir, "hooks", "pre-receive")
			if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
				t.Fatal(err)
			}
			script := "#!/bin/sh\necho 'main is protected, " + token + " at https://me:" + token + "@host/' >&2\nexit 1\n"
			if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := open(t, config).Commit(t.Context(), commitOf("", map[string]string{"a": "2"}))
			e := wantFault(t, err, fault.Stalled, "PushRefused")
			if !strings.Contains(e.Error(), "main is protected") || strings.Contains(e.Error(), "me:") || name == "https" && strings.Contains(e.Error(), token) {
				t.Errorf("the error is %q", e)
			}
		})
	}
	t.Run("a local hook", func(t *testing.T) {
		t.Parallel()
		config, origin := homes(t)["bare"](t, map[string]string{"a": "1"})
		hook := filepath.Join(origin.dir, "hooks", "update")
		if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(hook, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, config).Commit(t.Context(), commitOf("", map[string]string{"a": "2"}))
		wantFault(t, err, fault.Stalled, "GuardedByHook")
	})
	t.Run("no right to push", func(t *testing.T) {
		t.Parallel()
		config, origin := homes(t)["https"](t, map[string]string{"a": "1"})
		origin.git("config", "http.receivepack", "false")
		_, err := open(t, config).Commit(t.Context(), commitOf("", map[string]string{"a": "2"}))
		e := wantFault(t, err, fault.Stalled, "PermissionDenied")
		if !strings.Contains(e.Hint, "write") {
			t.Errorf("the hint is %q", e.Hint)
		}
	})
}

// TestCommitUnanswered: the server takes the push, and the answer is lost, or is
// that of a proxy that has waited for too long.
func TestCommitUnanswered(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]func(http.ResponseWriter){
		"lost":      func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"a gateway": func(w http.ResponseWriter) { w.WriteHeader(http.StatusGatewayTimeout) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unanswered(t, instead)
		})
	}
}

// unanswered commits to a server that takes the first push and answers instead.
func unanswered(t *testing.T, instead func(http.ResponseWriter)) {
	t.Helper()
	bare, clone := newBare(t)
	clone.commit("first", map[string]string{"a": "1"})
	clone.push()
	bare.git("config", "http.receivepack", "true")
	var once sync.Once
	server := gitHTTP(t, bare, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lost := false
			if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
				once.Do(func() { lost = true })
			}
			if !lost {
				h.ServeHTTP(w, r)
				return
			}
			h.ServeHTTP(&countingWriter{ResponseWriter: discard{http.Header{}}}, r)
			instead(w)
		})
	})
	s := open(t, source.Config{
		Repository: server.URL + "/specs.git", Branch: "main", Auth: source.Auth{CAFile: caFile(t, server), Token: resource.NewSecret("t")},
	})
	got, err := s.Commit(t.Context(), commitOf("", map[string]string{"a": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	if head := bare.git("rev-parse", "main"); head != got.Hash || bare.git("rev-list", "--count", "main") != "2" {
		t.Errorf("main is at %s, the commit is %s", head, got.Hash)
	}
}

// discard is an answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
