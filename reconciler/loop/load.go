package loop

import (
	"context"
	"fmt"
	"path"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

// State is what a revision asks for.
type State struct {
	Revision source.Revision
	Set      desired.Set
	// Specs are the valid specs.
	Specs []schema.Agent
	// Diagnostics is everything that is wrong with the specs, sorted.
	Diagnostics schema.Diagnostics
	// Whole reports that every spec was read, so that the absence of one means
	// that it is gone.
	Whole bool
	// Agents counts the valid specs, Bindings the environments that they name.
	Agents, Bindings int
	// Evaluations counts what had to be evaluated anew.
	Evaluations int

	// wanted is Set by binding.
	wanted map[resource.Binding]*desired.Binding
	// unread are the paths at which there is something that is not read: data
	// that is none of ours, symbolic links, other repositories.
	unread map[string]bool
}

// Load evaluates a snapshot and derives what it asks for in the engine's
// environments. An engine without environments only checks the specs.
func (e *Engine) Load(ctx context.Context, snap source.Snapshot) (State, error) {
	loaded, err := e.Loader.Load(ctx, snap.Tree)
	if err != nil {
		return State{}, fmt.Errorf("load specs of revision %s: %w", short(snap.Revision.Hash), err)
	}
	environments := make([]desired.Environment, len(e.Environments))
	for i, env := range e.Environments {
		environments[i] = env.Environment
	}
	var set desired.Set
	var diagnostics schema.Diagnostics
	if len(environments) > 0 {
		set, diagnostics = desired.From(loaded.Agents, environments)
	}
	bindings := 0
	for _, a := range loaded.Agents {
		bindings += len(a.Environments)
	}
	all := append(loaded.Diagnostics, diagnostics...).Sorted()
	return State{
		Revision: snap.Revision, Set: set, Specs: loaded.Agents, Diagnostics: all,
		Whole:  loaded.Whole && !diagnostics.HasErrors(),
		Agents: len(loaded.Agents), Bindings: bindings, Evaluations: loaded.Evaluations,
		wanted: index(set), unread: unread(snap.Tree, loaded.Unused),
	}, nil
}

// unread lists what a tree holds and is not read.
func unread(tree schema.Tree, unused []string) map[string]bool {
	out := map[string]bool{}
	for _, p := range unused {
		out[p] = true
	}
	for _, e := range tree {
		if e.Mode != schema.ModeRegular {
			out[e.Path] = true
		}
	}
	return out
}

// doubt says why the spec that was in a file may not be gone, though the file
// declares it no more: a file that is broken in some way, or has its content
// elsewhere, looks like one of somebody else's.
func (s *State) doubt(file string) string {
	if s.unread[file] {
		return file + ", where its spec was, is still there and declares no agent at all"
	}
	for dir := path.Dir(file); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if s.unread[dir] {
			return dir + ", below which its spec was, is no directory any more"
		}
	}
	return ""
}

// Wants returns what s asks for of a binding; nil if nothing.
func (s *State) Wants(b resource.Binding) *desired.Binding { return s.wanted[b] }

// index lists what a set wants.
func index(set desired.Set) map[resource.Binding]*desired.Binding {
	out := make(map[resource.Binding]*desired.Binding, len(set.Bindings))
	for i := range set.Bindings {
		out[set.Bindings[i].Binding] = &set.Bindings[i]
	}
	return out
}

// short is a revision as people write it.
func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}
