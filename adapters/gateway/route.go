package gateway

import (
	"context"
	"encoding/json"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// routeKey is how a RestApi is found: by the labels that OpenChoreo gives it.
// Its name ends in a hash that is nobody's business to compute.
type routeKey struct{ namespace, component, environment string }

func (t *Target) routeKey(b resource.Binding) routeKey {
	return routeKey{t.cfg.namespace(b.Organization), b.Agent, b.Environment}
}

// matches reports whether a RestApi is that of k. An object without the
// namespace's label is told apart by its context.
func (k routeKey) matches(a *restAPI) bool {
	l := a.Metadata.Labels
	if l[labelComponent] != k.component || l[labelEnvironment] != k.environment {
		return false
	}
	if ns, ok := l[labelNamespace]; ok {
		return ns == k.namespace
	}
	return a.Spec.Context == "/"+k.environment+"-"+k.namespace+"-"+k.component
}

func (a *restAPI) route() *route {
	return &route{
		policies: a.Spec.Policies, conditions: a.Status.Conditions, generation: a.Metadata.Generation,
		name: a.Metadata.Namespace + "/" + a.Metadata.Name,
	}
}

// readRoute finds the RestApi of b; nil if there is none.
func (t *Target) readRoute(ctx context.Context, ns string, b resource.Binding) (*route, error) {
	key := t.routeKey(b)
	if t.cfg.Rollout != RolloutCopy {
		var found *route
		selector := labelComponent + "=" + b.Agent + "," + labelEnvironment + "=" + b.Environment
		err := t.listRoutes(ctx, listing{labels: selector}, func(a *restAPI) {
			if key.matches(a) {
				found = a.route()
			}
		})
		if found != nil || !t.copyInstead(err) {
			return found, readFault(err, restAPIs.access("list", "", ""))
		}
	}
	// Objects of a binding carry labels, the RenderedRelease, too.
	selector := labelComponent + "=" + b.Agent + "," + labelEnvironment + "=" + b.Environment
	var found *route
	_, err := list(ctx, t.control, listing{kind: renderedReleases, namespace: ns, labels: selector}, func(r *renderedRelease) {
		if c := r.route(); c != nil && r.key() == key {
			found = c
		}
	})
	if unserved(err) {
		return nil, nil //nolint:nilnil // nil is how absence is told
	}
	return found, readFault(err, renderedReleases.access("list", ns, ""))
}

// copyInstead reports whether the copy is to be read where reading RestApis
// found nothing or failed with err.
func (t *Target) copyInstead(err error) bool {
	if t.cfg.Rollout == RolloutDirect {
		return false
	}
	return err == nil || unserved(err) || forbidden(err)
}

// listRoutes lists RestApis in the version that is served.
func (t *Target) listRoutes(ctx context.Context, l listing, add func(*restAPI)) error {
	l.kind = restAPIs
	_, err := list(ctx, t.data, l, add)
	if unserved(err) {
		l.kind = restAPIs.older()
		_, err = list(ctx, t.data, l, add)
	}
	return err
}

// key is whose RenderedRelease r is.
func (r *renderedRelease) key() routeKey {
	return routeKey{r.Metadata.Namespace, r.Spec.Owner.Component, r.Spec.Environment}
}

// route is the RestApi that r renders, with the copy of its status. Nil means
// that it renders none.
func (r *renderedRelease) route() *route {
	for _, res := range r.Spec.Resources {
		if res.Object.Kind != kindRestAPI {
			continue
		}
		var spec struct {
			Policies json.RawMessage `json:"policies"`
		}
		if json.Unmarshal(res.Object.Spec, &spec) != nil {
			continue
		}
		out := &route{policies: spec.Policies, name: res.Object.Metadata.Namespace + "/" + res.Object.Metadata.Name}
		for _, s := range r.Status.Resources {
			if s.ID != res.ID || s.Kind != kindRestAPI {
				continue
			}
			var status struct {
				Conditions conditions `json:"conditions"`
			}
			if json.Unmarshal(s.Status, &status) == nil {
				out.conditions = status.Conditions
			}
			if s.LastObserved != nil {
				out.observed = *s.LastObserved
			}
		}
		return out
	}
	return nil
}
