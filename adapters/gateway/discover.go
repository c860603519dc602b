package gateway

import (
	"context"
	"errors"
	"slices"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Discover implements target.Discoverer: the endpoints whose ReleaseBinding
// bears our mark, and the key managers that we have written.
func (t *Target) Discover(ctx context.Context) ([]resource.ID, error) {
	var out []resource.ID
	err := t.eachBinding(ctx, func(rb *releaseBinding) {
		if rb.Metadata.Annotations[markAnnotation] != t.cfg.Installation {
			return
		}
		if b, ok := t.bindingOf(rb); ok {
			out = append(out, resource.ID{Kind: resource.KindEndpoint, Binding: b})
		}
	})
	if t.cfg.ManageKeyManagers {
		found, err2 := t.KeyManagers(ctx)
		err = errors.Join(err, err2)
		for _, k := range found {
			if k.Ours {
				out = append(out, resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: t.cfg.Environment}, Name: k.Name})
			}
		}
	}
	slices.SortFunc(out, resource.ID.Compare)
	return out, err
}

// Find implements target.Finder: the endpoint of each ReleaseBinding.
func (t *Target) Find(ctx context.Context) ([]resource.ID, error) {
	var out []resource.ID
	err := t.eachBinding(ctx, func(rb *releaseBinding) {
		if b, ok := t.bindingOf(rb); ok {
			out = append(out, resource.ID{Kind: resource.KindEndpoint, Binding: b})
		}
	})
	slices.SortFunc(out, resource.ID.Compare)
	return slices.Compact(out), err // an agent may have two in an environment
}

// bindingOf is the binding that a ReleaseBinding is about, if it is one that
// could be ours.
func (t *Target) bindingOf(rb *releaseBinding) (resource.Binding, bool) {
	organization, ok := t.cfg.organization(rb.Metadata.Namespace)
	b := resource.Binding{
		Organization: organization, Project: rb.Spec.Owner.Project, Agent: rb.Spec.Owner.Component, Environment: rb.Spec.Environment,
	}
	ok = ok && (t.cfg.Environment == "" || t.cfg.Environment == b.Environment)
	for _, name := range []string{b.Organization, b.Project, b.Agent, b.Environment} {
		ok = ok && resource.ValidName(name)
	}
	return b, ok
}

// eachBinding reads all ReleaseBindings or, where that is not allowed, those of
// the configured namespaces.
func (t *Target) eachBinding(ctx context.Context, add func(*releaseBinding)) error {
	_, err := list(ctx, t.control, listing{kind: releaseBindings}, add)
	if !forbidden(err) || len(t.cfg.Namespaces) == 0 {
		return t.discoverFault(readFault(err, releaseBindings.access("list", "", "")))
	}
	for _, ns := range t.cfg.Namespaces {
		if _, err := list(ctx, t.control, listing{kind: releaseBindings, namespace: ns}, add); err != nil {
			return t.discoverFault(readFault(err, releaseBindings.access("list", ns, "")))
		}
	}
	return nil
}

func (t *Target) discoverFault(err error) error {
	var f *fault.Error
	if !asFault(err, &f) {
		return nil
	}
	f.Target, f.Op = t.cfg.Name, "discover: "+f.Op
	return f
}
