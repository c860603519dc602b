package gateway

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// endpoint says what f means for a resource. It is pure.
func (t *Target) endpoint(r resource.Resource, f *facts) resource.Observed {
	o := resource.Observed{ID: r.ID}
	b := r.ID.Binding
	switch {
	case f.err != nil:
		e := *f.err
		e.Target, e.Resource = t.cfg.Name, r.ID.String()
		e.Op = strings.TrimSpace("observe " + e.Op)
		o.Err = &e
		return o
	case f.component == nil || f.binding == nil:
		o.Rollout = t.absent(b, f)
		return o
	}
	if project := f.component.Spec.Owner.Project; project != b.Project {
		o.Err = t.fault(stalled("WrongProject", "correct the project in the spec, or rename the agent",
			"component %s/%s belongs to project %q, not to %q", f.component.Metadata.Namespace, b.Agent, project, b.Project), "observe", r.ID)
		return o
	}
	instance := t.cfg.instance(b)
	e := t.authentication(f.effective(instance))
	if at := f.attached(instance, t.cfg.TraitName); at != nil {
		e.Attached, e.Interface = true, at.listens()
	}
	e = like(e, r.State.Endpoint)
	owner, others := t.ownership(f.binding, instance)
	differs := r.State.Endpoint != nil && !same(e, *r.State.Endpoint)
	if differs && owner == resource.OwnerUs && len(others) > 0 && !sameButAttached(e, *r.State.Endpoint) {
		// A written-over policy says who wrote it, so that people know where
		// to make it stop. A trait that is not attached yet is nobody's doing.
		e.Altered = join(e.Altered, "overwritten by "+names(others))
	}
	o.Found, o.Owner, o.Version, o.URL = true, owner, f.version(), t.url(b, f.binding)
	if owner == resource.OwnerOther {
		o.OwnerName = names(others)
		_, marked := f.binding.Metadata.Annotations[markAnnotation]
		o.Adoptable = !marked
	}
	o.State = resource.State{Endpoint: &e}
	o.Rollout = t.rollout(r, f, differs)
	return o
}

// sameButAttached reports that nothing differs but whether the trait is attached.
func sameButAttached(e, want resource.Endpoint) bool {
	e.Attached = want.Attached
	return same(e, want)
}

// absent says what is missing of an agent that is not deployed.
func (t *Target) absent(b resource.Binding, f *facts) resource.Rollout {
	ns := t.cfg.namespace(b.Organization)
	if f.component == nil {
		return resource.Rollout{
			Class: string(fault.Waiting), Reason: "NoComponent", Message: fmt.Sprintf("there is no component %s in namespace %s", b.Agent, ns),
			Hint: "create and deploy the agent; gatewright looks again by itself",
		}
	}
	return resource.Rollout{
		Class: string(fault.Waiting), Reason: "NotDeployed", Message: fmt.Sprintf("component %s/%s is not deployed in environment %s", ns, b.Agent, b.Environment),
		Hint: "deploy or promote the agent to " + b.Environment + "; gatewright looks again by itself",
	}
}

// environmentList is the policy list of the environment, if it has one.
func (f *facts) environmentList(instance string) (json.RawMessage, bool) {
	raw, ok := f.binding.Spec.TraitConfigs[instance]
	if !ok {
		return nil, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil, false
	}
	list, ok := fields[keyPolicies]
	return list, ok
}

// effective is the policy list that holds: the environment's own replaces the
// component's wholly, even where it is empty. Of the component it is the
// release that counts; where that has no such instance, what the next one will
// have.
func (f *facts) effective(instance string) json.RawMessage {
	if list, ok := f.environmentList(instance); ok {
		return list
	}
	if f.release != nil && f.release.holds {
		return f.release.defaults
	}
	if at := find(f.component.Spec.Traits, instance); at != nil {
		return traitSpec{}.defaults(at.Parameters)
	}
	return nil
}

// attached is the trait's instance of the component, if it has it.
func (f *facts) attached(instance, trait string) *componentTrait {
	if at := find(f.component.Spec.Traits, instance); at != nil && at.Name == trait {
		return at
	}
	return nil
}

// version guards a step: it changes with the specification of the
// ReleaseBinding or of the Component, and not with their statuses, which
// controllers write at any time.
func (f *facts) version() string {
	return version(f.binding.Metadata.meta) + " " + version(f.component.Metadata.meta)
}

func version(m meta) string { return m.UID + "." + strconv.FormatInt(m.Generation, 10) }

// url is where callers reach the API.
func (t *Target) url(b resource.Binding, rb *releaseBinding) string {
	if t.cfg.GatewayURL != "" {
		return strings.TrimSuffix(t.cfg.GatewayURL, "/") + t.cfg.expand(t.cfg.URLPath, b)
	}
	for _, e := range rb.Status.Endpoints {
		if e.External == nil {
			continue
		}
		for _, u := range []*endpointURL{e.External.HTTPS, e.External.HTTP} {
			if u != nil && u.Host != "" {
				return u.String()
			}
		}
	}
	for _, e := range rb.Status.Endpoints {
		if e.InvokeURL != "" {
			return e.InvokeURL
		}
	}
	return ""
}

// String prints u as a URL.
func (u *endpointURL) String() string {
	host := u.Host
	if u.Port != 0 && (u.Scheme != "https" || u.Port != 443) && (u.Scheme != "http" || u.Port != 80) {
		host = net.JoinHostPort(u.Host, strconv.Itoa(u.Port))
	}
	path := u.Path
	if path != "" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return u.Scheme + "://" + host + path
}
