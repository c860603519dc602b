package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
)

// claim notes that the file declares an agent.
func (f *Facts) claim(name string, field *ast.Field, document int) {
	i := slices.IndexFunc(f.Claims, func(c Claim) bool { return c.Name == name })
	if i < 0 {
		i = len(f.Claims)
		f.Claims = append(f.Claims, Claim{Name: name, Place: place(field.Label.Pos())})
	}
	c := &f.Claims[i]
	for environments := range fieldsNamed(field.Value, "environments") {
		for _, e := range fields(environments.Value) {
			if env, ok := concrete(e.Label); ok {
				c.add(EnvironmentClaim{Name: env, Place: place(e.Label.Pos()), Scheme: statesScheme(e.Value), Document: document})
			}
		}
	}
}

// add adds an environment, once a document.
func (c *Claim) add(e EnvironmentClaim) {
	for i, old := range c.Environments {
		if old.Name == e.Name && old.Document == e.Document {
			c.Environments[i].Scheme = old.Scheme || e.Scheme
			return
		}
	}
	c.Environments = append(c.Environments, e)
}

// statesScheme reports whether an environment's text holds a scheme.
func statesScheme(env ast.Expr) bool {
	for authentication := range fieldsNamed(env, "endpointAuthentication") {
		for scheme := range fieldsNamed(authentication.Value, "scheme") {
			if _, ok := scheme.Value.(*ast.BasicLit); ok {
				return true
			}
		}
	}
	return false
}

// fields returns the fields of a struct literal; nil of anything else.
func fields(value ast.Expr) []*ast.Field {
	s, ok := value.(*ast.StructLit)
	if !ok {
		return nil
	}
	out := make([]*ast.Field, 0, len(s.Elts))
	for _, d := range s.Elts {
		if f, ok := d.(*ast.Field); ok {
			out = append(out, f)
		}
	}
	return out
}

// fieldsNamed ranges over the fields of a struct literal with a name.
func fieldsNamed(value ast.Expr, name string) func(yield func(*ast.Field) bool) {
	return func(yield func(*ast.Field) bool) {
		for _, f := range fields(value) {
			if n, ok := concrete(f.Label); ok && n == name && !yield(f) {
				return
			}
		}
	}
}

// nearMiss warns of a field of the top level that seems meant to be agents.
func (f *Facts) nearMiss(name string, field *ast.Field) {
	if !resembles(name) {
		return
	}
	for _, agent := range fields(field.Value) {
		for _, inner := range fields(agent.Value) {
			switch n, _ := concrete(inner.Label); n {
			case "organization", "project", "environments":
				f.NearMiss = true
				f.Issues = append(f.Issues, misspelt(name, place(field.Label.Pos())))
				return
			}
		}
	}
}

// misspelt is the issue of a key that seems meant to be agents.
func misspelt(name string, p Place) Issue {
	return Issue{
		Place: p, Path: name, Code: "misspelt-agents", Warning: true,
		Message: "the field is not read, though it seems to declare agents", Hint: `did you mean "agents"?`,
	}
}

// resembles reports whether a name is nearly agents.
func resembles(name string) bool {
	if name == "agents" || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "#") {
		return false
	}
	lower := strings.ToLower(name)
	return lower == "agents" || Distance(lower, "agents") <= 2
}

// Distance is the number of letters to insert, delete, replace or swap with a
// neighbour to get from a to b.
func Distance(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
