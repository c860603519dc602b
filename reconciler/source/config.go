package source

import (
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// The defaults of a [Config].
const (
	DefaultPoll     = time.Minute
	DefaultTimeout  = time.Minute
	DefaultFileSize = 8 << 20
	DefaultFiles    = 100_000
)

// Config says which specs to read.
type Config struct {
	// Repository is a path, or a URL with the scheme file, https, ssh, http or
	// git, or user@host:path. A bare repository, a working copy and a linked
	// worktree all serve; of a working copy the commits are read, not the
	// files.
	Repository string
	// Branch or Tag is the ref to follow, without refs/heads/ or refs/tags/.
	// With neither it is the repository's HEAD.
	Branch, Tag string
	// Path is the directory of the specs below the root of the repository.
	Path string
	// Poll is how often Watch looks without having been told. Zero is
	// DefaultPoll.
	Poll time.Duration
	// Timeout ends one conversation with a remote. Zero is DefaultTimeout.
	Timeout time.Duration
	Auth    Auth
	Limits  Limits
	// Logger gets what is worth knowing and is no error. It may be nil.
	Logger *slog.Logger
}

// Auth is how to prove who we are to a remote repository.
type Auth struct {
	// Username defaults to the one in the URL, then to "git".
	Username string
	// Password is for https and ssh; with SSHKeyFile it decrypts the key.
	Password resource.Secret
	// Token is an access token for https. It is sent as the password, which
	// every host takes, and as a bearer token where a server asks for that.
	Token resource.Secret
	// SSHKeyFile is a private key. Without one, and without a password, the
	// agent at SSH_AUTH_SOCK is asked.
	SSHKeyFile string
	// KnownHostsFile holds the host keys to trust; the default is
	// ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. It is always enforced.
	KnownHostsFile string
	// CAFile holds certificates to trust beside the system's.
	CAFile string
}

// Limits bound what one repository may cost. Zero is the default.
type Limits struct {
	// FileSize is the largest file, in bytes, that Entry.Read reads.
	FileSize int64
	// Files is the largest number of files of a snapshot.
	Files int
}

// normalize fills in defaults and finds what is wrong with the configuration
// itself.
func (c *Config) normalize() error {
	if c.Repository == "" {
		return misconfigured("no repository is configured", "name the git repository of the specs: a path or a URL")
	}
	c.Branch = strings.TrimPrefix(c.Branch, "refs/heads/")
	c.Tag = strings.TrimPrefix(c.Tag, "refs/tags/")
	if c.Branch != "" && c.Tag != "" {
		return misconfigured("both a branch and a tag are configured", "follow one of them")
	}
	for _, name := range []string{c.Branch, c.Tag} {
		if name != "" && !validRef("refs/heads/"+name) {
			return misconfigured("%q is no name that git allows for a branch or a tag", "see git help check-ref-format", name)
		}
	}
	var err error
	if c.Path, err = cleanPath(c.Path); err != nil {
		return err
	}
	if c.Poll < 0 || c.Timeout < 0 || c.Limits.FileSize < 0 || c.Limits.Files < 0 {
		return misconfigured("a poll interval, timeout or limit is negative", "leave it out for its default")
	}
	c.setDefaults()
	return nil
}

func (c *Config) setDefaults() {
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Limits.FileSize == 0 {
		c.Limits.FileSize = DefaultFileSize
	}
	if c.Limits.Files == 0 {
		c.Limits.Files = DefaultFiles
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// cleanPath returns a sub-path in its shortest form, without "./" in front; the
// root is the empty string.
func cleanPath(p string) (string, error) {
	if strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\\x00") {
		return "", misconfigured("the path %q is not a relative path with slashes", "write it relative to the root of the repository, as specs/agents", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return "", misconfigured("the path %q leaves the repository", "write it relative to the root of the repository, without ..", p)
		}
	}
	p = path.Clean(p)
	if p == "." {
		p = ""
	}
	return p, nil
}

// Misconfigured is the reason of an error that a configuration is at fault for.
const Misconfigured = "InvalidConfiguration"

func misconfigured(format, hint string, args ...any) error {
	e := fault.New(fault.Stalled, Misconfigured, format, args...)
	e.Op, e.Target, e.Hint = "configure source", "git", hint
	return e
}
