package access

import (
	"net/url"
	"strings"
	"unicode"
)

// maxReturn is the longest address that is gone back to after a login.
const maxReturn = 1024

// returnPath is s if it is the address of a page of this console, and the first
// page otherwise. Browsers take a backslash for a slash and skip tabs and line
// breaks, and two slashes begin the name of another host.
func returnPath(s string) string {
	const first = "/"
	if len(s) > maxReturn || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsFunc(s, func(r rune) bool {
		return r == '\\' || unicode.IsControl(r) || unicode.IsSpace(r)
	}) {
		return first
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.Contains(u.Path, "//") || own(u.Path) {
		return first
	}
	out := u.EscapedPath()
	if u.RawQuery != "" {
		out += "?" + u.RawQuery
	}
	if len(out) > maxReturn {
		return first
	}
	return out
}

// own reports whether a path is one of this package, or none that a person
// goes to.
func own(path string) bool {
	for _, prefix := range []string{pathLogin, pathLogout, pathLink, pathAPI} {
		if path == strings.TrimSuffix(prefix, "/") || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/") {
			return true
		}
	}
	return false
}
