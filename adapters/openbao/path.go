package openbao

import (
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// entry is one credential's place in the store.
type entry struct {
	id   resource.ID
	path string // as <mount>/<prefix>/org/project/agent/env/client
	key  string // the same without the mount
}

// locate derives where a credential is kept. The state's own path, where there
// is one, must agree: it was derived from the same configuration, and pruning
// has nothing but the id to go by.
func (t *Target) locate(id resource.ID, state resource.State) (entry, *fault.Error) {
	if id.Kind != resource.KindCredential {
		return entry{}, fault.New(fault.Stalled, "WrongKind", "openbao keeps no resource of kind %s", id.Kind)
	}
	parts := []string{id.Binding.Organization, id.Binding.Project, id.Binding.Agent, id.Binding.Environment, id.Name}
	for _, p := range parts {
		if !resource.ValidName(p) {
			return entry{}, fault.New(fault.Stalled, "BadName", "%q cannot be part of a path", p)
		}
	}
	key := t.config.Prefix + "/" + strings.Join(parts, "/")
	e := entry{id: id, key: key, path: t.config.Mount + "/" + key}
	if c := state.Credential; c != nil && c.Path != "" && c.Path != e.path {
		err := fault.New(fault.Stalled, "WrongPath", "the path %q is not %q, where this target keeps it", c.Path, e.path)
		err.Hint = "let the environment's credential prefix be " + t.config.Mount + "/" + t.config.Prefix
		return entry{}, err
	}
	return e, nil
}

// identify is the inverse of locate for a path below the prefix.
func identify(rest string) (resource.ID, bool) {
	parts := strings.Split(rest, "/")
	if len(parts) != levels {
		return resource.ID{}, false
	}
	for _, p := range parts {
		if !resource.ValidName(p) {
			return resource.ID{}, false
		}
	}
	return resource.ID{
		Kind: resource.KindCredential, Name: parts[4],
		Binding: resource.Binding{Organization: parts[0], Project: parts[1], Agent: parts[2], Environment: parts[3]},
	}, true
}

// levels is how many segments stand below the prefix.
const levels = 5

// api returns a path of the KV version 2 API: data, metadata, undelete, delete.
func (t *Target) api(kind, key string) string { return t.config.Mount + "/" + kind + "/" + key }
