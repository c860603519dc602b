package source_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

func TestRemoteAuthentication(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", map[string]string{"a": "a"})
	r.push()
	basic := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, ok := req.BasicAuth(); !ok || user != "ada" || password != "s3cret!@:" {
				w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
				http.Error(w, "who are you? s3cret!@:", http.StatusUnauthorized)
				return
			}
			h.ServeHTTP(w, req)
		})
	}
	bearer := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Authorization") != "Bearer t0ken" {
				w.Header().Set("WWW-Authenticate", `Bearer realm="git"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			h.ServeHTTP(w, req)
		})
	}
	anyUser := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, _ := req.BasicAuth(); user == "" || password != "t0ken" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			h.ServeHTTP(w, req)
		})
	}
	secret, token := resource.NewSecret("s3cret!@:"), resource.NewSecret("t0ken")
	tests := map[string]struct {
		wrap   func(http.Handler) http.Handler
		user   string // in the URL
		auth   source.Auth
		reason string // empty if it works
	}{
		"password":        {basic, "", source.Auth{Username: "ada", Password: secret}, ""},
		"in the URL":      {basic, "ada:s3cret%21%40%3A@", source.Auth{}, ""},
		"user in the URL": {basic, "ada@", source.Auth{Password: secret}, ""},
		"token":           {anyUser, "", source.Auth{Token: token}, ""},
		"bearer token":    {bearer, "", source.Auth{Token: token}, ""},
		"none":            {basic, "", source.Auth{}, "AuthenticationRequired"},
		"only a user":     {basic, "ada@", source.Auth{}, "AuthenticationRequired"},
		"wrong password":  {basic, "ada:wr0ng@", source.Auth{}, "AuthenticationFailed"},
		"wrong token":     {bearer, "", source.Auth{Token: secret}, "AuthenticationFailed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := gitHTTP(t, bare, tt.wrap)
			tt.auth.CAFile = caFile(t, server)
			s := open(t, source.Config{Repository: strings.Replace(server.URL, "://", "://"+tt.user, 1) + "/specs.git", Auth: tt.auth})
			snap, err := s.Snapshot(t.Context())
			if tt.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				wantContents(t, snap.Tree, map[string]string{"a": "a"})
				return
			}
			e := wantFault(t, err, fault.Stalled, tt.reason)
			for _, secret := range []string{"s3cret", "t0ken", "wr0ng"} {
				if text := fmt.Sprintf("%v %+v %s %s", err, err, e.Hint, e.Resource); strings.Contains(text, secret) {
					t.Errorf("the error tells a secret: %s", text)
				}
			}
		})
	}
}

func TestRemoteAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", map[string]string{"a": "a"})
	r.push()
	answer := func(status int, contentType, body string) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			})
		}
	}
	const advertisement = "application/x-git-upload-pack-advertisement"
	tests := map[string]struct {
		wrap        func(http.Handler) http.Handler
		path        string
		class       fault.Class
		reason      string
		unreachable bool
	}{
		"no such repository": {plainly, "/nope.git", fault.Stalled, "RepositoryNotFound", false},
		"login page":         {answer(200, "text/html", "<html>log in"), "/specs.git", fault.Stalled, "NotAGitServer", false},
		"dumb server":        {answer(200, "text/plain", ""), "/specs.git", fault.Stalled, "NotAGitServer", false},
		"forbidden":          {answer(403, "text/plain", "no"), "/specs.git", fault.Stalled, "PermissionDenied", false},
		"rate limit":         {answer(429, "text/plain", "slow"), "/specs.git", fault.Transient, "RateLimited", false},
		"server error":       {answer(502, "text/html", "bad gateway"), "/specs.git", fault.Transient, "ServerError", true},
		"teapot":             {answer(418, "text/plain", ""), "/specs.git", fault.Stalled, "RefusedByServer", false},
		"garbage":            {answer(200, advertisement, "<html>log in"), "/specs.git", fault.Transient, "InvalidAnswer", true},
		"half an answer":     {answer(200, advertisement, "001e# service=git-upload-pack\n000000ff"), "/specs.git", fault.Transient, "Unreachable", true},
		"refusal by git":     {answer(200, advertisement, "001e# service=git-upload-pack\n0000001cERR access denied to you"), "/specs.git", fault.Stalled, "PermissionDenied", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := gitHTTP(t, bare, tt.wrap)
			s := open(t, source.Config{Repository: server.URL + tt.path, Auth: source.Auth{CAFile: caFile(t, server)}})
			_, err := s.Snapshot(t.Context())
			e := wantFault(t, err, tt.class, tt.reason)
			if e.Unreachable != tt.unreachable {
				t.Errorf("unreachable is %v: %v", e.Unreachable, err)
			}
			if tt.reason == "RateLimited" && e.RetryAfter != 7*time.Second {
				t.Errorf("retry after %v, want 7s", e.RetryAfter)
			}
			if strings.Contains(err.Error(), "<html>") {
				t.Errorf("the error repeats the answer: %v", err)
			}
		})
	}
}

// TestRemoteBreaksOff: a pack that ends early, and is whole the next time.
func TestRemoteBreaksOff(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", map[string]string{"a": strings.Repeat("a line of spec\n", 1000)})
	r.push()
	broken := true
	server := gitHTTP(t, bare, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodPost && broken {
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
				_, _ = w.Write([]byte("0034shallow " + strings.Repeat("0", 40) + "0000" + "0008NAK\n" + "0010\x01PACK\x00\x00\x00\x02"))
				broken = false
				return
			}
			h.ServeHTTP(w, req)
		})
	})
	s := open(t, source.Config{Repository: server.URL + "/specs.git", Auth: source.Auth{CAFile: caFile(t, server)}})
	_, err := s.Snapshot(t.Context())
	if fault.ClassOf(err) != fault.Transient || !fault.IsUnreachable(err) {
		t.Errorf("half a pack: %v is %s", err, fault.ClassOf(err))
	}
	if tree := snapshot(t, s).Tree; len(tree) != 1 {
		t.Errorf("the second try gave %v", tree)
	}
}

func TestRemoteRedirects(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", map[string]string{"a": "a"})
	r.push()
	count := new(requests)
	var sawAuth bool
	other := gitHTTP(t, bare, func(h http.Handler) http.Handler {
		return count.wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			sawAuth = sawAuth || req.Header.Get("Authorization") != ""
			h.ServeHTTP(w, req)
		}))
	})
	moved := gitHTTP(t, bare, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if rest, ok := strings.CutPrefix(req.URL.Path, "/old.git"); ok {
				http.Redirect(w, req, "/specs.git"+rest+"?"+req.URL.RawQuery, http.StatusMovedPermanently)
				return
			}
			if rest, ok := strings.CutPrefix(req.URL.Path, "/away.git"); ok {
				http.Redirect(w, req, other.URL+"/specs.git"+rest+"?"+req.URL.RawQuery, http.StatusFound)
				return
			}
			h.ServeHTTP(w, req)
		})
	})
	auth := source.Auth{CAFile: caFile(t, moved), Token: resource.NewSecret("t0ken")}
	snap := snapshot(t, open(t, source.Config{Repository: moved.URL + "/old.git", Auth: auth}))
	wantContents(t, snap.Tree, map[string]string{"a": "a"})

	_, err := open(t, source.Config{Repository: moved.URL + "/away.git", Auth: auth}).Snapshot(t.Context())
	wantFault(t, err, fault.Stalled, "Redirected")
	if lines, _ := count.take(); len(lines) != 0 || sawAuth {
		t.Errorf("another host was asked %v, with credentials %v", lines, sawAuth)
	}
	// Without credentials there is nothing to give away.
	auth.Token = resource.Secret{}
	snap = snapshot(t, open(t, source.Config{Repository: moved.URL + "/away.git", Auth: auth}))
	wantContents(t, snap.Tree, map[string]string{"a": "a"})
	if lines, _ := count.take(); !hasLine(lines, "POST /specs.git/git-upload-pack") {
		t.Errorf("the other host was asked %v", lines)
	}
}

func TestRemoteUnreachable(t *testing.T) {
	t.Parallel()
	bare, _ := newBare(t)
	server := gitHTTP(t, bare, plainly)
	silent := hang(t)
	_, key := newKeyFile(t, "")
	auth := source.Auth{SSHKeyFile: key, KnownHostsFile: knownHostsFile(t, silent, newSigner(t).PublicKey())}
	tests := map[string]struct {
		config source.Config
		class  fault.Class
		reason string
	}{
		"refused":          {source.Config{Repository: "https://127.0.0.1:1/x"}, fault.Transient, "Unreachable"},
		"no such host":     {source.Config{Repository: "https://nowhere.invalid/x"}, fault.Transient, "Unreachable"},
		"unknown CA":       {source.Config{Repository: server.URL + "/specs.git"}, fault.Stalled, "TLSFailed"},
		"http for https":   {source.Config{Repository: "http://" + server.Listener.Addr().String() + "/x"}, fault.Stalled, "RefusedByServer"},
		"hangs over https": {source.Config{Repository: "https://" + silent + "/x"}, fault.Transient, "Timeout"},
		"hangs over http":  {source.Config{Repository: "http://" + silent + "/x"}, fault.Transient, "Timeout"},
		"hangs over git":   {source.Config{Repository: "git://" + silent + "/x"}, fault.Transient, "Timeout"},
		"hangs over ssh":   {source.Config{Repository: "ssh://" + silent + "/x", Auth: auth}, fault.Transient, "Timeout"},
		"ssh refused":      {source.Config{Repository: "ssh://127.0.0.1:1/x", Auth: auth}, fault.Transient, "Unreachable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.config.Timeout = 300 * time.Millisecond
			if tt.reason != "Timeout" {
				tt.config.Timeout = 20 * time.Second
			}
			start := time.Now()
			_, err := open(t, tt.config).Snapshot(t.Context())
			e := wantFault(t, err, tt.class, tt.reason)
			if !e.Unreachable && tt.reason != "RefusedByServer" {
				t.Errorf("the error does not say unreachable: %v", err)
			}
			if took := time.Since(start); tt.reason == "Timeout" && took > 5*time.Second {
				t.Errorf("the timeout of 300ms took %v", took)
			}
		})
	}
}

func TestGitDaemonRefuses(t *testing.T) {
	t.Parallel()
	bare, _ := newBare(t)
	_, err := open(t, source.Config{Repository: "git://" + gitDaemon(t, bare) + "/nope"}).Snapshot(t.Context())
	// The daemon does not say which: it may be missing or not exported.
	if fault.ClassOf(err) != fault.Stalled {
		t.Errorf("error %v is %s", err, fault.ClassOf(err))
	}
}
