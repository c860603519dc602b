package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/schema"
)

// maxFile is the largest configuration that is read.
const maxFile = 1 << 20

// fileNames are looked for in the working directory and in the system's, in
// this order.
var fileNames = []string{"gatewright.yaml", "gatewright.cue"}

// find returns the path of the file: what a flag or the variable names, or the
// first that exists. It is empty if there is none.
func find(named string, o Options) (string, error) {
	if named != "" {
		if !filepath.IsAbs(named) {
			named = filepath.Join(o.Dir, named)
		}
		return named, nil
	}
	for _, path := range searched(o) {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return "", unreadable(path, err)
		}
	}
	return "", nil
}

// searched are the paths that are looked at where none is named.
func searched(o Options) []string {
	var out []string
	for _, dir := range []string{o.Dir, o.SystemDir} {
		for _, name := range fileNames {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

// unreadable is the fault of a file that cannot be read.
func unreadable(path string, err error) error {
	e := fault.New(fault.Stalled, "ConfigurationUnreadable", "%w", err)
	e.Target, e.Op, e.Resource = "configuration", "read", path
	e.Hint = "check the path and the permissions of the file, or name another one with --config"
	return e
}

// document is a configuration file.
type document struct {
	values map[string]any
	// positions are those of its fields, by path.
	positions schema.Positions
}

// read reads and parses the file at path. What is wrong with its text is a
// diagnostic; shown is how positions name it.
func read(path, shown string) (document, schema.Diagnostics, error) {
	f, err := os.Open(path)
	if err != nil {
		return document{}, nil, unreadable(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return document{}, nil, unreadable(path, err)
	}
	if len(text) > maxFile {
		return document{}, schema.Diagnostics{broken(schema.Position{File: shown}, "the file is larger than 1 MiB", "name the configuration, not another file")}, nil
	}
	return parse(text, shown)
}

// parse parses the text of a file.
func parse(text []byte, shown string) (document, schema.Diagnostics, error) {
	tree, err := syntax(text, shown)
	if err != nil {
		return document{}, explainSyntax(err, text, shown), nil
	}
	doc := document{values: map[string]any{}, positions: schema.Positions{"": {File: shown}}}
	if len(tree.Decls) == 0 {
		return doc, nil, nil
	}
	v := cuecontext.New().BuildFile(tree)
	if err := v.Validate(cue.Concrete(true)); err != nil {
		return document{}, explainText(err, shown), nil
	}
	if v.Null() == nil {
		// Nothing but comments.
		return doc, nil, nil
	}
	if v.IncompleteKind() != cue.StructKind {
		return document{}, schema.Diagnostics{broken(schema.Position{File: shown, Line: 1, Column: 1}, "the file is not a list of settings", "write KEY: VALUE")}, nil
	}
	doc.mark(tree.Decls, "", shown)
	b, err := v.MarshalJSON()
	if err != nil {
		return document{}, explainText(err, shown), nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&doc.values); err != nil {
		return document{}, nil, fmt.Errorf("configuration %s: %w", shown, err)
	}
	return doc, nil, nil
}

// errText is a fault of a parser on hostile text. What it was is of no use to
// the author, and may repeat the text.
var errText = errors.New("the file cannot be parsed")

// syntax parses YAML or, by the name of the file, CUE. JSON is YAML. It does not
// panic, whatever text is.
func syntax(text []byte, shown string) (tree *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			tree, err = nil, errText
		}
	}()
	if strings.HasSuffix(shown, ".cue") {
		return parser.ParseFile(shown, text, parser.ParseComments)
	}
	return schema.ExtractYAML(shown, text)
}

// mark notes where the fields of a struct are written.
func (d document) mark(decls []ast.Decl, prefix, shown string) {
	for _, decl := range decls {
		switch x := decl.(type) {
		case *ast.EmbedDecl:
			if s, ok := x.Expr.(*ast.StructLit); ok {
				d.mark(s.Elts, prefix, shown)
			}
		case *ast.Field:
			name, _, err := ast.LabelName(x.Label)
			if err != nil {
				// A computed name has the position of what is around it.
				continue
			}
			path := join(prefix, name)
			if _, ok := d.positions[path]; !ok {
				d.positions[path] = position(x.Label.Pos(), shown)
			}
			if s, ok := x.Value.(*ast.StructLit); ok {
				d.mark(s.Elts, path, shown)
			}
		}
	}
}

// join appends a name to a path.
func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

func position(p token.Pos, shown string) schema.Position {
	if !p.IsValid() {
		return schema.Position{File: shown}
	}
	return schema.Position{File: shown, Line: p.Line(), Column: p.Column()}
}

// explainSyntax turns errors about text that cannot be parsed into diagnostics.
func explainSyntax(err error, text []byte, shown string) schema.Diagnostics {
	out := explainText(err, shown)
	hint := "close every bracket, brace and quote that is opened"
	line := 0
	if !strings.HasSuffix(shown, ".cue") {
		hint = "indent the members of a mapping equally, with spaces; quote text that holds a colon and a space"
		line = schema.BrokenLine(text)
	}
	for i := range out {
		out[i].Hint = hint
		if line > 0 {
			out[i].Position.Line = line
		}
	}
	return out
}

// explainText turns errors about the text of a file into diagnostics.
func explainText(err error, shown string) schema.Diagnostics {
	var out schema.Diagnostics
	for _, e := range cueerrors.Errors(err) {
		pos := schema.Position{File: shown}
		var related []schema.Related
		for _, p := range cueerrors.Positions(e) {
			at := position(p, shown)
			switch {
			case p.Filename() != shown:
			case pos.Line == 0:
				pos = at
			default:
				related = append(related, schema.Related{Position: at})
			}
		}
		message, line := plain(e, shown)
		if pos.Line == 0 && line > 0 {
			pos.Line, pos.Column = line, 1
		}
		d := broken(pos, message, "")
		d.Path, d.Related = strings.Join(e.Path(), "."), related
		out = append(out, d)
	}
	return out.Sorted()
}

// plain is the message of e without its position. The YAML parser gives only a
// line, and that as text.
func plain(e cueerrors.Error, shown string) (message string, line int) {
	format, args := e.Msg()
	message = strings.TrimSpace(fmt.Sprintf(format, args...))
	if message == "" {
		message = e.Error()
	}
	rest, ok := strings.CutPrefix(message, shown+":")
	if !ok {
		return message, 0
	}
	number, text, ok := strings.Cut(rest, ":")
	if line, err := strconv.Atoi(number); ok && err == nil {
		return strings.TrimSpace(text), line
	}
	return strings.TrimSpace(rest), 0
}

// broken is the diagnostic of a text that cannot be read.
func broken(pos schema.Position, message, hint string) schema.Diagnostic {
	return schema.Diagnostic{Position: pos, Message: message, Code: "syntax", Severity: schema.SeverityError, Hint: hint}
}
