package schema

import (
	"maps"
	"slices"
	"strings"
)

// claimAt is where a file declares an agent in an environment.
type claimAt struct {
	environment string
	position    Position
}

// ownClaims returns what the instance's own files declare by name.
func ownClaims(i *instance) map[string][]claimAt {
	out := map[string][]claimAt{}
	for _, src := range i.own {
		for _, cl := range src.facts.Claims {
			if _, ok := out[cl.Name]; !ok {
				out[cl.Name] = nil
			}
			for _, e := range cl.Environments {
				out[cl.Name] = append(out[cl.Name], claimAt{e.Name, Position{File: src.entry.Path, Line: e.Place.Line, Column: e.Place.Column}})
			}
		}
	}
	return out
}

// twice reports environments that two files of a directory declare in full: two
// files of data that both have it, or files that both say its scheme. Files of
// CUE that share an environment out between them say its scheme once.
func (c *composer) twice(i *instance) map[string]bool {
	first := map[string]Position{}
	out := map[string]bool{}
	for _, src := range i.own {
		if src.facts.Broken {
			continue
		}
		for _, cl := range src.facts.Claims {
			for _, e := range cl.Environments {
				if !src.data && !e.Scheme {
					continue
				}
				key := cl.Name + "\x00" + e.Name
				at := Position{File: src.entry.Path, Line: e.Place.Line, Column: e.Place.Column}
				if f, ok := first[key]; ok {
					out[key] = true
					c.duplicate(Agent{Name: cl.Name}, e.Name, at, f)
					continue
				}
				first[key] = at
			}
		}
	}
	return out
}

// sortedNames returns the keys of agents in order.
func sortedNames(agents map[string]unitAgent) []string {
	return slices.SortedFunc(maps.Keys(agents), strings.Compare)
}
