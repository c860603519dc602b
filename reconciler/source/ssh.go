package source

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const sshPort = "22"

// errNoSSHKey says that there is nothing to log in with.
var errNoSSHKey = errors.New("no SSH key is configured and no agent is running")

// hostKeyError is a host that is not, or no longer, who known_hosts says.
type hostKeyError struct {
	host    string
	changed bool
}

func (e *hostKeyError) Error() string {
	if e.changed {
		return "the host key of " + e.host + " is not the one in known_hosts"
	}
	return "the host key of " + e.host + " is not in known_hosts"
}

// sshTarget is what a conversation over ssh needs.
type sshTarget struct {
	location location
	address  string
	user     string
	auth     Auth
	// key is nil where a password or the agent serves.
	key   ssh.Signer
	known *knownhosts.HostKeyDB
}

func sshDialer(loc location, auth Auth) (dialing, error) {
	t := &sshTarget{location: loc, address: loc.host, user: orGit(auth.Username), auth: auth}
	if _, _, err := net.SplitHostPort(t.address); err != nil {
		t.address = net.JoinHostPort(strings.Trim(t.address, "[]"), sshPort)
	}
	if !auth.Token.IsZero() {
		return nil, misconfigured("a token is configured for a repository over ssh", "use https://, or an SSH key")
	}
	var err error
	if auth.SSHKeyFile != "" {
		if t.key, err = signer(auth.SSHKeyFile, auth.Password); err != nil {
			return nil, err
		}
	}
	if t.known, err = knownHosts(auth.KnownHostsFile); err != nil {
		return nil, err
	}
	return t.dial, nil
}

// knownHosts reads the host keys to trust. Without any file no host is known.
func knownHosts(file string) (*knownhosts.HostKeyDB, error) {
	files := []string{file}
	if file == "" {
		files = nil
		home, _ := os.UserHomeDir() // without one there is the system's file
		for _, f := range []string{filepath.Join(home, ".ssh", "known_hosts"), "/etc/ssh/ssh_known_hosts"} {
			if exists(f) {
				files = append(files, f)
			}
		}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, misconfigured("known_hosts cannot be read: %w", "write it with ssh-keyscan HOST, and compare the keys with what the host publishes", plain(err))
	}
	return db, nil
}

func (t *sshTarget) dial(ctx context.Context, s service) (conversation, error) {
	methods, closeAgent, err := t.methods(ctx)
	if err != nil {
		return nil, err
	}
	defer closeAgent()
	var unknown *hostKeyError
	config := &ssh.ClientConfig{
		User: t.user, Auth: methods,
		HostKeyAlgorithms: t.known.HostKeyAlgorithms(t.address),
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			err := t.known.HostKeyCallback()(host, remote, key)
			if err != nil {
				unknown = &hostKeyError{host: t.location.host, changed: knownhosts.IsHostKeyChanged(err)}
			}
			return err
		},
	}
	conn, err := connect(ctx, t.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, t.address, config)
	if err != nil {
		stop()
		_ = conn.Close() // the handshake's error says more
		if unknown != nil {
			return nil, unknown
		}
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	talk, err := startService(client, s, t.location.path)
	if err != nil {
		stop()
		return nil, errors.Join(err, client.Close())
	}
	talk.end = func() error {
		stop()
		if err := client.Close(); !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
	return talk, nil
}

// methods are the ways to log in, and how to let go of the agent.
func (t *sshTarget) methods(ctx context.Context) ([]ssh.AuthMethod, func(), error) {
	none := func() {}
	switch {
	case t.key != nil:
		return []ssh.AuthMethod{ssh.PublicKeys(t.key)}, none, nil
	case !t.auth.Password.IsZero():
		return []ssh.AuthMethod{ssh.Password(t.auth.Password.Reveal())}, none, nil
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, none, errNoSSHKey
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, none, errNoSSHKey
	}
	return []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(conn).Signers)}, func() { _ = conn.Close() }, nil
}

// startService starts the server's side.
func startService(client *ssh.Client, s service, path string) (*pipe, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	said := new(tail)
	session.Stderr = said
	if err := session.Start(string(s) + " " + shellQuote(path)); err != nil {
		return nil, err
	}
	wait := func() string {
		// Its output ended, so it ends; then all that it said has come.
		_ = session.Wait()
		return printable(said.String())
	}
	return &pipe{in: in, out: out, said: wait}, nil
}

// shellQuote quotes as git does, for hosts that take the line apart.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

// tail keeps the first of what is written to it, and takes the rest.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), 1<<10-min(len(t.text), 1<<10))]...)
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
