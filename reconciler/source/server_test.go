package source_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// gitHTTP serves the directory above a bare repository with the real git
// http-backend, behind whatever wrap adds.
func gitHTTP(t testing.TB, bare repo, wrap func(http.Handler) http.Handler) *httptest.Server {
	t.Helper()
	backend := &cgi.Handler{
		Path: "/bin/sh", Args: []string{"-c", "exec git http-backend"},
		Env:        []string{"GIT_PROJECT_ROOT=" + filepath.Dir(bare.dir), "GIT_HTTP_EXPORT_ALL=1"},
		InheritEnv: []string{"PATH", "HOME", "GIT_CONFIG_NOSYSTEM"},
		Stderr:     io.Discard,
	}
	server := httptest.NewUnstartedServer(wrap(backend))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that hang up are meant to
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func plainly(h http.Handler) http.Handler { return h }

// caFile writes the certificate of a test server.
func caFile(t testing.TB, server *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// requests counts requests and the bytes of their answers.
type requests struct {
	mu    sync.Mutex
	lines []string
	bytes int
}

func (r *requests) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.add(req.Method+" "+req.URL.Path, 0)
		h.ServeHTTP(countingWriter{w, r}, req)
	})
}

// add counts before a client can see what is counted.
func (r *requests) add(line string, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if line != "" {
		r.lines = append(r.lines, line)
	}
	r.bytes += bytes
}

// take returns what came since the last take.
func (r *requests) take() ([]string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines, n := r.lines, r.bytes
	r.lines, r.bytes = nil, 0
	return lines, n
}

type countingWriter struct {
	http.ResponseWriter
	requests *requests
}

func (c countingWriter) Write(p []byte) (int, error) {
	c.requests.add("", len(p))
	return c.ResponseWriter.Write(p)
}

// listen accepts connections on loopback until the test ends, and waits for
// those that it served.
func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}

// gitDaemon serves over git:// with the real git daemon.
func gitDaemon(t testing.TB, bare repo) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		cmd := exec.Command("git", "daemon", "--inetd", "--export-all", "--base-path="+filepath.Dir(bare.dir))
		cmd.Stdin, cmd.Stdout = conn, conn
		_ = cmd.Run() // what goes wrong shows at the client
	})
}

// sshServer runs git-upload-pack for whoever has the key.
type sshServer struct {
	address  string
	hostKey  ssh.Signer
	password string
}

func newSSHServer(t testing.TB, allowed ssh.PublicKey, password string) *sshServer {
	t.Helper()
	s := &sshServer{hostKey: newSigner(t), password: password}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if allowed != nil && bytes.Equal(key.Marshal(), allowed.Marshal()) {
				return &ssh.Permissions{}, nil
			}
			return nil, errors.New("unknown key")
		},
		PasswordCallback: func(_ ssh.ConnMetadata, got []byte) (*ssh.Permissions, error) {
			if password != "" && string(got) == password {
				return &ssh.Permissions{}, nil
			}
			return nil, errors.New("wrong password")
		},
	}
	config.AddHostKey(s.hostKey)
	s.address = listen(t, func(conn net.Conn) { serveSSH(conn, config) })
	return s
}

func serveSSH(conn net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			if r.Type != "exec" {
				_ = r.Reply(false, nil)
				continue
			}
			_ = r.Reply(true, nil)
			runShell(channel, string(r.Payload[4:]))
			break
		}
		_ = channel.Close()
	}
}

func runShell(channel ssh.Channel, line string) {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(in, channel); _ = in.Close() }()
	status := byte(0)
	if cmd.Run() != nil {
		status = 128
	}
	_, _ = channel.SendRequest("exit-status", false, []byte{0, 0, 0, status})
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	signer, _ := newKeyFile(t, "")
	return signer
}

// newKeyFile makes a key, in a file as ssh-keygen writes it.
func newKeyFile(t testing.TB, passphrase string) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, file
}

func knownHostsFile(t testing.TB, address string, key ssh.PublicKey) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	line := ""
	if key != nil {
		line = knownhosts.Line([]string{address}, key) + "\n"
	}
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// hang accepts connections and never answers.
func hang(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithCancel(background())
	t.Cleanup(cancel)
	return listen(t, func(conn net.Conn) {
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		_, _ = io.Copy(io.Discard, conn)
	})
}

func hasLine(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, part) })
}
