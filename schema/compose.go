package schema

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// composer puts the results of a tree together.
type composer struct {
	loader      *Loader
	layout      *layout
	views       map[string]*view // by directory
	yields      []Agent
	evaluations int
	capFailures int
}

// view is what an instance sees: its agents, inherited or own.
type view struct {
	pkg    string
	agents map[string]unitAgent
	// lost reports that the instance had to be left out.
	lost bool
	// entangled reports that agents bear on one another, so that files here may
	// change what is declared above by more than constraining it.
	entangled bool
	// tainted are agents of which a declaration cannot be read.
	tainted map[string]bool
}

// report adds an error.
func (c *composer) report(d Diagnostic) {
	d.Severity = SeverityError
	c.layout.diagnostics = append(c.layout.diagnostics, d)
}

// instance evaluates an instance and keeps the agents that it yields.
func (c *composer) instance(ctx context.Context, i *instance) error {
	v := &view{pkg: i.pkg, agents: map[string]unitAgent{}, tainted: map[string]bool{}}
	c.views[i.dir] = v
	p := c.divide(i, v)
	if v.lost {
		return nil
	}
	for _, b := range p.batches(i, c.loader.whole) {
		r, err := c.loader.evaluate(ctx, c, b)
		if err != nil {
			return err
		}
		c.take(v, b, r)
	}
	if !v.lost {
		c.yield(i, v)
	}
	return nil
}

// divide sorts the files of an instance into common files and leaves, and
// leaves out what cannot be used: a leaf with the agents that it declares, and
// everything when a common file is among it.
func (c *composer) divide(i *instance, v *view) *parts {
	p := &parts{libraries: map[string][]library{}}
	for _, src := range i.files() {
		f := src.facts
		if f.Broken || !c.imports(src, p) {
			v.lost = v.lost || !f.Leaf
			for _, cl := range f.Claims {
				v.tainted[cl.Name] = true
			}
			continue
		}
		p.entangled = p.entangled || f.Entangled
		v.entangled = p.entangled
		if f.Leaf {
			p.leaves = append(p.leaves, src)
		} else {
			p.common = append(p.common, src)
		}
	}
	return p
}

// imports finds what a file imports; false if something cannot be had, which
// it reports.
func (c *composer) imports(src *source, p *parts) bool {
	ok := true
	seen := map[string]bool{}
	for _, imp := range src.facts.Imports {
		if imp.Builtin {
			continue
		}
		libraries, problem := c.layout.library(imp.Path, seen)
		if problem != nil {
			c.report(Diagnostic{
				Position: Position{File: src.entry.Path, Line: imp.Place.Line, Column: imp.Place.Column},
				Code:     problem.code, Message: problem.message, Hint: problem.hint,
			})
			ok = false
			continue
		}
		p.libraries[src.entry.Path] = append(p.libraries[src.entry.Path], libraries...)
	}
	return ok
}

// take keeps what a batch says of the agents that it answers for.
func (c *composer) take(v *view, b *batch, r *unitResult) {
	c.layout.diagnostics = append(c.layout.diagnostics, r.Diagnostics...)
	v.lost = v.lost || r.Stopped
	for _, src := range b.leaves() {
		if slices.Contains(r.Out, src.entry.Path) {
			for _, cl := range src.facts.Claims {
				v.tainted[cl.Name] = true
			}
		}
	}
	for _, a := range r.Agents {
		if b.names == nil || b.names[a.Name] {
			v.agents[a.Name] = a
		}
	}
}

// yield keeps the agents that an instance declares itself. What it sees of the
// directories above is yielded there.
func (c *composer) yield(i *instance, v *view) {
	own := ownClaims(i)
	twice := c.twice(i)
	for _, name := range sortedNames(v.agents) {
		a := v.agents[name]
		inherited, above := c.inherited(i, name)
		if v.tainted[name] || above && !inherited.Valid {
			continue
		}
		_, claimed := own[name]
		if !a.Valid {
			if claimed || !above {
				c.layout.diagnostics = append(c.layout.diagnostics, a.Diagnostics...)
			}
			continue
		}
		agent := a.Agent
		if above {
			agent = c.without(agent, inherited.Agent, own[name])
			if v.entangled && !claimed && len(agent.Environments) == 0 {
				c.changed(a.Agent, inherited.Agent, i)
			}
		}
		agent.Environments = slices.DeleteFunc(slices.Clone(agent.Environments), func(e Environment) bool { return twice[name+"\x00"+e.Name] })
		if len(agent.Environments) > 0 {
			c.yields = append(c.yields, agent)
		}
	}
}

// inherited returns what the nearest directory above sees of an agent.
func (c *composer) inherited(i *instance, name string) (unitAgent, bool) {
	up := above(i.dir)
	for _, dir := range slices.Backward(up) {
		if v := c.views[dir]; v != nil && v.pkg == i.pkg {
			if a, ok := v.agents[name]; ok {
				return a, true
			}
		}
	}
	return unitAgent{}, false
}

// without returns an agent without the environments that a directory above
// has, and reports those that are declared in both.
func (c *composer) without(a, inherited Agent, own []claimAt) Agent {
	out := a
	out.Environments = nil
	for _, e := range a.Environments {
		if !slices.ContainsFunc(inherited.Environments, func(x Environment) bool { return x.Name == e.Name }) {
			out.Environments = append(out.Environments, e)
			continue
		}
		for _, at := range own {
			if at.environment == e.Name {
				c.duplicate(a, e.Name, at.position, inherited.At("environments."+e.Name))
				break
			}
		}
	}
	return out
}

// duplicate reports an environment of an agent that is declared twice.
func (c *composer) duplicate(a Agent, environment string, at, first Position) {
	c.report(Diagnostic{
		Position: at, Path: "agents." + a.Name + ".environments." + environment, Code: "duplicate-claim",
		Message: fmt.Sprintf("agent %s is declared twice in environment %s", a.Name, environment),
		Related: []Related{{first, "declared here first"}}, Hint: "keep one of them",
	})
}

// changed warns of files that change an agent of a directory above, where they
// do not apply.
func (c *composer) changed(seen, inherited Agent, i *instance) {
	seen.Positions, inherited.Positions = nil, nil
	if reflect.DeepEqual(seen, inherited) || !slices.ContainsFunc(i.own, func(s *source) bool { return s.facts.Mention != syntax.MentionYes }) {
		return
	}
	c.layout.diagnostics = append(c.layout.diagnostics, Diagnostic{
		Position: Position{File: i.own[0].entry.Path, Line: 1, Column: 1}, Path: "agents." + seen.Name, Code: "inherited-agent-changed", Severity: SeverityWarning,
		Message: "files here change an agent of a directory above, to which they do not apply", Hint: "change it where it is declared",
	})
}

// result finishes the load.
func (c *composer) result() Result {
	agents := c.merge()
	ds := c.layout.diagnostics.Sorted()
	lost := false
	for _, v := range c.views {
		lost = lost || v.lost
	}
	return Result{Agents: agents, Diagnostics: ds, Whole: !ds.HasErrors() && !c.layout.partial && !lost, Unused: c.layout.unused, Evaluations: c.evaluations}
}
