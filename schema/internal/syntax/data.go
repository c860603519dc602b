package syntax

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/encoding/json"
)

// readData reads YAML or JSON. It counts as a spec when a document of it has
// the key agents at the top; every other document is none of ours.
func (f *File) readData(data []byte, format Format) {
	facts := &f.Facts
	documents, err := f.documents(data, format)
	if err != nil {
		f.brokenData(data, err)
		return
	}
	for n, doc := range documents {
		top := fields(doc)
		if !hasAgents(top) {
			for _, field := range top {
				if name, ok := concrete(field.Label); ok {
					facts.nearMiss(name, field)
				}
			}
			continue
		}
		facts.Used, facts.Mention = true, MentionYes
		f.Documents = append(f.Documents, f.document(top, n))
	}
}

// documents parses the documents of a file.
func (f *File) documents(data []byte, format Format) ([]ast.Expr, error) {
	if format == FormatJSON {
		expr, err := json.Extract(f.Path, data)
		if list, ok := expr.(*ast.ListLit); ok && err == nil {
			return list.Elts, nil // as the documents of YAML
		}
		return []ast.Expr{expr}, err
	}
	if deep := indentation(data); deep > 0 {
		return nil, fmt.Errorf("yaml: line %d: %w", deep, errDeep)
	}
	file, err := ExtractYAML(f.Path, data)
	if err != nil {
		return nil, err
	}
	// Extract returns one document as the declarations of a file and several
	// as one list.
	if len(file.Decls) == 1 {
		if embed, ok := file.Decls[0].(*ast.EmbedDecl); ok {
			if list, ok := embed.Expr.(*ast.ListLit); ok {
				return list.Elts, nil
			}
			return nil, nil
		}
	}
	return []ast.Expr{&ast.StructLit{Elts: file.Decls}}, nil
}

// document checks a document with agents and keeps what counts of it.
func (f *File) document(top []*ast.Field, number int) *ast.File {
	facts := &f.Facts
	doc := &ast.File{Filename: f.Path}
	for _, field := range top {
		name, _ := concrete(field.Label)
		switch {
		case name == "agents":
			agents, ok := field.Value.(*ast.StructLit)
			if !ok {
				facts.fail(notMapping(field.Value))
				continue
			}
			facts.duplicates(agents, "agents", 0)
			for _, agent := range fields(agents) {
				if n, ok := concrete(agent.Label); ok {
					facts.claim(n, agent, number)
				}
			}
			doc.Decls = append(doc.Decls, field)
		case strings.HasPrefix(name, "x-"), strings.HasPrefix(name, "."), strings.HasPrefix(name, "$"):
			// Anchors for the rest of the file, and the schema of an editor.
		default:
			facts.fail(Issue{
				Place: place(field.Label.Pos()), Path: name, Code: "unknown-field",
				Message: "a file of agents holds nothing beside them", Hint: "a key for YAML anchors starts with x-",
			})
		}
	}
	facts.duplicates(&ast.StructLit{Elts: decls(top)}, "", 0)
	return doc
}

// decls turns fields into declarations.
func decls(fields []*ast.Field) []ast.Decl {
	out := make([]ast.Decl, len(fields))
	for i, f := range fields {
		out[i] = f
	}
	return out
}

// hasAgents reports whether one of the fields is agents.
func hasAgents(top []*ast.Field) bool {
	for _, f := range top {
		if name, ok := concrete(f.Label); ok && name == "agents" {
			return true
		}
	}
	return false
}

// duplicates reports keys that stand twice in one mapping. CUE would unify
// them; in data the second is a mistake.
func (f *Facts) duplicates(value ast.Expr, path string, depth int) {
	if depth > maxNesting {
		f.fail(tooDeep(place(value.Pos())))
		return
	}
	if list, ok := value.(*ast.ListLit); ok {
		for i, e := range list.Elts {
			f.duplicates(e, path+"."+strconv.Itoa(i), depth+1)
		}
		return
	}
	seen := map[string]Place{}
	for _, field := range fields(value) {
		name, ok := concrete(field.Label)
		if !ok {
			continue
		}
		at, inner := place(field.Label.Pos()), strings.TrimPrefix(path+"."+name, ".")
		if first, again := seen[name]; again {
			f.fail(Issue{
				Place: at, Path: inner, Code: "duplicate-key", Message: "the key stands twice in one mapping",
				Hint:    "keep one of them",
				Related: first, RelatedMessage: "the first",
			})
			continue
		}
		seen[name] = at
		if depth > 0 || path != "" {
			f.duplicates(field.Value, inner, depth+1)
		}
	}
}

// errDeep says that data is nested too deeply to be parsed.
var errDeep = fmt.Errorf("the nesting is deeper than any spec needs")

// indentation returns the first line of block style that is nested too deeply
// for a spec, or zero. The parser recurses once a level.
func indentation(data []byte) int {
	line := 0
	for l := range bytes.Lines(data) {
		line++
		if n := len(l) - len(bytes.TrimLeft(l, " -")); n > 32*maxNesting {
			return line
		}
	}
	return 0
}

// topKey finds keys that stand at the beginning of a line.
var topKey = regexp.MustCompile(`(?mi)^(?:\{\s*)?["']?(agent|agents|agnets|agetns|agens|agentss|agnts)["']?\s*:`)

// nearMissText warns of data without the word agents that seems meant to
// declare some.
func (f *Facts) nearMissText(data []byte) {
	m := topKey.FindSubmatchIndex(data)
	if m == nil || !bytes.Contains(data, []byte("environments")) || !bytes.Contains(data, []byte("organization")) {
		return
	}
	f.NearMiss = true
	f.Issues = append(f.Issues, misspelt(string(data[m[2]:m[3]]), placeOf(data, m[2])))
}
