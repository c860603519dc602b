package syntax

import (
	"bytes"
	"fmt"
	"path"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"
)

// File is a file that was read.
type File struct {
	Path string
	// Documents is the CUE syntax of the file: one, or one a YAML document.
	Documents []*ast.File
	Facts     Facts
}

// FormatOf tells the format of a file from its name.
func FormatOf(name string) Format {
	switch path.Ext(name) {
	case ".cue":
		return FormatCUE
	case ".yaml", ".yml":
		return FormatYAML
	case ".json":
		return FormatJSON
	}
	return FormatNone
}

// Read reads a file. It does not panic, whatever data is.
func Read(name string, data []byte) (f *File) {
	f = &File{Path: name}
	defer func() {
		if r := recover(); r != nil {
			// A fault of a parser on hostile text. What it was is of no use to
			// the author, and may repeat the text.
			f.Documents = nil
			f.Facts = Facts{Used: true, Broken: true, Leaf: FormatOf(name) != FormatCUE, Mention: MentionYes, Issues: []Issue{{
				Place: Place{1, 1}, Code: "syntax-error", Message: "the file cannot be parsed", Hint: "end every line with a line feed, and write plain text",
			}}}
			if f.Facts.Leaf {
				f.Facts.Claims = skimData(data)
			}
		}
	}()
	format := FormatOf(name)
	data = bytes.TrimPrefix(data, bom)
	switch format {
	case FormatCUE:
		f.Facts.Used = true
	case FormatYAML, FormatJSON:
		f.Facts.Leaf = true
		if bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")) {
			f.Facts.warn(Issue{
				Place: Place{1, 1}, Code: "lfs-pointer", Message: "the content of the file is in Git LFS, which is not read",
				Hint: "keep specs in git itself",
			})
			return f
		}
		if !mayHoldAgents(data) {
			f.Facts.nearMissText(data)
			return f
		}
	default:
		return f
	}
	if issue, bad := encoding(data); bad {
		f.Facts.Used = true
		f.Facts.fail(issue)
		return f
	}
	if format == FormatCUE {
		f.readCUE(data)
	} else {
		f.readData(data, format)
	}
	return f
}

// bom is the byte order mark in UTF-8. It is accepted; it says nothing.
var bom = []byte("\xef\xbb\xbf")

// mayHoldAgents is the cheap test that spares parsing the data of others.
// Bytes of value zero are left out, so that a file in UTF-16 is told as such.
func mayHoldAgents(data []byte) bool {
	if bytes.Contains(data, []byte("agents")) {
		return true
	}
	return bytes.IndexByte(data, 0) >= 0 && bytes.Contains(bytes.ReplaceAll(data, []byte{0}, nil), []byte("agents"))
}

// encoding finds what is wrong with the bytes.
func encoding(data []byte) (Issue, bool) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return Issue{
			Place: Place{1, 1}, Code: "invalid-utf8", Message: "the file is in UTF-16",
			Hint: "save it in UTF-8",
		}, true
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return Issue{Place: placeOf(data, i), Code: "nul-byte", Message: "the file holds a byte of value zero", Hint: "a spec is text"}, true
	}
	if utf8.Valid(data) {
		return Issue{}, false
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return Issue{
				Place: placeOf(data, i), Code: "invalid-utf8",
				Message: fmt.Sprintf("the byte 0x%02x is not UTF-8", data[i]), Hint: "save the file in UTF-8",
			}, true
		}
		i += n
	}
	return Issue{}, false
}

// placeOf returns the place of an offset.
func placeOf(data []byte, offset int) Place {
	before := data[:offset]
	return Place{
		Line:   bytes.Count(before, []byte{'\n'}) + 1,
		Column: offset - bytes.LastIndexByte(before, '\n'),
	}
}
