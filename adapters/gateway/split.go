package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
)

// errSplit says that a list is not shaped like one.
var errSplit = errors.New("not a list of the Kubernetes API")

// split takes a list apart without decoding its items. It trusts the JSON to be
// well-formed as little as it must: an item is decoded in full before it is
// used for the first time, and later only by its digest.
func split(body []byte, metadata func([]byte) error, item func([]byte) error) error {
	s := splitter{b: body}
	if !s.take('{') {
		return errSplit
	}
	if s.take('}') {
		return s.end()
	}
	for {
		key, ok := s.value()
		if !ok || key[0] != '"' || !json.Valid(key) || !s.take(':') {
			return errSplit
		}
		var err error
		switch string(key) {
		case `"items"`:
			err = s.items(item)
		default:
			value, ok := s.value()
			if !ok {
				return errSplit
			}
			if string(key) == `"metadata"` {
				err = metadata(value)
			} else if !json.Valid(value) {
				err = errSplit
			}
		}
		if err != nil {
			return err
		}
		if s.take('}') {
			return s.end()
		}
		if !s.take(',') {
			return errSplit
		}
	}
}

// splitter walks over JSON text.
type splitter struct {
	b []byte
	i int
}

// items calls item for each element of an array; null is an empty one.
func (s *splitter) items(item func([]byte) error) error {
	if !s.take('[') {
		value, ok := s.value()
		if !ok || string(value) != "null" {
			return errSplit
		}
		return nil
	}
	if s.take(']') {
		return nil
	}
	for {
		value, ok := s.value()
		if !ok {
			return errSplit
		}
		if err := item(value); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return errSplit
		}
	}
}

func (s *splitter) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// take consumes c, if it comes next.
func (s *splitter) take(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// end insists that nothing comes next.
func (s *splitter) end() error {
	if s.space(); s.i < len(s.b) {
		return errSplit
	}
	return nil
}

// value consumes one value: by its brackets and strings alone.
func (s *splitter) value() ([]byte, bool) {
	s.space()
	start, depth := s.i, 0
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			if !s.text() {
				return nil, false
			}
			if depth == 0 {
				return s.b[start:s.i], true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.b[start:s.i], s.i > start // the end of a bare word
			}
			if depth--; depth == 0 {
				s.i++
				return s.b[start:s.i], true
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.b[start:s.i], s.i > start
			}
		}
		s.i++
	}
	return nil, false
}

// text consumes a string.
func (s *splitter) text() bool {
	for i := s.i + 1; ; {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			return false
		}
		i += n
		back := 0
		for s.b[i-1-back] == '\\' {
			back++
		}
		if i++; back%2 == 0 {
			s.i = i
			return true
		}
	}
}
