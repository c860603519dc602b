package openbao

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Config says where OpenBAO is and how to log in. Nothing is read from the
// environment.
type Config struct {
	// Address is the URL of the server, without a path.
	Address string
	// Namespace is sent with every request; empty means the root namespace.
	Namespace string
	// Mount is where KV version 2 is mounted; it may have several segments.
	Mount string
	// Prefix is the folder of all credentials below the mount; "agents" by
	// default. It may have several segments.
	Prefix string
	Auth   Auth
	// Installation tells several gatewrights that share a mount apart.
	Installation string
	TLS          TLS
	// Reads is how many reads are in flight at once; 16 by default.
	Reads int
	// Timeout limits each request; 10 s by default.
	Timeout time.Duration
	// Logger gets what happens in the background; nil means nothing.
	Logger *slog.Logger
}

// Auth is how to log in: exactly one member is set.
type Auth struct {
	Token      *Token
	AppRole    *AppRole
	Kubernetes *Kubernetes
}

// Token is a token that somebody else issued. It is renewed as long as that
// goes; a file is read again when the token in it has died.
type Token struct {
	Value resource.Secret
	File  string
}

// AppRole logs in with a role id and a secret id.
type AppRole struct {
	// Mount is the path of the login method; "approle" by default.
	Mount    string
	RoleID   string
	SecretID resource.Secret
	// SecretIDFile is read at each login, in place of SecretID.
	SecretIDFile string
}

// Kubernetes logs in with the service account token of the pod.
type Kubernetes struct {
	// Mount is the path of the login method; "kubernetes" by default.
	Mount string
	Role  string
	// TokenFile is read at each login, since the kubelet replaces it; by default
	// it is where pods have it.
	TokenFile string
}

// TLS is what to trust, and how to identify ourselves to the server's TLS.
type TLS struct {
	CAFile, CertFile, KeyFile, ServerName string
}

// serviceAccountToken is where Kubernetes puts a pod's token.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// segment is what a part of a configured path may be. The client joins paths
// without escaping and resolves dots, so that nothing else may get through.
var segment = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// withDefaults returns c completed and checked. Only what no server could make
// right is an error here.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	c.Address = strings.TrimRight(c.Address, "/")
	if u, err := url.Parse(c.Address); err != nil || u.Host == "" || u.Path != "" || u.User != nil ||
		(u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" {
		// The parser's own error would repeat a password that stands in the URL.
		bad("address is not of the form https://host:port")
	}
	c.Mount, c.Namespace = strings.Trim(c.Mount, "/"), strings.Trim(c.Namespace, "/")
	if c.Prefix == "" {
		c.Prefix = "agents"
	}
	c.Prefix = strings.Trim(c.Prefix, "/")
	if !validPath(c.Mount) {
		bad("mount %q is not a path", c.Mount)
	}
	if !validPath(c.Prefix) {
		bad("prefix %q is not a path", c.Prefix)
	}
	if c.Namespace != "" && !validPath(c.Namespace) {
		bad("namespace %q is not a path", c.Namespace)
	}
	if c.Installation == "" || len(c.Installation) > 128 || !printable(c.Installation) {
		bad("installation must have 1 to 128 printable characters")
	}
	if c.Reads <= 0 {
		c.Reads = 16
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if c.Auth, err = c.Auth.withDefaults(); err != nil {
		errs = append(errs, err)
	}
	return c, errors.Join(errs...)
}

func (a Auth) withDefaults() (Auth, error) {
	switch {
	case a.Token != nil && a.AppRole == nil && a.Kubernetes == nil:
		t := *a.Token
		if t.Value.IsZero() == (t.File == "") {
			return a, errors.New("auth: token needs a value or a file")
		}
		return Auth{Token: &t}, nil
	case a.AppRole != nil && a.Token == nil && a.Kubernetes == nil:
		r := *a.AppRole
		if r.Mount = strings.Trim(r.Mount, "/"); r.Mount == "" {
			r.Mount = "approle"
		}
		if r.RoleID == "" || !r.SecretID.IsZero() && r.SecretIDFile != "" || !validPath(r.Mount) {
			return a, errors.New("auth: appRole needs a role id, a secret id or a file with one, and a mount that is a path")
		}
		return Auth{AppRole: &r}, nil
	case a.Kubernetes != nil && a.Token == nil && a.AppRole == nil:
		k := *a.Kubernetes
		if k.Mount = strings.Trim(k.Mount, "/"); k.Mount == "" {
			k.Mount = "kubernetes"
		}
		if k.TokenFile == "" {
			k.TokenFile = serviceAccountToken
		}
		if k.Role == "" || !validPath(k.Mount) {
			return a, errors.New("auth: kubernetes needs a role, and a mount that is a path")
		}
		return Auth{Kubernetes: &k}, nil
	default:
		return a, errors.New("auth: set exactly one of token, appRole and kubernetes")
	}
}

// clientConfig makes the configuration of the api client. It starts from
// NewConfig, which alone of all ways reads no environment.
func (c Config) clientConfig() (*api.Config, error) {
	cfg := api.NewConfig()
	if cfg.Error != nil {
		return nil, cfg.Error
	}
	cfg.Address, cfg.Timeout = c.Address, c.Timeout
	// The client would repeat writes, too: a write whose answer was lost would
	// come back as a conflict with itself. What may be repeated is decided here.
	cfg.MaxRetries = 0
	if c.TLS != (TLS{}) {
		for _, file := range []string{c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile} {
			if file == "" {
				continue
			}
			if _, err := os.Stat(file); err != nil {
				return nil, fmt.Errorf("tls: %w", err)
			}
		}
		err := cfg.ConfigureTLS(&api.TLSConfig{
			CACert: c.TLS.CAFile, ClientCert: c.TLS.CertFile, ClientKey: c.TLS.KeyFile, TLSServerName: c.TLS.ServerName,
		})
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	}
	return cfg, nil
}

func validPath(path string) bool {
	for s := range strings.SplitSeq(path, "/") {
		if !segment.MatchString(s) {
			return false
		}
	}
	return true
}
