//go:build unix

package main

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"

	"github.com/rogpeppe/go-internal/testscript"
)

// gitServer serves the directory with git's own backend over https, or asks
// everybody for a password that nobody has.
func gitServer(ts *testscript.TestScript, w *world, args []string) {
	backend := &cgi.Handler{
		Path: "/bin/sh", Args: []string{"-c", "exec git http-backend"},
		Env:        []string{"GIT_PROJECT_ROOT=" + ts.MkAbs("."), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1"},
		InheritEnv: []string{"PATH"}, Stderr: io.Discard,
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if len(args) > 0 && args[0] == "password" {
			rw.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(rw, r)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that hang up are meant to
	srv.StartTLS()
	w.closers = append(w.closers, srv.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("git-ca.pem"), ca, 0o600))
	ts.Setenv("GIT", srv.URL)
}

// dotdot commits a tree with an entry "..", over which git itself would stumble.
func dotdot(ts *testscript.TestScript, _ *world, _ []string) {
	git := func(in []byte, args ...string) []byte {
		cmd := exec.Command("git", append([]string{"-C", ts.MkAbs("specs")}, args...)...)
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		ts.Check(err)
		return bytes.TrimSpace(out)
	}
	raw := func(id []byte) []byte {
		b, err := hex.DecodeString(string(id))
		ts.Check(err)
		return b
	}
	blob := git(nil, "rev-parse", "HEAD:travel/booking.cue")
	below := git(append([]byte("100644 up.cue\x00"), raw(blob)...), "hash-object", "--literally", "-t", "tree", "-w", "--stdin")
	tree := append([]byte("40000 ..\x00"), raw(below)...)
	tree = append(append(tree, "100644 booking.cue\x00"...), raw(blob)...)
	top := git(tree, "hash-object", "--literally", "-t", "tree", "-w", "--stdin")
	at := git(nil, "-c", "user.name=Ada", "-c", "user.email=ada@acme.example", "commit-tree", string(top), "-m", "up and out")
	git(nil, "update-ref", "refs/heads/main", string(at))
}
