package desk

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// command is a request as a command for a shell, which gets a token of its own:
// none is written into it.
type command struct {
	method, url string
	header      http.Header
	body        []byte
	// of and client say whose token; an empty client means none.
	of             Binding
	client         string
	injected, lead string
}

// String prints the command on one line.
func (c command) String() string {
	words := []string{"curl", "-i", "-g"}
	switch {
	case c.method == http.MethodHead:
		words = append(words, "-I")
	case c.method != http.MethodGet || len(c.body) > 0:
		words = append(words, "-X", quote(c.method))
	}
	names := make([]string, 0, len(c.header))
	for name := range c.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range c.header[name] {
			words = append(words, "-H", quote(name+": "+value))
		}
	}
	if c.client != "" {
		token := `"$(gatewright token ` + quote(c.of.String()) + ` --client ` + quote(c.client) + `)"`
		words = append(words, "-H", quote(c.injected+": "+c.lead)+token)
	}
	if len(c.body) > 0 && c.header.Get("Content-Type") == "" {
		words = append(words, "-H", "Content-Type:") // or curl would make one up
	}
	switch {
	case len(c.body) > 0 && utf8.Valid(c.body) && !slices.Contains(c.body, 0):
		words = append(words, "--data-raw", quote(string(c.body)))
	case len(c.body) > 0:
		words = append(words, "--data-binary", "@FILE")
	}
	return strings.Join(append(words, quote(c.url)), " ")
}

// quote writes a word so that a POSIX shell reads it as it is.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@,+", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
