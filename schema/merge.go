package schema

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// merge makes one agent of those that several directories declare for
// different environments.
func (c *composer) merge() []Agent {
	groups := map[string][]Agent{}
	for _, a := range c.yields {
		groups[a.Identity()] = append(groups[a.Identity()], a)
	}
	var out []Agent
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		group := groups[id]
		if len(group) > 1 {
			slices.SortFunc(group, func(a, b Agent) int { return a.At("").Compare(b.At("")) })
			merged, ok := c.mergeGroup(group)
			if !ok {
				continue
			}
			group = []Agent{merged}
		}
		if len(group[0].Environments) > 0 {
			out = append(out, group[0])
		}
	}
	return out
}

// mergeGroup merges the declarations of one agent; false if they do not agree,
// which it reports.
func (c *composer) mergeGroup(group []Agent) (Agent, bool) {
	merged := group[0]
	merged.Positions = maps.Clone(merged.Positions)
	merged.Environments = nil
	agree := true
	twice := map[string]bool{}
	claimed := map[string]Position{}
	for n, a := range group {
		if n > 0 {
			agree = c.agree(&merged, a) && agree
		}
		for _, e := range a.Environments {
			at := a.At("environments." + e.Name)
			if first, ok := claimed[e.Name]; ok {
				c.duplicate(a, e.Name, at, first)
				twice[e.Name] = true
				continue
			}
			claimed[e.Name] = at
			merged.Environments = append(merged.Environments, e)
		}
		for path, pos := range a.Positions {
			if _, ok := merged.Positions[path]; !ok {
				merged.Positions[path] = pos
			}
		}
	}
	merged.Environments = slices.DeleteFunc(merged.Environments, func(e Environment) bool { return twice[e.Name] })
	slices.SortFunc(merged.Environments, func(x, y Environment) int { return strings.Compare(x.Name, y.Name) })
	return merged, agree
}

// agree adds what a says of the whole agent to merged, and reports what
// differs. A field that one of them does not have is taken from the other.
func (c *composer) agree(merged *Agent, a Agent) bool {
	ok := true
	check := func(path string, differ bool) {
		if !differ {
			return
		}
		ok = false
		c.report(Diagnostic{
			Position: a.At(path), Path: "agents." + a.Name + "." + path, Code: "conflict",
			Message: fmt.Sprintf("two directories declare agent %s and do not agree on %s", a.Identity(), path),
			Related: []Related{{merged.At(path), "the other"}}, Hint: "give both the same value, or leave it out of one",
		})
	}
	check("kind", merged.Kind != a.Kind)
	check("labels", merged.Labels != nil && a.Labels != nil && !maps.Equal(merged.Labels, a.Labels))
	check("interface", merged.Interface != nil && a.Interface != nil && !reflect.DeepEqual(merged.Interface, a.Interface))
	check("deletion", merged.Deletion != "" && a.Deletion != "" && merged.Deletion != a.Deletion)
	check("drift", merged.Drift != "" && a.Drift != "" && merged.Drift != a.Drift)
	check("suspend", merged.Suspend != nil && a.Suspend != nil && !reflect.DeepEqual(merged.Suspend, a.Suspend))
	if merged.Labels == nil {
		merged.Labels = a.Labels
	}
	merged.Interface = cmp.Or(merged.Interface, a.Interface)
	merged.Deletion = cmp.Or(merged.Deletion, a.Deletion)
	merged.Drift = cmp.Or(merged.Drift, a.Drift)
	merged.Suspend = cmp.Or(merged.Suspend, a.Suspend)
	return ok
}
