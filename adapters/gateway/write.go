package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// applyPolicies puts the authentication that want asks for into the policies
// of the environment, by server-side apply under our own field manager.
//
// The apply is bound to the version that was read, so that "force", which
// takes a field from whoever holds it, takes it only from those that ownership
// has seen and allowed. What our manager has applied before is applied again
// with it: leaving a field out would delete it.
func (e *effect) applyPolicies(ctx context.Context, f *facts, want *resource.Endpoint) error {
	t, rb := e.t, f.binding
	instance := t.cfg.instance(e.step.ID.Binding)
	list, err := parsePolicies(f.effective(instance))
	if err != nil {
		// Nothing can be kept of what is no list. The trait refuses it, so the
		// gateway still has the list before it.
		list = nil
		t.cfg.Logger.WarnContext(ctx, "policies that are no list are replaced", "resource", e.step.ID.String())
	}
	configs := map[string]map[string]any{}
	e.keep(rb, configs)
	if configs[instance] == nil {
		configs[instance] = map[string]any{}
	}
	configs[instance][keyPolicies] = swap(list, t.entry(want))
	if wantsAttached(want) && f.attached(instance, t.cfg.TraitName) == nil && !has(rb.Spec.TraitConfigs[instance], keyArtifact) {
		// Two environments that share a gateway need an artifact each, or one
		// overwrites the other.
		configs[instance][keyArtifact] = artifactID(e.step.ID.Binding.String())
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": groupChoreo + "/" + versionChoreo, "kind": "ReleaseBinding",
		"metadata": map[string]any{
			"name": rb.Metadata.Name, "namespace": rb.Metadata.Namespace,
			"uid": rb.Metadata.UID, "resourceVersion": rb.Metadata.ResourceVersion,
			"annotations": map[string]string{markAnnotation: t.cfg.Installation},
		},
		"spec": map[string]any{"traitEnvironmentConfigs": configs},
	})
	if err != nil {
		return stalled("Policies", "correct the policies by hand", "the policies have no JSON form: %w", err)
	}
	return e.write(ctx, request{
		verb: http.MethodPatch, path: releaseBindings.path(rb.Metadata.Namespace, rb.Metadata.Name), media: mediaApply, body: body,
		query: url.Values{"fieldManager": {t.cfg.FieldManager}, "force": {strconv.FormatBool(e.overrides(rb, instance))}},
	}, releaseBindings.access("patch", rb.Metadata.Namespace, rb.Metadata.Name))
}

// overrides reports whether others hold what is to be applied.
func (e *effect) overrides(rb *releaseBinding, instance string) bool {
	for _, key := range []string{keyPolicies, keyArtifact} {
		if others, _ := rb.claims(e.t.cfg.FieldManager, instance, key); len(others) > 0 {
			return true
		}
	}
	// The mark may be someone else's copy of it, as of a restored backup.
	return rb.Metadata.Annotations[markAnnotation] != ""
}

// keep puts what our manager holds of rb into configs, as it stands.
func (e *effect) keep(rb *releaseBinding, configs map[string]map[string]any) {
	applied, ok := rb.applied(e.t.cfg.FieldManager)
	if !ok {
		return
	}
	for instance, keys := range applied.held() {
		var fields map[string]json.RawMessage
		if json.Unmarshal(rb.Spec.TraitConfigs[instance], &fields) != nil {
			continue
		}
		for _, key := range keys {
			if value, ok := fields[key]; ok {
				if configs[instance] == nil {
					configs[instance] = map[string]any{}
				}
				configs[instance][key] = value
			}
		}
	}
}

// has reports whether raw is an object with a key.
func has(raw json.RawMessage, key string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return false
	}
	_, ok := fields[key]
	return ok
}

// artifactSpace is the UUIDv5 namespace of artifact ids.
var artifactSpace = uuid.MustParse("0a4b3f5e-9d6c-5a58-8b0e-6f6a3a9f0c27")

// artifactID is the id under which the gateway's control plane keeps an API.
func artifactID(name string) string { return uuid.NewSHA1(artifactSpace, []byte(name)).String() }

// patchOp is an operation of a JSON patch (RFC 6902).
type patchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// at binds a JSON patch to the version that was read. A test of the version
// would be answered with 422 if it fails, as any wrong patch is; putting it in
// place is answered with 409.
func at(m meta) patchOp { return patchOp{"replace", "/metadata/resourceVersion", m.ResourceVersion} }

