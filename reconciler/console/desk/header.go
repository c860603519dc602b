package desk

import (
	"net/http"
	"net/textproto"
	"strings"
)

// Bounds of what a person may send with a request.
const (
	maxHeaders     = 100
	maxHeaderBytes = 32 << 10
	maxMethod      = 20
)

// kept are the headers that say where a request goes, how long it is or who
// asks: they are not for a person to write. Accept-Encoding would keep us from
// seeing what an answer holds.
var kept = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Cookie": true, "Expect": true, "Forwarded": true,
	"Host": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Via": true,
	"X-Real-Ip": true,
}

// keptPrefixes begin the names of more of them.
var keptPrefixes = []string{"Proxy-", "X-Forwarded-", "Sec-"}

// headers checks what a person wants to send. token is the header that their
// token is put into; empty if none is.
func headers(in http.Header, token string) (http.Header, error) {
	out, size, count := http.Header{}, 0, 0
	for name, values := range in {
		if !isToken(name) {
			return nil, invalid("header", "%.60q is no name of a header", name)
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case isKept(canonical):
			return nil, invalid("header."+canonical, "it cannot be set here")
		case token != "" && (canonical == defaultHeader || canonical == textproto.CanonicalMIMEHeaderKey(token)):
			return nil, invalid("header."+canonical, "the token is put there; choose no client to write it by hand")
		}
		for _, v := range values {
			size, count = size+len(name)+len(v), count+1
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return nil, invalid("header."+canonical, "it is one line of text")
			}
			out[canonical] = append(out[canonical], v)
		}
	}
	if size > maxHeaderBytes || count > maxHeaders {
		return nil, invalid("header", "at most %d headers of %d KiB in all", maxHeaders, maxHeaderBytes>>10)
	}
	return out, nil
}

func isKept(canonical string) bool {
	if kept[canonical] {
		return true
	}
	for _, prefix := range keptPrefixes {
		if strings.HasPrefix(canonical, prefix) {
			return true
		}
	}
	return false
}

// method checks the method of a request. A tunnel is no request to the API, and
// an answer to TRACE repeats the token.
func method(m string) (string, error) {
	switch {
	case m == "":
		return http.MethodGet, nil
	case len(m) > maxMethod || !isToken(m):
		return "", invalid("method", "it is a word such as GET")
	case strings.EqualFold(m, http.MethodConnect), strings.EqualFold(m, http.MethodTrace):
		return "", invalid("method", "%s is not sent from here", strings.ToUpper(m))
	default:
		return m, nil
	}
}

// isToken reports a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
