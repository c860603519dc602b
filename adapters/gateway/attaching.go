package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// readAttaching finds out which trait is to be attached to an agent that has
// none, or what stands in the way. The API server would take any entry; only
// the controller refuses it, later, and stops releasing the agent at all.
//
//	found                                         | result
//	----------------------------------------------+---------------------------
//	the instance, of the trait                    | nothing to attach
//	the instance's name, of another trait         | stalled
//	the trait, as another instance                | stalled
//	traits that another manager applies, and no   | stalled
//	mark of ours on the policies                  |
//	a component type that does not allow the trait| stalled
//	no such trait                                 | stalled
//	the trait, with another contract              | stalled
//	the trait with a policy list                  | attach it
func (t *Target) readAttaching(ctx context.Context, b resource.Binding, f *facts, traits *traitReader) {
	if f.err != nil || f.component == nil || f.binding == nil {
		return
	}
	instance := t.cfg.instance(b)
	for _, at := range f.component.Spec.Traits {
		switch {
		case at.InstanceName == instance && at.Name == t.cfg.TraitName:
			return
		case at.InstanceName == instance:
			f.attaching = stalled("InstanceTaken", "choose another instance name in the configuration",
				"instance %s of component %s belongs to trait %s, not to %s", instance, b.Agent, at.Name, t.cfg.TraitName)
			return
		case at.Name == t.cfg.TraitName:
			f.attaching = stalled("InstanceName", "set the instance name in the configuration to the one that is used",
				"component %s has trait %s as instance %s, and the configuration says %s", b.Agent, at.Name, at.InstanceName, instance)
			return
		}
	}
	if manager, ok := f.component.applier(t.cfg.FieldManager); ok && !t.cfg.Adopt && f.binding.Metadata.Annotations[markAnnotation] != t.cfg.Installation {
		f.attaching = stalled("TraitsApplied", fmt.Sprintf("add the trait %s to the component where %s gets it from", t.cfg.TraitName, manager),
			"the traits of component %s are applied by %s, which would take another one off again", b.Agent, manager)
		return
	}
	f.trait, f.attaching = t.chooseTrait(ctx, f.component, traits)
}

// chooseTrait chooses among the traits of the configured name that the
// component's type allows.
func (t *Target) chooseTrait(ctx context.Context, c *component, traits *traitReader) (traitRef, *fault.Error) {
	ns := c.Metadata.Namespace
	ct, err := traits.componentType(ctx, ns, c.Spec.Type)
	if err != nil {
		return traitRef{}, err
	}
	var allowed []traitRef
	for _, kind := range t.cfg.TraitKinds {
		ref := traitRef{Kind: kind, Name: t.cfg.TraitName}
		if slices.ContainsFunc(ct.Spec.AllowedTraits, func(a traitRef) bool {
			return a.Name == ref.Name && (a.Kind == ref.Kind || a.Kind == "" && ref.Kind == kindTrait)
		}) {
			allowed = append(allowed, ref)
		}
	}
	if len(allowed) == 0 {
		return traitRef{}, stalled("TraitNotAllowed", fmt.Sprintf("add {kind: %s, name: %s} to its spec.allowedTraits", t.cfg.TraitKinds[0], t.cfg.TraitName),
			"component type %s does not allow trait %s", c.Spec.Type.Name, t.cfg.TraitName)
	}
	var last *fault.Error
	for _, ref := range allowed {
		spec, err := traits.trait(ctx, ns, ref)
		if err == nil {
			err = unusable(spec.contract(), ref)
		}
		if err == nil {
			return ref, nil
		}
		last = err
	}
	return traitRef{}, last
}

// reasonContract is the reason of a trait that cannot be used.
const reasonContract = "TraitContract"

// unusable says why a trait with contract c cannot be used; nil if it can.
func unusable(c contract, ref traitRef) *fault.Error {
	switch c {
	case contractPolicies:
		return nil
	case contractJWT:
		return stalled(reasonContract, "use the trait of Agent Manager, whose environment configuration has policies",
			"%s %s has a structured jwtAuth configuration in each environment and no policies", ref.Kind, ref.Name)
	case contractNone:
	}
	return stalled(reasonContract, "update the trait to the version of August 2026 or later, whose environment configuration has policies, and release the agent again",
		"%s %s lets no environment decide its policies", ref.Kind, ref.Name)
}

// stalled is a fault that needs a person.
func stalled(reason, hint, format string, args ...any) *fault.Error {
	f := fault.New(fault.Stalled, reason, format, args...)
	f.Hint = hint
	return f
}

// traitReader reads traits and component types once a pass.
type traitReader struct {
	t    *Target
	mu   sync.Mutex
	memo map[traitKey]any
}

type traitKey struct {
	kind            kind
	namespace, name string
}

type componentType struct {
	Spec struct {
		AllowedTraits []traitRef `json:"allowedTraits"`
	} `json:"spec"`
}

type trait struct {
	Spec traitSpec `json:"spec"`
}

// componentType reads the type of a component. The reference's name is
// workloadType/name.
func (r *traitReader) componentType(ctx context.Context, ns string, ref traitRef) (*componentType, *fault.Error) {
	k := componentTypes
	if ref.Kind == kindClusterComponentType {
		k = clusterComponentTypes
	}
	name := ref.Name[strings.LastIndexByte(ref.Name, '/')+1:]
	return readOnce[componentType](ctx, r, k, ns, name)
}

// trait reads a trait's specification.
func (r *traitReader) trait(ctx context.Context, ns string, ref traitRef) (traitSpec, *fault.Error) {
	k := traits
	if ref.Kind == kindClusterTrait {
		k = clusterTraits
	}
	out, err := readOnce[trait](ctx, r, k, ns, ref.Name)
	if err != nil {
		return traitSpec{}, err
	}
	return out.Spec, nil
}

func readOnce[T any](ctx context.Context, r *traitReader, k kind, ns, name string) (*T, *fault.Error) {
	if k.clusterWide {
		ns = ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := traitKey{k, ns, name}
	switch known := r.memo[key].(type) {
	case *T:
		return known, nil
	case *fault.Error:
		return nil, known
	}
	if r.memo == nil {
		r.memo = map[traitKey]any{}
	}
	out, err := get[T](ctx, r.t.control, k, ns, name)
	var f *fault.Error
	switch {
	case err != nil:
		f = classify(err, k.access("get", ns, name), false)
	case out == nil:
		f = stalled("Missing", "create it, or set the trait's name in the configuration", "there is no %s %s", strings.TrimSuffix(k.plural, "s"), name)
	}
	if f != nil {
		r.memo[key] = f
		return nil, f
	}
	r.memo[key] = out
	return out, nil
}
