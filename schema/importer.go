package schema

import (
	"slices"

	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// importer resolves imports of one unit: the definitions, and packages of the
// repository. CUE finds its own packages when it is given none.
type importer struct {
	run     *run
	context *build.Context
	built   map[string]*build.Instance
}

// load is a [build.LoadFunc].
func (i *importer) load(pos token.Pos, path string) *build.Instance {
	if path == DefinitionPath {
		return i.run.definition
	}
	if inst, ok := i.built[path]; ok {
		if inst == nil {
			failed := i.context.NewInstance("", nil)
			failed.ReportError(errors.Newf(pos, "import cycle through %q", path))
			return failed
		}
		return inst
	}
	n := slices.IndexFunc(i.run.unit.Libraries, func(p unitPackage) bool { return p.ImportPath == path })
	if n < 0 {
		return nil
	}
	library := i.run.unit.Libraries[n]
	i.built[path] = nil // until it is built, so that a cycle is seen
	inst := i.context.NewInstance("", i.load)
	inst.ImportPath, inst.PkgName = path, library.Name
	for _, f := range library.Files {
		addTo(inst, library.Name, i.run.files.take(f))
	}
	_ = inst.Complete() // what is wrong stays with the instance
	i.built[path] = inst
	return inst
}
