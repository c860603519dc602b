package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"

	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// unitsPerContext bounds how many units are evaluated in one cue.Context,
// which keeps everything that was ever built in it.
const unitsPerContext = 8

// evaluator evaluates units. It runs in the worker and nowhere else, and is
// not safe for concurrent use.
type evaluator struct {
	files      parsed
	context    *cue.Context
	definition *build.Instance
	uses       int
}

// evaluate evaluates a unit. An error is a fault of this package, not of the
// specs.
func (e *evaluator) evaluate(u unit) (unitResult, error) {
	if err := e.fresh(); err != nil {
		return unitResult{}, err
	}
	r := &run{evaluator: e, unit: u, out: map[string]bool{}}
	return r.result()
}

// fresh makes a new context when the old one has grown.
func (e *evaluator) fresh() error {
	if e.uses++; e.context != nil && e.uses <= unitsPerContext {
		return nil
	}
	definition, err := newDefinition(build.NewContext())
	if err != nil {
		return err
	}
	e.context, e.definition, e.uses = cuecontext.New(), definition, 1
	return nil
}

// run is one evaluation of one unit.
type run struct {
	*evaluator
	unit   unit
	common []*syntax.File
	leaves []*syntax.File
	// out are the leaves left out, by path.
	out         map[string]bool
	diagnostics Diagnostics
	stopped     bool
	places      map[string]*places
}

// result evaluates the unit. A leaf that cannot be compiled is left out and
// the others are compiled again.
func (r *run) result() (unitResult, error) {
	r.read()
	for !r.stopped {
		inst, err := r.instance()
		if err != nil {
			return unitResult{}, err
		}
		value := r.context.BuildInstance(inst)
		errs := r.compileErrors(inst, value)
		if len(errs) == 0 {
			return r.agents(value)
		}
		if !r.blame(errs) {
			r.stopped = true
		}
		// The files were resolved against those left out.
		r.read()
	}
	return r.finish(nil), nil
}

// read parses the files.
func (r *run) read() {
	r.common = r.common[:0]
	for _, f := range r.unit.Common {
		r.common = append(r.common, r.files.take(f))
	}
	r.leaves = r.leaves[:0]
	for _, f := range r.unit.Leaves {
		if !r.out[f.Path] {
			r.leaves = append(r.leaves, r.files.take(f))
		}
	}
}

// instance puts the files together with the constraint.
func (r *run) instance() (*build.Instance, error) {
	libraries := &importer{run: r, context: build.NewContext(), built: map[string]*build.Instance{}}
	inst := libraries.context.NewInstance("", libraries.load)
	inst.PkgName = r.unit.Package
	inst.ImportPath = "specs.invalid/specs:" + r.unit.Package
	if err := addSource(inst, constraintFile, fmt.Sprintf(constraint, r.unit.Package)); err != nil {
		return nil, fmt.Errorf("apply the definitions: %w", err)
	}
	for _, f := range slices.Concat(r.common, r.leaves) {
		addTo(inst, r.unit.Package, f)
	}
	// What is wrong stays with the instance, and is read off it.
	_ = inst.Complete()
	return inst, nil
}

// addTo adds the documents of a file to an instance. Data and files without a
// package clause are given one.
func addTo(inst *build.Instance, pkg string, f *syntax.File) {
	for _, doc := range f.Documents {
		if doc.PackageName() == "" {
			clause := &ast.Package{Name: ast.NewIdent(pkg)}
			doc = &ast.File{Filename: doc.Filename, Decls: append([]ast.Decl{clause}, doc.Decls...), LanguageVersion: doc.LanguageVersion}
		}
		// An error stays with the instance.
		_ = inst.AddSyntax(doc)
	}
}

// compileErrors collects what keeps a unit from being evaluated at all.
func (r *run) compileErrors(inst *build.Instance, value cue.Value) []errors.Error {
	if inst.Err == nil && inst.ResolutionErr == nil {
		return nil
	}
	errs := errors.Errors(errors.Append(inst.Err, inst.ResolutionErr))
	if len(errs) == 0 {
		errs = errors.Errors(value.Err())
	}
	return errs
}

