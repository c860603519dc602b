package schema

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/schema/internal/child"
	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// source is a file that counts.
type source struct {
	entry Entry
	dir   string
	data  bool // YAML or JSON
	facts *syntax.Facts
}

// survey is a tree by directory.
type survey struct {
	// sources is sorted by path.
	sources []*source
	dirs    map[string][]*source
	// module is the path of the CUE module; empty without one.
	module      string
	diagnostics Diagnostics
	// partial reports that something had to be left out without an error.
	partial bool
	// unused are the files of data that are none of ours.
	unused []string
}

// report adds an error.
func (s *survey) report(p Position, code, message, hint string) {
	s.diagnostics = append(s.diagnostics, Diagnostic{Position: p, Message: message, Code: code, Severity: SeverityError, Hint: hint})
}

// moduleFile is the file that names the module of a repository.
const moduleFile = "cue.mod/module.cue"

// survey looks through a tree.
func (l *Loader) survey(ctx context.Context, tree Tree) (*survey, error) {
	s := &survey{dirs: map[string][]*source{}}
	var nested []string
	for _, e := range tree {
		if dir, ok := strings.CutSuffix(e.Path, "/"+moduleFile); ok {
			nested = append(nested, dir+"/")
		}
	}
	for _, e := range tree {
		if src, ok := s.consider(e, l.limits); ok {
			s.sources = append(s.sources, src)
		}
	}
	if len(s.sources) > l.limits.Files {
		s.report(Position{}, "too-many-files", fmt.Sprintf("the tree holds %d files of specs; at most %d are read", len(s.sources), l.limits.Files), "raise the limit, or point gatewright at a sub-path")
		s.sources = nil
		return s, nil
	}
	slices.SortFunc(s.sources, func(a, b *source) int { return strings.Compare(a.entry.Path, b.entry.Path) })
	if err := l.readFacts(ctx, s); err != nil {
		return nil, err
	}
	s.sources = slices.DeleteFunc(s.sources, func(src *source) bool {
		counts := s.sift(src, nested)
		if !counts && src.data {
			s.unused = append(s.unused, src.entry.Path)
		}
		return !counts
	})
	for _, src := range s.sources {
		s.dirs[src.dir] = append(s.dirs[src.dir], src)
	}
	return s, nil
}

// consider decides from its name whether an entry may count. What must not be
// read stands in as a broken file, so that what depends on it stops.
func (s *survey) consider(e Entry, limits Limits) (*source, bool) {
	if !cleanPath(e.Path) {
		s.report(Position{File: printable(e.Path)}, "unsafe-path", "the path leaves the tree or is not plain text", "rename the file")
		return nil, false
	}
	format := syntax.FormatOf(e.Path)
	if ignored(e.Path) || format == syntax.FormatNone && (e.Mode == ModeRegular || path.Ext(e.Path) != "") {
		return nil, false
	}
	src := &source{entry: e, dir: dirOf(e.Path), data: format == syntax.FormatYAML || format == syntax.FormatJSON}
	refuse := func(code, message, hint string) (*source, bool) {
		src.facts = &syntax.Facts{Used: true, Broken: true, Leaf: format != syntax.FormatCUE, Mention: syntax.MentionYes}
		s.report(Position{File: e.Path}, code, message, hint)
		return src, true
	}
	switch {
	case e.Mode == ModeSymlink:
		return refuse("symlink", "symbolic links are not followed", "put the file itself here")
	case e.Mode == ModeSubmodule:
		return refuse("submodule", "submodules are not read", "put the specs into this repository")
	case e.Mode != ModeRegular:
		return refuse("not-a-file", "it is neither a file nor a directory", "")
	case e.Size > limits.FileSize:
		return refuse("file-too-large", fmt.Sprintf("the file has %d bytes; at most %d are read", e.Size, limits.FileSize), "split it")
	}
	return src, true
}

// cleanPath reports whether a path is relative, stays in the tree, and can be
// printed.
func cleanPath(p string) bool {
	return p != "" && path.Clean("/"+p) == "/"+p && p != "." && !strings.Contains(p, "\\") && utf8.ValidString(p) &&
		!strings.ContainsFunc(p, unicode.IsControl)
}

// printable returns a path as it can be shown.
func printable(p string) string {
	quoted := fmt.Sprintf("%+q", p)
	return quoted[1 : len(quoted)-1]
}

// ignored reports whether CUE leaves a file out because of its name or the
// name of a directory on its path. The module file is kept.
func ignored(p string) bool {
	if p == moduleFile {
		return false
	}
	parts := strings.Split(p, "/")
	for _, part := range parts {
		if part[0] == '.' || part[0] == '_' {
			return true
		}
	}
	if slices.Contains(parts[:len(parts)-1], "cue.mod") || slices.Contains(parts[:len(parts)-1], "testdata") {
		return true
	}
	return strings.HasSuffix(p, "_tool.cue") || strings.HasSuffix(p, "_test.cue")
}

