package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"golang.org/x/crypto/ssh"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// errProtocol says that the other side does not speak git as it should.
var errProtocol = errors.New("not a valid answer of a git server")

// errTimeout is the cause of a context that Config.Timeout ended.
var errTimeout = errors.New("the time for one conversation is over")

// because puts the cause of a context's end in place of what it broke.
func because(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// service is the program at the other side: one that sends packs, or one that
// takes them.
type service string

const (
	uploadPack  service = "git-upload-pack"
	receivePack service = "git-receive-pack"
)

// dialing begins a conversation.
type dialing func(context.Context, service) (conversation, error)

// dialer checks what the configuration says of a remote, and returns how to
// begin a conversation with it.
func dialer(loc location, auth Auth) (dialing, error) {
	if auth.Password.IsZero() {
		auth.Password = loc.password
	}
	if auth.Username == "" {
		auth.Username = loc.user
	}
	switch loc.scheme {
	case "ssh":
		return sshDialer(loc, auth)
	case "git":
		if !auth.Password.IsZero() || !auth.Token.IsZero() {
			return nil, misconfigured("git:// has no authentication, and a password or a token is configured", "use https:// or ssh://")
		}
		return func(ctx context.Context, s service) (conversation, error) { return dialGit(ctx, loc, s) }, nil
	default:
		return httpDialer(loc, auth)
	}
}

func httpDialer(loc location, auth Auth) (dialing, error) {
	secret := !auth.Password.IsZero() || !auth.Token.IsZero()
	if loc.scheme == "http" && secret && !loc.loopback() {
		return nil, misconfigured("a password or a token would go over http://, which anybody on the way can read", "use https://")
	}
	if auth.SSHKeyFile != "" {
		return nil, misconfigured("an SSH key is configured for a repository at %s://", "use ssh://, or a password or a token", loc.scheme)
	}
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		base = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport := base.Clone()
	if auth.CAFile != "" {
		pool, err := certificates(auth.CAFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	access := &credentials{username: auth.Username, password: auth.Password, token: auth.Token}
	return func(_ context.Context, s service) (conversation, error) {
		return newHTTP(loc, access, transport, s), nil
	}, nil
}

func certificates(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, misconfigured("the CA file cannot be read: %w", "name a file of PEM certificates", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // the file alone then
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, misconfigured("the CA file %s holds no certificate", "name a file of PEM certificates", file)
	}
	return pool, nil
}

func signer(file string, passphrase resource.Secret) (ssh.Signer, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, misconfigured("the SSH key cannot be read: %w", "name the private key, not the .pub file", err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		if passphrase.IsZero() {
			return nil, misconfigured("the SSH key %s has a passphrase, and none is configured", "configure it as the password", file)
		}
		key, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase.Reveal()))
	}
	if err != nil {
		return nil, misconfigured("the SSH key %s cannot be used: %w", "name a private key in OpenSSH or PEM form", file, plain(err))
	}
	return key, nil
}

// plain keeps of an error what it says, not what it is.
func plain(err error) error { return fmt.Errorf("%s", printable(err.Error())) }