// blame reports compile errors and leaves out the leaves that they stand in.
// It returns false when one of them stands in a file that all depend on.
func (r *run) blame(errs []errors.Error) bool {
	all := true
	for _, err := range errs {
		d := r.compileDiagnostic(err)
		file := d.Position.File
		if slices.ContainsFunc(r.unit.Leaves, func(f unitFile) bool { return f.Path == file }) {
			r.out[file] = true
		} else {
			all = false
		}
		r.diagnostics = append(r.diagnostics, d)
	}
	return all
}

// agents reads the agents of an evaluated unit.
func (r *run) agents(value cue.Value) (unitResult, error) {
	agents := value.LookupPath(cue.ParsePath("agents"))
	errs := r.errorsOf(value, agents)
	if r.stopped {
		return r.finish(nil), nil
	}
	r.places = placesOf(slices.Concat(r.common, r.leaves))
	var list []unitAgent
	for _, name := range r.names(agents, errs) {
		v := agents.LookupPath(cue.MakePath(cue.Str(name)))
		if len(errs) > 0 && len(errs[name]) == 0 {
			// Errors of values keep those of missing ones from being told, even
			// of other agents.
			errs[name] = errors.Errors(v.Validate(cue.Concrete(true)))
		}
		// What stands beside an agent that is wrong can keep CUE from telling of a
		// name that is none, and the agent from being found.
		if wrong := errs[name]; len(wrong) > 0 || !validName(name) {
			list = append(list, unitAgent{Name: name, Diagnostics: r.explain(name, v, wrong)})
			continue
		}
		var d decoder
		agent := d.agent(name, v)
		if d.err != nil {
			return unitResult{}, fmt.Errorf("decode agent %q: %w", name, d.err)
		}
		agent.Positions = r.positions(name, v)
		if len(agent.Environments) == 0 {
			list = append(list, unitAgent{Name: name, Diagnostics: Diagnostics{noEnvironment(agent)}})
			continue
		}
		list = append(list, unitAgent{Name: name, Valid: true, Agent: agent})
	}
	return r.finish(list), nil
}

// errorsOf sorts the errors of an evaluated unit by agent. An error of no
// agent stops the unit.
func (r *run) errorsOf(value, agents cue.Value) map[string][]errors.Error {
	byAgent := map[string][]errors.Error{}
	seen := map[string]bool{}
	add := func(err error) {
		for _, e := range errors.Errors(err) {
			key := strings.Join(e.Path(), "\x00") + "\x00" + e.Error()
			if seen[key] {
				continue
			}
			seen[key] = true
			path := pathOf(e)
			if len(path) >= 2 && path[0] == "agents" {
				byAgent[path[1]] = append(byAgent[path[1]], e)
				continue
			}
			r.stopped = true
			r.diagnostics = append(r.diagnostics, r.sharedDiagnostic(e))
		}
	}
	if err := value.Validate(); err != nil {
		add(err)
	}
	if err := agents.Validate(cue.Concrete(true)); err != nil {
		add(err)
	}
	return byAgent
}

// names lists the agents of a unit: those with a value and those with an
// error, which may keep the struct from being listed.
func (r *run) names(agents cue.Value, errs map[string][]errors.Error) []string {
	var names []string
	if it, err := agents.Fields(); err == nil {
		for it.Next() {
			names = append(names, it.Selector().Unquoted())
		}
	} else {
		for name := range r.places {
			names = append(names, name)
		}
	}
	for name := range errs {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// finish makes the result.
func (r *run) finish(agents []unitAgent) unitResult {
	var out []string
	for path := range r.out {
		out = append(out, path)
	}
	slices.Sort(out)
	return unitResult{Agents: agents, Out: out, Stopped: r.stopped, Diagnostics: r.diagnostics.Sorted()}
}
