package desk

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// maxURL bounds the path and the query of a request.
const maxURL = 8 << 10

// below resolves what a person wrote as a path below the base of an API, and
// refuses whatever leads, or may lead a server on the way that decodes once more
// than we do, to anywhere else.
//
//	path                             | why it is refused
//	---------------------------------+------------------------------------------
//	http://other/, other             | it does not begin with a slash
//	//other/                         | a client takes that for a host
//	/../admin, /./x, /..;v=1/x       | it leaves the base, or is read so
//	/%2e%2e/x, /%252e%252e/x, /..%2f | the same once or twice decoded
//	/a\..\b, /%5c                    | some servers read it as a slash
//	line feeds, NUL, also encoded    | it would begin another line
//	#fragment                        | it is never sent
func below(base *url.URL, text string) (*url.URL, error) {
	refuse := func(format string, args ...any) (*url.URL, error) { return nil, invalid("path", format, args...) }
	switch {
	case len(text) > maxURL:
		return refuse("it is longer than %d bytes", maxURL)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, blank):
		return refuse("it holds blanks or characters that no URL has; write them as %%20 and so on")
	case strings.Contains(text, "#"):
		return refuse("a fragment is never sent; leave out # and what follows")
	}
	raw, query, _ := strings.Cut(text, "?")
	switch {
	case raw != "" && raw[0] != '/':
		return refuse("it begins with a slash, and names no host: it is below %s", base.Redacted())
	case strings.HasPrefix(raw, "//"):
		return refuse("it begins with one slash")
	}
	if _, err := url.PathUnescape(raw); err != nil {
		return refuse("after a percent sign stand two hexadecimal digits")
	}
	if leaves(raw) {
		return refuse("it leads out of the API: no segment may be . or .., encoded or not, and no backslash")
	}
	out := *base
	out.User, out.RawQuery, out.ForceQuery, out.Fragment, out.RawFragment = nil, query, false, "", ""
	out.RawPath = strings.TrimSuffix(base.EscapedPath(), "/") + raw
	var err error
	if out.Path, err = url.PathUnescape(out.RawPath); err != nil || !isBelow(base, &out) {
		return refuse("it leads out of the API")
	}
	return &out, nil
}

// blank reports a character that no part of a URL may hold as it is.
func blank(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }

// decodings is how often a path is decoded to find where it may lead.
const decodings = 4

// leaves reports that a path may lead out of its base, decoded as often as
// anybody on the way may do.
func leaves(raw string) bool {
	for range decodings {
		if strings.ContainsRune(raw, '\\') || strings.ContainsFunc(raw, func(r rune) bool { return r != ' ' && blank(r) }) {
			return true
		}
		for segment := range strings.SplitSeq(raw, "/") {
			name, _, _ := strings.Cut(segment, ";")
			if name == "." || name == ".." {
				return true
			}
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil || decoded == raw {
			return false
		}
		raw = decoded
	}
	return true // nobody means to be decoded that often
}

// isBelow reports that u is base or below it.
func isBelow(base, u *url.URL) bool {
	root := strings.TrimSuffix(path.Clean("/"+base.Path), "/")
	at := path.Clean("/" + u.Path)
	return u.Scheme == base.Scheme && u.Host == base.Host && u.User == nil && (at == root || strings.HasPrefix(at, root+"/"))
}
