package edit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// runeLength is how many bytes the first character has.
func runeLength(text []byte) int {
	_, n := utf8.DecodeRune(text)
	return n
}

// trimmed is where the lines of a key end: blank lines behind them, and comments
// that are not indented more than the key, belong to what follows.
func (r *yamlReader) trimmed(key, end int) int {
	d := r.document
	column := key - d.lineBegin(key)
	for end > d.lineEnd(key) {
		line := d.between(d.lineBegin(end), end)
		text := strings.TrimLeft(line, " \t")
		if text != "" && (!strings.HasPrefix(text, "#") || len(line)-len(text) > column) {
			break
		}
		end = d.lineBegin(end) - 1
	}
	return end
}

// colon is the offset behind the colon of a key.
func (r *yamlReader) colon(key *yaml.Node, begin int, flow bool) (int, bool) {
	text := r.document.text
	at := begin
	if key.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		at = r.quoted(begin)
		for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
			at++
		}
		return at + 1, at < len(text) && text[at] == ':'
	}
	for ; at < len(text) && text[at] != '\n'; at++ {
		next := byte('\n')
		if at+1 < len(text) {
			next = text[at+1]
		}
		if text[at] == ':' && (strings.IndexByte(" \t\n", next) >= 0 || flow && strings.IndexByte(",[]{}", next) >= 0) {
			return at + 1, true
		}
		if flow && strings.IndexByte(",}]", text[at]) >= 0 {
			break
		}
	}
	return begin, false
}

// valueEnd is where a value ends that is no block mapping.
func (r *yamlReader) valueEnd(y *yaml.Node, begin int, s scope) int {
	text := r.document.text
	switch {
	case y.Kind == yaml.ScalarNode && begin < len(text) && (text[begin] == '"' || text[begin] == '\''):
		return r.quoted(begin)
	case y.Kind == yaml.SequenceNode && begin < len(text) && text[begin] == '[':
		return r.closing(begin)
	case y.Kind == yaml.SequenceNode, y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return max(s.end, begin)
	case s.flow:
		return r.plainInFlow(begin)
	}
	rest := r.document.between(begin, max(s.end, begin))
	if i := commentIn(rest); i >= 0 {
		rest = rest[:i]
	}
	return begin + len(strings.TrimRight(rest, " \t\n"))
}

// commentIn is where a comment begins behind a plain scalar.
func commentIn(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && strings.IndexByte(" \t\n", text[i-1]) >= 0 {
			return i
		}
	}
	return -1
}

// quoted is the offset behind a quoted scalar.
func (r *yamlReader) quoted(begin int) int {
	text := r.document.text
	quote := text[begin]
	for i := begin + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return len(text)
}

// plainInFlow is where a plain scalar, or an alias, in brackets ends.
func (r *yamlReader) plainInFlow(begin int) int {
	text := r.document.text
	end := begin
	for ; end < len(text) && strings.IndexByte(",[]{}", text[end]) < 0; end++ {
		if text[end] == '#' && end > begin && strings.IndexByte(" \t\n", text[end-1]) >= 0 {
			break
		}
	}
	return begin + len(bytes.TrimRight(text[begin:end], " \t\n"))
}

// closing is the offset behind the bracket that closes the one at begin, or
// behind a tag or an anchor that stands before it.
func (r *yamlReader) closing(begin int) int {
	text := r.document.text
	depth := 0
	for i := begin; i < len(text); i++ {
		// A quote is one where a scalar can begin.
		before := byte(' ')
		if i > begin {
			before = text[i-1]
		}
		starts := strings.IndexByte(" \t\n,[{:", before) >= 0
		switch c := text[i]; {
		case (c == '"' || c == '\'') && starts:
			i = r.quoted(i) - 1
		case c == '#' && strings.IndexByte(" \t\n", before) >= 0:
			i = r.document.lineEnd(i)
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}
