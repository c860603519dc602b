package edit

import (
	"bytes"
	"slices"
	"strings"
)

// splice puts text in the place of what is between two offsets.
type splice struct {
	begin, end int
	text       string
}

// spliced makes splices, which must not overlap.
func spliced(text []byte, edits []splice) []byte {
	slices.SortStableFunc(edits, func(a, b splice) int { return a.begin - b.begin })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(text[at:e.begin])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(text[at:])
	return out.Bytes()
}

// wrapping is a text without what an editor hides: its byte order mark, and
// line ends of DOS.
type wrapping struct {
	text []byte
	mark bool
	dos  bool
}

var (
	mark = []byte("\xef\xbb\xbf")
	crlf = []byte("\r\n")
	lf   = []byte("\n")
)

// unwrap takes them away. A text with both kinds of line ends stays as it is.
func unwrap(data []byte) wrapping {
	w := wrapping{text: bytes.TrimPrefix(data, mark), mark: bytes.HasPrefix(data, mark)}
	n := bytes.Count(w.text, crlf)
	if n > 0 && n == bytes.Count(w.text, lf) && n == bytes.Count(w.text, []byte{'\r'}) {
		w.text, w.dos = bytes.ReplaceAll(w.text, crlf, lf), true
	}
	return w
}

// wrap puts them back.
func (w wrapping) wrap(text []byte) []byte {
	if w.dos {
		text = bytes.ReplaceAll(text, lf, crlf)
	}
	if w.mark {
		text = append(slices.Clone(mark), text...)
	}
	return text
}

// lineBegin is the offset of the line that an offset is in.
func (d *document) lineBegin(at int) int { return bytes.LastIndexByte(d.text[:at], '\n') + 1 }

// lineEnd is the offset of the line's end, before the newline.
func (d *document) lineEnd(at int) int {
	if i := bytes.IndexByte(d.text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(d.text)
}

// between is the text between two offsets.
func (d *document) between(begin, end int) string { return string(d.text[begin:end]) }

// indent is the white space that the line of an offset begins with.
func (d *document) indent(at int) string {
	line := d.between(d.lineBegin(at), d.lineEnd(at))
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// first reports whether nothing stands before an offset on its line.
func (d *document) first(at int) bool {
	return strings.TrimLeft(d.between(d.lineBegin(at), at), " \t") == ""
}

// last reports whether nothing but a comma and a comment follows on the line,
// and where the comma ends, or at if there is none.
func (d *document) last(at int) (last bool, comma int) {
	rest := d.between(at, d.lineEnd(at))
	trimmed := strings.TrimLeft(rest, " \t")
	comma = at
	if strings.HasPrefix(trimmed, ",") {
		comma = at + len(rest) - len(trimmed) + 1
		trimmed = strings.TrimLeft(trimmed[1:], " \t\r")
	}
	trimmed = strings.TrimLeft(trimmed, "\r")
	return trimmed == "" || strings.HasPrefix(trimmed, d.form.comment()), comma
}

// unit is one step of indentation: what a mapping of the file uses, or what is
// usual.
func (d *document) unit() string {
	for line := range strings.Lines(string(d.text)) {
		text := strings.TrimLeft(line, " \t")
		if n := len(line) - len(text); n > 0 && strings.TrimSpace(text) != "" {
			return line[:n]
		}
	}
	if d.form == formCUE {
		return "\t"
	}
	return "  "
}

// about is where the comment lines that stand right above an element begin, or
// the element's own line. They go no further up than floor.
func (d *document) about(at, floor int) int {
	begin := d.lineBegin(at)
	for begin > floor {
		above := d.lineBegin(begin - 1)
		if above < floor || !strings.HasPrefix(strings.TrimLeft(d.between(above, begin-1), " \t"), d.form.comment()) {
			break
		}
		begin = above
	}
	return begin
}