// attach adds the trait's instance to the Component. spec.traits is atomic for
// server-side apply, so it is a JSON patch, bound to the version that was read,
// that leaves the other traits as they are.
func (e *effect) attach(ctx context.Context, f *facts, want *resource.Endpoint) error {
	t, b, c := e.t, e.step.ID.Binding, f.component
	i := want.Interface
	if i == nil {
		return stalled("NoInterface", "add interface to the agent's spec: the gateway must know its port and paths",
			"the agent has no trait yet, and its spec does not say how it listens")
	}
	if f.trait.Name == "" {
		return fault.New(fault.Transient, "Moved", "the trait went away meanwhile")
	}
	own, _ := f.environmentList(t.cfg.instance(b))
	list, _ := parsePolicies(own) // the round before has written it
	parameters := map[string]any{
		"apiName": b.Agent, "upstreamPort": i.Port, "artifactId": artifactID(b.Identity()),
		keyPolicies: swap(list, t.entry(locked(want))),
	}
	for name, value := range map[string]string{"apiVersion": i.Version, "context": i.Context, "upstreamBasePath": i.BasePath} {
		if value != "" {
			parameters[name] = value
		}
	}
	if len(i.Operations) > 0 {
		parameters["operations"] = i.Operations
	}
	entry := map[string]any{"kind": f.trait.Kind, "name": f.trait.Name, "instanceName": t.cfg.instance(b), "parameters": parameters}
	add := patchOp{"add", "/spec/traits/-", entry}
	if c.Spec.Traits == nil {
		add = patchOp{"add", "/spec/traits", []any{entry}}
	}
	return e.patch(ctx, components, c.Metadata.meta, mediaJSONPatch, []patchOp{at(c.Metadata.meta), add})
}

// disown gives an endpoint up: the mark and our hold on the policies go, the
// policies stay. Leaving them out of an apply would delete them, and the API
// would fall back to its component's list; so our entry is taken out of the
// managed fields instead, in one patch with the mark.
func (e *effect) disown(ctx context.Context, f *facts) (done bool, err error) {
	t := e.t
	switch {
	case f.err != nil:
		return false, e.unknown(f.err)
	case f.binding == nil:
		return true, nil
	}
	rb := f.binding
	owner, others := t.ownership(rb, t.cfg.instance(e.step.ID.Binding))
	switch {
	case owner == resource.OwnerOther:
		return false, refusal(resource.Observed{Found: true, Owner: owner, OwnerName: names(others)}, f)
	case owner == resource.OwnerNobody:
		return true, nil
	case e.lost != nil:
		return false, e.lost
	}
	if err := e.guard(0, version(rb.Metadata.meta)); err != nil {
		return false, err
	}
	return false, e.release(ctx, rb)
}

// release takes the mark off rb and our entry out of its managed fields. The
// entries of others are passed on to the byte.
func (e *effect) release(ctx context.Context, rb *releaseBinding) error {
	var raw struct {
		Metadata struct {
			ManagedFields []json.RawMessage `json:"managedFields"`
			Version       string            `json:"resourceVersion"`
		} `json:"metadata"`
	}
	k, ns, name := releaseBindings, rb.Metadata.Namespace, rb.Metadata.Name
	body, err := e.t.control.do(ctx, request{verb: http.MethodGet, path: k.path(ns, name)})
	if err != nil {
		return readFault(err, k.access("get", ns, name))
	}
	if decode(body, &raw) != nil || raw.Metadata.Version != rb.Metadata.ResourceVersion {
		return fault.New(fault.Transient, "Moved", "it changed meanwhile")
	}
	ours := func(m json.RawMessage) bool {
		var entry managedEntry
		return decode(m, &entry) == nil && entry.Manager == e.t.cfg.FieldManager && entry.Operation == operationApply && entry.Subresource == ""
	}
	left := slices.DeleteFunc(raw.Metadata.ManagedFields, ours)
	if len(left) == 0 {
		// An empty list would change nothing; an empty entry clears all.
		left = []json.RawMessage{json.RawMessage(`{}`)}
	}
	return e.patch(ctx, k, rb.Metadata.meta, mediaMergePatch, map[string]any{"metadata": map[string]any{
		"resourceVersion": rb.Metadata.ResourceVersion, "managedFields": left,
		"annotations": map[string]any{markAnnotation: nil},
	}})
}

// patch makes a patch of a media type.
func (e *effect) patch(ctx context.Context, k kind, m meta, media string, change any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return stalled("Patch", "", "the change has no JSON form: %w", err)
	}
	return e.write(ctx, request{
		verb: http.MethodPatch, path: k.path(m.Namespace, m.Name), media: media, body: body,
		query: url.Values{"fieldManager": {e.t.cfg.FieldManager}},
	}, k.access("patch", m.Namespace, m.Name))
}
