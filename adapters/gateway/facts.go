package gateway

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// facts is what was read of one endpoint.
type facts struct {
	component *component
	binding   *releaseBinding
	// release is nil if none is bound or the one that is bound is missing.
	release *verdict
	// route is nil if none is needed or none was found.
	route *route
	// api is the object that route was read from, if it was read in bulk.
	api *restAPI
	// attaching says what stands in the way of attaching the trait, where it is
	// not attached; nil means nothing.
	attaching *fault.Error
	// plan of attaching: the trait to attach.
	trait traitRef
	err   *fault.Error
}

// route is a RestApi, the gateway's object for an API.
type route struct {
	policies   []byte
	conditions conditions
	// generation is zero in a copy, which does not tell it.
	generation int64
	// observed is when a copy was taken.
	observed time.Time
	// name is for people.
	name string
}

// few is how many endpoints are read one by one. Beyond, lists cost less.
const few = 8

// listNamespacesUpTo is how many namespaces are listed one by one.
const listNamespacesUpTo = 16

// observeEndpoints fills out for the endpoints at indices.
func (t *Target) observeEndpoints(ctx context.Context, resources []resource.Resource, indices []int, out []resource.Observed) {
	bindings := make([]resource.Binding, len(indices))
	for i, at := range indices {
		bindings[i] = resources[at].ID.Binding
	}
	all := t.gather(ctx, bindings)
	for i, at := range indices {
		r := resources[at]
		f := &all.facts[i]
		key := passKeyOf(f)
		if known, ok := t.passes.recall(r, key); ok {
			out[at] = known
			continue
		}
		if wantsAttached(r.State.Endpoint) {
			t.readAttaching(ctx, r.ID.Binding, f, all.traits)
		}
		out[at] = t.endpoint(r, f)
		t.versions.note(r.ID.Binding, out[at].Version)
		t.passes.remember(key, f, r, out[at])
	}
	if len(indices) > few {
		t.passes.turn()
	}
}

// wantsAttached reports that the trait has to be attached for e. An API that
// anyone may call need not pass the gateway.
func wantsAttached(e *resource.Endpoint) bool { return e != nil && e.Scheme != "none" }

// gathered is what one pass reads.
type gathered struct {
	facts  []facts
	traits *traitReader
}

// gather reads the facts of bindings.
func (t *Target) gather(ctx context.Context, bindings []resource.Binding) gathered {
	out := gathered{facts: make([]facts, len(bindings)), traits: &traitReader{t: t}}
	if len(bindings) > few {
		s := t.snapshot(ctx, bindings)
		for i, b := range bindings {
			out.facts[i] = s.facts(b)
		}
		return out
	}
	var group errgroup.Group
	for i, b := range bindings {
		group.Go(func() error {
			out.facts[i] = t.read(ctx, b)
			return nil
		})
	}
	_ = group.Wait() // no member fails
	return out
}

// read reads the facts of one binding.
func (t *Target) read(ctx context.Context, b resource.Binding) facts {
	f := t.readSpecs(ctx, b)
	if f.err != nil || f.component == nil || f.binding == nil || !f.routed() {
		return f
	}
	var err error
	f.route, err = t.readRoute(ctx, t.cfg.namespace(b.Organization), b)
	f.failed(err)
	return f
}

// readSpecs reads all but the route: what a step is guarded by.
func (t *Target) readSpecs(ctx context.Context, b resource.Binding) facts {
	var f facts
	ns := t.cfg.namespace(b.Organization)
	var group errgroup.Group
	group.Go(func() (err error) {
		f.component, err = get[component](ctx, t.control, components, ns, b.Agent)
		return readFault(err, components.access("get", ns, b.Agent))
	})
	group.Go(func() (err error) {
		f.binding, err = t.readBinding(ctx, ns, b)
		return err
	})
	if f.failed(group.Wait()) || f.component == nil || f.binding == nil {
		return f
	}
	if name := f.binding.Spec.ReleaseName; name != "" {
		var err error
		f.release, err = t.release(ctx, releaseKey{ns, name, t.cfg.instance(b)})
		f.failed(err)
	}
	return f
}

// routed reports that a RestApi is to be expected.
func (f *facts) routed() bool {
	return f.release != nil && f.release.holds && f.release.contract == contractPolicies
}

// failed keeps err, if it is one.
func (f *facts) failed(err error) bool {
	if err == nil {
		return false
	}
	var e *fault.Error
	if !asFault(err, &e) {
		e = classify(err, access{}, false)
	}
	f.err = e
	return true
}

// readBinding reads the ReleaseBinding of b: the one with the usual name, or
// else the one that says it is.
func (t *Target) readBinding(ctx context.Context, ns string, b resource.Binding) (*releaseBinding, error) {
	name := b.Agent + "-" + b.Environment
	rb, err := get[releaseBinding](ctx, t.control, releaseBindings, ns, name)
	if err != nil {
		return nil, readFault(err, releaseBindings.access("get", ns, name))
	}
	if rb != nil && rb.of(b) {
		return rb, nil
	}
	rb = nil
	_, err = list(ctx, t.control, listing{kind: releaseBindings, namespace: ns}, func(c *releaseBinding) {
		if rb == nil && c.of(b) {
			rb = c // the first, as where all are listed
		}
	})
	return rb, readFault(err, releaseBindings.access("list", ns, ""))
}

// of reports whether rb binds a release of b's agent in b's environment.
func (rb *releaseBinding) of(b resource.Binding) bool {
	return rb.Spec.Owner.Component == b.Agent && rb.Spec.Environment == b.Environment
}

// release judges a ComponentRelease. Its name and its UID decide whether it was
// judged before: the rest is immutable. Nil means that there is none.
func (t *Target) release(ctx context.Context, key releaseKey) (*verdict, error) {
	ns, name := key.namespace, key.name
	if known := t.known(key); known != nil {
		m, err := getAs[struct {
			Metadata meta `json:"metadata"`
		}](ctx, t.control, componentReleases, ns, name, mediaMetadata)
		if err != nil {
			return nil, readFault(err, componentReleases.access("get", ns, name))
		}
		if m != nil && m.Metadata.UID == known.uid {
			t.remember(key, known)
			return known, nil
		}
		t.releases.Remove(key)
		if m == nil {
			return nil, nil //nolint:nilnil // nil is how absence is told
		}
	}
	r, err := get[componentRelease](ctx, t.control, componentReleases, ns, name)
	if err != nil || r == nil {
		return nil, readFault(err, componentReleases.access("get", ns, name))
	}
	v := r.verdict(key.instance)
	t.remember(key, v)
	return v, nil
}

// readFault classifies the error of a read; nil stays nil.
func readFault(err error, a access) error {
	if err == nil {
		return nil
	}
	return classify(err, a, false)
}
