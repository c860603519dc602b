package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// defaultPackage is the package of specs where no file says one.
const defaultPackage = "agents"

// layout says which files make which package. The package of specs of a
// directory is
//
//	the one of the topmost directory above it, or itself, whose CUE declares
//	agents, so that a policy there cannot be escaped by another package name;
//	else the only one of its CUE files;
//	else that of the directory above;
//	else agents.
//
// Data and CUE without a package clause belong to it.
type layout struct {
	*survey
	governing map[string]string
	packages  map[string]string
}

// newLayout lays out a survey.
func newLayout(s *survey) *layout {
	return &layout{survey: s, governing: map[string]string{}, packages: map[string]string{}}
}

// directories lists the directories with files, and those above them, parents
// first.
func (l *layout) directories() []string {
	all := map[string]bool{}
	for dir := range l.dirs {
		all[dir] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// above returns the directories above dir, the root first.
func above(dir string) []string {
	if dir == "" {
		return nil
	}
	out := []string{""}
	for i := range len(dir) {
		if dir[i] == '/' {
			out = append(out, dir[:i])
		}
	}
	return out
}

// governor returns the package that the topmost declaration of agents on the
// way to dir is of, or the empty string.
func (l *layout) governor(dir string) string {
	if g, ok := l.governing[dir]; ok {
		return g
	}
	g := ""
	if dir != "" {
		g = l.governor(dirOf(dir))
	}
	if g == "" {
		g = l.declaring(dir)
	}
	l.governing[dir] = g
	return g
}

// declaring returns the package of the CUE files of dir that declare agents.
func (l *layout) declaring(dir string) string {
	var names []string
	for _, src := range l.dirs[dir] {
		if src.data || src.facts.Mention != syntax.MentionYes || src.facts.Broken {
			continue
		}
		name := src.facts.Package
		if name == "" {
			name = l.onlyPackage(dir)
		}
		if name == "" {
			name = defaultPackage
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	if slices.Contains(names, defaultPackage) {
		return defaultPackage
	}
	return slices.Min(names)
}

// onlyPackage returns the package that every CUE file of dir with a package
// clause has, or the empty string.
func (l *layout) onlyPackage(dir string) string {
	only := ""
	for _, src := range l.dirs[dir] {
		switch p := src.facts.Package; {
		case p == "":
		case only == "":
			only = p
		case only != p:
			return ""
		}
	}
	return only
}

// specPackage returns the package of specs of a directory.
func (l *layout) specPackage(dir string) string {
	if p, ok := l.packages[dir]; ok {
		return p
	}
	p := l.governor(dir)
	if p == "" {
		p = l.onlyPackage(dir)
	}
	if p == "" && dir != "" {
		p = l.specPackage(dirOf(dir))
	}
	if p == "" {
		p = defaultPackage
	}
	l.packages[dir] = p
	return p
}

// members returns the files of dir that belong to package pkg, which may be
// the package of specs of dir or a library.
func (l *layout) members(dir, pkg string) []*source {
	isSpec := l.specPackage(dir) == pkg
	var out []*source
	for _, src := range l.dirs[dir] {
		if src.facts.Package == pkg || src.facts.Package == "" && isSpec {
			out = append(out, src)
		}
	}
	return out
}

// instance is the package of specs in one directory: its own files and those
// of the directories above that apply to it.
type instance struct {
	dir, pkg  string
	own       []*source
	inherited []*source
}

// instances returns the instances of a tree, parents first.
func (l *layout) instances() []*instance {
	var out []*instance
	for _, dir := range l.directories() {
		pkg := l.specPackage(dir)
		l.foreign(dir, pkg)
		i := &instance{dir: dir, pkg: pkg, own: l.members(dir, pkg)}
		if len(i.own) == 0 {
			continue
		}
		for _, up := range above(dir) {
			i.inherited = append(i.inherited, l.members(up, pkg)...)
		}
		if slices.ContainsFunc(i.files(), func(s *source) bool { return s.facts.Mention != syntax.MentionNo }) {
			out = append(out, i)
		}
	}
	return out
}

// files returns all files of an instance.
func (i *instance) files() []*source { return slices.Concat(i.inherited, i.own) }

// foreign reports files that declare agents in a package to which the policies
// of the repository would not apply.
func (l *layout) foreign(dir, pkg string) {
	for _, src := range l.dirs[dir] {
		f := src.facts
		if f.Package == "" || f.Package == pkg || f.Mention != syntax.MentionYes || f.Broken {
			continue
		}
		at := Position{File: src.entry.Path, Line: 1, Column: 1}
		if len(f.Claims) > 0 {
			at.Line, at.Column = f.Claims[0].Place.Line, f.Claims[0].Place.Column
		}
		l.report(at, "foreign-package", "agents of package "+f.Package+" are not read: the policies of package "+pkg+" would not apply to them", "write package "+pkg)
	}
}

// importProblem is why an import cannot be had.
type importProblem struct{ code, message, hint string }

// library finds the package that an import means, with what it imports itself.
// Packages that were seen are not returned again.
func (l *layout) library(path string, seen map[string]bool) ([]library, *importProblem) {
	if seen[path] || path == DefinitionPath {
		return nil, nil
	}
	dir, name, ok := l.resolve(path)
	if !ok {
		return nil, &importProblem{"unknown-import", "there is no package " + path + " in this repository", importHint}
	}
	lib := library{path: path, name: name}
	for _, up := range append(above(dir), dir) {
		for _, src := range l.dirs[up] {
			if src.facts.Package == name && !src.data {
				lib.files = append(lib.files, src)
			}
		}
	}
	if !slices.ContainsFunc(lib.files, func(s *source) bool { return s.dir == dir }) {
		return nil, &importProblem{"unknown-import", "there is no package " + name + " in " + orRoot(dir), importHint}
	}
	seen[path] = true
	out := []library{lib}
	for _, src := range lib.files {
		if src.facts.Broken {
			return nil, &importProblem{"broken-import", "the package " + path + " cannot be read, because of " + src.entry.Path, "mend that file"}
		}
		for _, imp := range src.facts.Imports {
			if imp.Builtin {
				continue
			}
			more, problem := l.library(imp.Path, seen)
			if problem != nil {
				return nil, &importProblem{"broken-import", "the package " + path + " imports what cannot be had: " + problem.message, problem.hint}
			}
			out = append(out, more...)
		}
	}
	return out, nil
}

// library is an imported package.
type library struct {
	path, name string
	files      []*source
}

// resolve finds the directory and the name of an imported package.
func (l *layout) resolve(importPath string) (dir, name string, ok bool) {
	want, module := parseImport(importPath), parseImport(l.module)
	if l.module == "" {
		return "", "", false
	}
	if want.Path == module.Path {
		return "", want.Qualifier, true
	}
	dir, ok = strings.CutPrefix(want.Path, module.Path+"/")
	return dir, want.Qualifier, ok
}

// orRoot names a directory.
func orRoot(dir string) string {
	if dir == "" {
		return "the root"
	}
	return dir
}
