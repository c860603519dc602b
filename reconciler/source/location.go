package source

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// location is where a repository is, with the credentials taken out.
type location struct {
	// scheme is file, https, http, ssh or git.
	scheme string
	// host is host or host:port; empty for file.
	host string
	// path is the path on this machine or at the host.
	path string
	user string
	// password is what the URL carried.
	password resource.Secret
}

// String returns the location as it may be printed: it holds no credential.
func (l location) String() string {
	switch l.scheme {
	case "file":
		return l.path
	case "ssh":
		return (&url.URL{Scheme: l.scheme, User: url.User(l.user), Host: l.host, Path: "/" + strings.TrimPrefix(l.path, "/")}).String()
	default:
		return l.url()
	}
}

func (l location) url() string {
	return (&url.URL{Scheme: l.scheme, Host: l.host, Path: l.path}).String()
}

func (l location) local() bool { return l.scheme == "file" }

// loopback reports whether the host is this machine.
func (l location) loopback() bool {
	name := l.host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

var (
	schemed = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)
	// passworded is an address that somebody gave a password, as in a URL.
	passworded = regexp.MustCompile(`^[^@/:\s]+:[^@/]*@[^/:@]+[/:]`)
	// scpLike is git's rule: a colon before the first slash, and a host of more
	// than one letter, since one letter and a colon is a drive.
	scpLike = regexp.MustCompile(`^(?:([^@/:\s]+)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]+):(.*)$`)
)

// parseLocation reads a repository's address. Its errors never repeat the
// address, which may hold a password.
func parseLocation(repository string) (location, error) {
	if strings.ContainsFunc(repository, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return location{}, misconfigured("the repository's address holds a control character", "write it on one line")
	}
	if m := schemed.FindStringSubmatch(repository); m != nil {
		return parseURL(strings.ToLower(m[1]), repository)
	}
	if passworded.MatchString(repository) && !exists(repository) {
		return location{}, misconfigured("the repository's address holds a password", "SSH takes none there; write ssh://user@host/path, and configure a key")
	}
	if m := scpLike.FindStringSubmatch(repository); m != nil && !exists(repository) {
		return sshLocation(m[1], m[2], m[3])
	}
	return fileLocation(repository)
}

func parseURL(scheme, repository string) (location, error) {
	u, err := url.Parse(repository)
	if err != nil {
		return location{}, misconfigured("the repository's URL cannot be read", "special characters in a user name or password are written as %XX; better, configure them apart from the URL")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return location{}, misconfigured("the repository's URL has a query or a fragment", "leave out everything from ? or #; a token belongs in the authentication settings")
	}
	if scheme == "file" {
		if u.Host != "" && u.Host != "localhost" {
			return location{}, misconfigured("the repository's URL names a file on another host", "write file:///path with three slashes")
		}
		return fileLocation(u.Path)
	}
	if u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		return location{}, misconfigured("the repository's URL has no host or no path", "write it as https://host/path or ssh://git@host/path")
	}
	loc := location{scheme: scheme, host: u.Host, path: u.Path, user: u.User.Username()}
	if password, ok := u.User.Password(); ok {
		loc.password = resource.NewSecret(password)
	}
	switch scheme {
	case "https", "http":
	case "ssh", "git+ssh", "ssh+git":
		loc.scheme = "ssh"
		return withSSHDefaults(loc)
	case "git":
		if u.User != nil {
			return location{}, misconfigured("git:// knows no users", "use https:// or ssh://")
		}
		if strings.ContainsRune(u.Path, 0) {
			return location{}, misconfigured("the repository's path holds a zero byte", "")
		}
	default:
		return location{}, misconfigured("repositories with the scheme %s are not supported", "use a path, https://, ssh:// or user@host:path", scheme)
	}
	return loc, nil
}

func sshLocation(user, host, path string) (location, error) {
	if strings.Trim(path, "/") == "" {
		return location{}, misconfigured("the repository's address has no path after the host", "write it as git@host:path")
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err != nil || !addr.Is6() {
			return location{}, misconfigured("the host in brackets is no IPv6 address", "write it as git@host:path, or as git@[::1]:path")
		}
	}
	return withSSHDefaults(location{scheme: "ssh", host: host, path: path, user: user})
}

// withSSHDefaults also undoes what a URL says of a home: /~user and /~/.
func withSSHDefaults(loc location) (location, error) {
	if loc.user == "" {
		loc.user = "git"
	}
	if strings.HasPrefix(loc.path, "/~") {
		loc.path = loc.path[1:]
	}
	if strings.ContainsAny(loc.path, "\x00\n") {
		return location{}, misconfigured("the repository's path holds a zero byte or a line end", "")
	}
	return loc, nil
}

func fileLocation(path string) (location, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return location{}, misconfigured("the repository's path is empty or holds a zero byte", "")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return location{}, misconfigured("the repository's path cannot be made absolute: %w", "", err)
	}
	return location{scheme: "file", path: abs}, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