// dirOf returns the directory of a path; the empty string is the root.
func dirOf(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// sift decides from its facts whether a file counts, and reports what is wrong
// in it.
func (s *survey) sift(src *source, nested []string) bool {
	f := src.facts
	if src.entry.Path == moduleFile {
		s.module = f.Module
		s.issues(src)
		return false
	}
	if slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(src.entry.Path, dir) }) {
		if f.Used && f.Mention == syntax.MentionYes {
			s.report(Position{File: src.entry.Path}, "nested-module", "the file belongs to another CUE module, which is not read", "take out the cue.mod above it")
		}
		return false
	}
	s.partial = s.partial || f.NearMiss
	s.issues(src)
	return f.Used
}

// issues reports what is wrong in the text of a file.
func (s *survey) issues(src *source) {
	at := func(p syntax.Place) Position {
		return Position{File: src.entry.Path, Line: p.Line, Column: p.Column}
	}
	for _, i := range src.facts.Issues {
		d := Diagnostic{Position: at(i.Place), Path: i.Path, Message: i.Message, Code: i.Code, Severity: SeverityError, Hint: i.Hint}
		if i.Warning {
			d.Severity = SeverityWarning
		}
		if i.Related != (syntax.Place{}) {
			d.Related = []Related{{at(i.Related), i.RelatedMessage}}
		}
		s.diagnostics = append(s.diagnostics, d)
	}
}

// Chunks of files that are read with one request.
const (
	chunkFiles = 128
	chunkBytes = 4 << 20
)

// readFacts finds the facts of every source, from the cache where it can.
func (l *Loader) readFacts(ctx context.Context, s *survey) error {
	var chunk []*source
	var size int64
	for _, src := range s.sources {
		if src.facts != nil {
			continue
		}
		if f, ok := cached[*syntax.Facts](l.cache, factsKey(src.entry)); ok {
			src.facts = f
			continue
		}
		chunk = append(chunk, src)
		if size += src.entry.Size; len(chunk) == chunkFiles || size > chunkBytes {
			if err := l.readChunk(ctx, chunk, false); err != nil {
				return err
			}
			chunk, size = nil, 0
		}
	}
	return l.readChunk(ctx, chunk, false)
}

// factsKey is the key of the facts of a file, which do not depend on its path.
// The name of the module file does, which alone may end in it.
func factsKey(e Entry) string {
	kind := path.Ext(e.Path)
	if e.Path == moduleFile {
		kind = "module"
	}
	return "facts\x00" + kind + "\x00" + e.Digest
}

// readChunk has the worker read files. When that passes a cap, the halves are
// read apart, until the file that does it stands alone.
func (l *Loader) readChunk(ctx context.Context, chunk []*source, probe bool) error {
	if len(chunk) == 0 {
		return nil
	}
	var req request
	for _, src := range chunk {
		f, err := src.file()
		if err != nil {
			return err
		}
		req.Read = append(req.Read, f)
	}
	rep, err := l.pool.do(ctx, req, probe)
	var capped *child.CapError
	switch {
	case err == nil && len(rep.Facts) == len(chunk):
		for i, src := range chunk {
			src.facts = &rep.Facts[i]
			l.cache.put(factsKey(src.entry), src.facts, 256+96*int64(len(src.facts.Claims)), 0)
		}
		return nil
	case err == nil:
		return errors.New("load specs: the worker answered for other files")
	case !errors.As(err, &capped):
		return err
	case len(chunk) > 1:
		half := len(chunk) / 2
		return errors.Join(l.readChunk(ctx, chunk[:half], true), l.readChunk(ctx, chunk[half:], true))
	case probe:
		return l.readChunk(ctx, chunk, false)
	}
	src := chunk[0]
	src.facts = &syntax.Facts{
		Used: true, Broken: true, Leaf: src.data, Mention: syntax.MentionYes,
		Issues: []syntax.Issue{{Place: syntax.Place{Line: 1, Column: 1}, Code: "cap-exceeded", Message: "the file cannot be read: " + capped.Error(), Hint: capHint}},
	}
	l.cache.put(factsKey(src.entry), src.facts, 512, memoryOf(capped))
	return nil
}

// capHint says what can be done about a cap.
const capHint = "make it simpler, or raise what `evaluation` in the configuration allows"

// file reads a source for a request.
func (s *source) file() (unitFile, error) {
	data, err := s.entry.Read()
	if err != nil {
		return unitFile{}, fmt.Errorf("load specs: read %s: %w", s.entry.Path, err)
	}
	return unitFile{Path: s.entry.Path, Digest: s.entry.Digest, Data: data}, nil
}
