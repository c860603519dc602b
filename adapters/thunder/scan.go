package thunder

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads JSON (RFC 8259) in one pass and keeps only what its caller
// visits. An observation is mostly the decoding of what it throws away: this
// is a twentieth of the work of encoding/json, which has the same result (the
// tests compare them).
//
// After any mistake every method does nothing, and ok is false.
type scanner struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

// maxDepth is how deeply values may nest.
const maxDepth = 1000

// kind returns the first byte of the next value: one of {["tfn-0123456789, and
// 0 for anything else.
func (s *scanner) kind() byte {
	s.space()
	if s.bad || s.i >= len(s.b) {
		return 0
	}
	return s.b[s.i]
}

// end checks that nothing follows.
func (s *scanner) end() bool {
	s.space()
	return !s.bad && s.i == len(s.b)
}

// object calls visit with each key; visit must read the value.
func (s *scanner) object(visit func(key []byte)) {
	s.sequence('{', '}', func() {
		key := s.key()
		s.expect(':')
		if !s.bad {
			visit(key)
		}
	})
}

// array calls visit for each element; visit must read it.
func (s *scanner) array(visit func()) { s.sequence('[', ']', visit) }

func (s *scanner) sequence(first, last byte, visit func()) {
	s.expect(first)
	if s.depth++; s.depth > maxDepth {
		s.bad = true
	}
	for n := 0; !s.bad; n++ {
		if s.kind() == last && n == 0 {
			s.i++
			break
		}
		visit()
		if c := s.kind(); c == last {
			s.i++
			break
		}
		s.expect(',')
	}
	s.depth--
}

// str reads a string, or null as "".
func (s *scanner) str() string {
	if s.kind() == 'n' {
		s.skip()
		return ""
	}
	return s.text()
}

// integer reads a whole number, or null as 0.
func (s *scanner) integer() int64 {
	if s.kind() == 'n' {
		s.skip()
		return 0
	}
	from := s.i
	s.number()
	if s.bad {
		return 0
	}
	n, err := strconv.ParseInt(string(s.b[from:s.i]), 10, 64)
	s.bad = err != nil
	return n
}

// skip reads a value of any sort.
func (s *scanner) skip() {
	switch c := s.kind(); c {
	case '{':
		s.object(func([]byte) { s.skip() })
	case '[':
		s.array(s.skip)
	case '"':
		s.raw()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

// text reads a string.
func (s *scanner) text() string {
	raw, escaped := s.raw()
	if s.bad {
		return ""
	}
	if inner := raw[1 : len(raw)-1]; !escaped && utf8.Valid(inner) {
		return string(inner)
	}
	var out string
	s.bad = json.Unmarshal(raw, &out) != nil
	return out
}

// key reads a string that is only looked at.
func (s *scanner) key() []byte {
	raw, escaped := s.raw()
	if s.bad {
		return nil
	}
	if !escaped {
		return raw[1 : len(raw)-1]
	}
	var out string
	s.bad = json.Unmarshal(raw, &out) != nil
	return []byte(out)
}

// raw reads a string with its quotes, and tells whether it has escapes.
func (s *scanner) raw() (raw []byte, escaped bool) {
	if s.kind() != '"' {
		s.bad = true
		return nil, false
	}
	from := s.i
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[from:s.i], escaped
		case c < ' ':
			s.bad = true
			return nil, false
		case c == '\\':
			escaped = true
			s.escape()
			if s.bad {
				return nil, false
			}
		}
	}
	s.bad = true
	return nil, false
}

// escape checks an escape and stops at its last byte.
func (s *scanner) escape() {
	s.i++
	switch {
	case s.i >= len(s.b):
		s.bad = true
	case s.b[s.i] == 'u':
		if s.i+4 >= len(s.b) {
			s.bad = true
			return
		}
		for _, c := range s.b[s.i+1 : s.i+5] {
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
				s.bad = true
			}
		}
		s.i += 4
	default:
		s.bad = strings.IndexByte(`"\/bfnrt`, s.b[s.i]) < 0
	}
}

func (s *scanner) word(w string) {
	if s.bad = !bytes.HasPrefix(s.b[s.i:], []byte(w)); !s.bad {
		s.i += len(w)
	}
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() {
	if s.bad {
		return
	}
	s.accept("-")
	if s.accept("0") {
		// nothing may follow but a fraction or an exponent
	} else if !s.digits() {
		return
	}
	if s.accept(".") && !s.digits() {
		return
	}
	if s.accept("eE") {
		s.accept("+-")
		s.digits()
	}
}

func (s *scanner) accept(one string) bool {
	if s.i < len(s.b) && strings.IndexByte(one, s.b[s.i]) >= 0 {
		s.i++
		return true
	}
	return false
}

// digits reads one digit or more.
func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	s.bad = s.i == from
	return !s.bad
}

func (s *scanner) expect(c byte) {
	if s.kind() != c || c == 0 {
		s.bad = true
		return
	}
	s.i++
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}
