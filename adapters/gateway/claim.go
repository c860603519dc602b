package gateway

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// markAnnotation on a ReleaseBinding says which installation keeps the policies
// of its endpoint.
const markAnnotation = "gatewright.dev/installation"

// Operations of managed fields.
const (
	operationApply  = "Apply"
	operationUpdate = "Update"
)

// Keys of an instance's environment configuration.
const (
	keyPolicies = "policies"
	keyArtifact = "artifactId"
)

// claim is a field manager that holds the policies of an endpoint.
type claim struct {
	manager string
	applied bool
	since   time.Time
}

// String prints c as "argocd (applied since 2026-08-22T10:00:00Z)".
func (c claim) String() string {
	verb := "written"
	if c.applied {
		verb = "applied"
	}
	if c.since.IsZero() {
		return c.manager + " (" + verb + ")"
	}
	return c.manager + " (" + verb + " since " + c.since.UTC().Format(time.RFC3339) + ")"
}

// claims lists who holds a key of an instance's environment configuration,
// besides manager, and reports whether manager has applied it.
func (b *releaseBinding) claims(manager, instance, key string) (others []claim, ours bool) {
	for _, e := range b.Metadata.ManagedFields {
		if e.Subresource != "" || !e.holds(instance, key) {
			continue
		}
		if e.Manager == manager && e.Operation == operationApply {
			ours = true
			continue
		}
		c := claim{manager: e.Manager, applied: e.Operation == operationApply}
		if e.Time != nil {
			c.since = *e.Time
		}
		others = append(others, c)
	}
	slices.SortFunc(others, func(a, b claim) int { return strings.Compare(a.manager, b.manager) })
	return others, ours
}

// holds reports whether e holds a key of an instance. Fields below the key, or
// the whole instance as one value, count, too.
func (e managedEntry) holds(instance, key string) bool {
	// Most entries are of controllers, which hold nothing of the sort.
	if !bytes.Contains(e.Fields, []byte(`"f:`+instance+`"`)) {
		return false
	}
	fields, ok := descend(e.Fields, "f:spec", "f:traitEnvironmentConfigs", "f:"+instance)
	if !ok {
		return false
	}
	_, held := fields["f:"+key]
	return held || len(fields) == 0
}

// held lists the keys of each instance that e holds.
func (e managedEntry) held() map[string][]string {
	instances, _ := descend(e.Fields, "f:spec", "f:traitEnvironmentConfigs")
	out := map[string][]string{}
	for name, raw := range instances {
		instance, ok := strings.CutPrefix(name, "f:")
		if !ok {
			continue
		}
		fields, _ := descend(raw)
		for key := range fields {
			if key, ok := strings.CutPrefix(key, "f:"); ok {
				out[instance] = append(out[instance], key)
			}
		}
		slices.Sort(out[instance])
	}
	return out
}

// descend walks down a FieldsV1 tree.
func descend(raw json.RawMessage, path ...string) (map[string]json.RawMessage, bool) {
	for _, step := range path {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return nil, false
		}
		next, ok := fields[step]
		if !ok {
			return nil, false
		}
		raw = next
	}
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(raw, &fields) == nil
}

// applier is the manager other than ours that applies the traits of a component.
// They are one value for server-side apply: what somebody adds to it lasts until
// that manager comes by. A trait that we have attached before is put back all the
// same, since without it the API is open.
func (c *component) applier(ours string) (string, bool) {
	for _, e := range c.Metadata.ManagedFields {
		if e.Manager == ours || e.Operation != operationApply || e.Subresource != "" {
			continue
		}
		if fields, ok := descend(e.Fields, "f:spec"); ok && fields["f:traits"] != nil {
			return e.Manager, true
		}
	}
	return "", false
}

// applied returns the entry of what manager applies to b.
func (b *releaseBinding) applied(manager string) (managedEntry, bool) {
	for _, e := range b.Metadata.ManagedFields {
		if e.Manager == manager && e.Operation == operationApply && e.Subresource == "" {
			return e, true
		}
	}
	return managedEntry{}, false
}

// ownership says who may change the policies of an endpoint, and who else
// holds them now.
//
//	mark                | policies held by          | owner
//	--------------------+---------------------------+---------------------------
//	ours                | anyone                    | us: what others wrote over
//	                    |                           | it is drift
//	other installation  | anyone                    | other: that installation
//	none                | our field manager         | us: the mark was stripped
//	none                | a manager that applies    | other, unless Adopt
//	none                | a manager in Claims       | other, unless Adopt
//	none                | plain writers, or nobody  | nobody
//
// A plain write is no claim: each deployment and each promotion from Agent
// Manager's console writes the whole map, as does everyone who edits by hand,
// and the spec in git is there to decide instead. To apply a field is to say
// that one goes on managing it.
func (t *Target) ownership(b *releaseBinding, instance string) (owner resource.Owner, others []claim) {
	others, ours := b.claims(t.cfg.FieldManager, instance, keyPolicies)
	mark, marked := b.Metadata.Annotations[markAnnotation]
	switch {
	case marked && mark == t.cfg.Installation:
		return resource.OwnerUs, others
	case marked:
		return resource.OwnerOther, []claim{{manager: "gatewright installation " + mark, applied: true}}
	case ours:
		return resource.OwnerUs, others
	}
	if t.cfg.Adopt {
		return resource.OwnerNobody, others
	}
	for _, c := range others {
		if c.applied || slices.Contains(t.cfg.Claims, c.manager) {
			return resource.OwnerOther, others
		}
	}
	return resource.OwnerNobody, others
}

// names prints claims for people.
func names(cs []claim) string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.String()
	}
	return strings.Join(out, ", ")
}
