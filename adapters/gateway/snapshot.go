package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// snapshot is what a pass over many endpoints reads: a few lists.
type snapshot struct {
	t          *Target
	mu         sync.Mutex
	components map[objectKey]*component
	bindings   map[bindingKey]*releaseBinding
	releases   map[releaseKey]*verdict
	routes     map[routeKey]*restAPI
	copied     map[routeKey]*route
	// failed has what could not be listed, by namespace; "" is all of them.
	failed     map[string]*fault.Error
	noReleases map[releaseKey]*fault.Error
	noRoutes   *fault.Error
}

type objectKey struct{ namespace, name string }

type bindingKey struct{ namespace, component, environment string }

// snapshot reads what there is of bindings.
func (t *Target) snapshot(ctx context.Context, bindings []resource.Binding) *snapshot {
	s := &snapshot{
		t: t, components: make(map[objectKey]*component, len(bindings)), bindings: make(map[bindingKey]*releaseBinding, len(bindings)),
		releases: map[releaseKey]*verdict{}, routes: make(map[routeKey]*restAPI, len(bindings)), copied: map[routeKey]*route{},
		failed: map[string]*fault.Error{}, noReleases: map[releaseKey]*fault.Error{},
	}
	asked := make(map[bindingKey]string, len(bindings)) // to the instance's name
	environments := map[string]bool{}
	for _, b := range bindings {
		asked[s.key(b)] = t.cfg.instance(b)
		environments[b.Environment] = true
	}
	var group errgroup.Group
	group.Go(func() error { s.listControl(ctx, asked); return nil })
	if t.cfg.Rollout != RolloutCopy {
		group.Go(func() error { s.listRoutes(ctx, environments); return nil })
	}
	_ = group.Wait() // no member fails
	s.judge(ctx, asked)
	s.copies(ctx, asked)
	return s
}

func (s *snapshot) key(b resource.Binding) bindingKey {
	return bindingKey{s.t.cfg.namespace(b.Organization), b.Agent, b.Environment}
}

// listControl lists Components and ReleaseBindings, of each namespace or, where
// there are many and it is allowed, of all at once.
func (s *snapshot) listControl(ctx context.Context, asked map[bindingKey]string) {
	namespaces := map[string]bool{}
	for k := range asked {
		namespaces[k.namespace] = true
	}
	if len(namespaces) > listNamespacesUpTo {
		err := s.listNamespace(ctx, "", asked)
		if err == nil {
			return
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Reason != "PermissionDenied" {
			s.fail("", err)
			return
		}
	}
	var group errgroup.Group
	group.SetLimit(few)
	for ns := range namespaces {
		group.Go(func() error {
			if err := s.listNamespace(ctx, ns, asked); err != nil {
				s.fail(ns, err)
			}
			return nil
		})
	}
	_ = group.Wait() // no member fails
}

func (s *snapshot) fail(namespace string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var f *fault.Error
	if asFault(err, &f) {
		s.failed[namespace] = f
	}
}

func (s *snapshot) listNamespace(ctx context.Context, namespace string, asked map[bindingKey]string) error {
	agents := make(map[objectKey]bool, len(asked))
	for k := range asked {
		agents[objectKey{k.namespace, k.component}] = true
	}
	var group errgroup.Group
	group.Go(func() error {
		_, err := list(ctx, s.t.control, listing{kind: components, namespace: namespace, cache: &s.t.lists}, func(c *component) {
			if k := (objectKey{c.Metadata.Namespace, c.Metadata.Name}); agents[k] {
				s.mu.Lock()
				s.components[k] = c
				s.mu.Unlock()
			}
		})
		return readFault(err, components.access("list", namespace, ""))
	})
	group.Go(func() error {
		_, err := list(ctx, s.t.control, listing{kind: releaseBindings, namespace: namespace, cache: &s.t.lists}, func(b *releaseBinding) {
			k := bindingKey{b.Metadata.Namespace, b.Spec.Owner.Component, b.Spec.Environment}
			if _, ok := asked[k]; !ok {
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if was := s.bindings[k]; was == nil || b.Metadata.Name == k.component+"-"+k.environment {
				s.bindings[k] = b
			}
		})
		return readFault(err, releaseBindings.access("list", namespace, ""))
	})
	return group.Wait()
}

// listRoutes lists the RestApis of environments.
func (s *snapshot) listRoutes(ctx context.Context, environments map[string]bool) {
	selector := labelEnvironment + " in (" + strings.Join(slices.Sorted(maps.Keys(environments)), ",") + ")"
	err := s.t.listRoutes(ctx, listing{labels: selector, cache: &s.t.lists}, func(a *restAPI) {
		l := a.Metadata.Labels
		k := routeKey{l[labelNamespace], l[labelComponent], l[labelEnvironment]}
		if k.namespace == "" {
			k.namespace = namespaceOf(a.Spec.Context, k)
		}
		s.mu.Lock()
		s.routes[k] = a
		s.mu.Unlock()
	})
	if err != nil && !s.t.copyInstead(err) {
		s.noRoutes = classify(err, restAPIs.access("list", "", ""), false)
	}
}

// namespaceOf takes the namespace out of a context, /<env>-<namespace>-<component>.
func namespaceOf(context string, k routeKey) string {
	rest, ok := strings.CutPrefix(context, "/"+k.environment+"-")
	if !ok {
		return ""
	}
	ns, _ := strings.CutSuffix(rest, "-"+k.component)
	return ns
}

// verdictLife is how long a verdict about a release holds without another look
// at its UID in a pass over many. A release can only be deleted and made anew
// under the same name; its content never changes.
const verdictLife = 5 * time.Minute

// judge finds the verdict about each release that is bound.
func (s *snapshot) judge(ctx context.Context, asked map[bindingKey]string) {
	want := map[releaseKey]bool{}
	for k, b := range s.bindings {
		if b.Spec.ReleaseName != "" {
			want[releaseKey{k.namespace, b.Spec.ReleaseName, asked[k]}] = true
		}
	}
	s.t.recall(s.releases, want)
	known := func(k releaseKey, _ bool) bool { return s.releases[k] != nil }
	maps.DeleteFunc(want, known)
	if len(want) > few {
		s.listReleases(ctx, want)
		maps.DeleteFunc(want, known)
	}
	var group errgroup.Group
	group.SetLimit(few)
	for k := range want {
		group.Go(func() error {
			v, err := s.t.release(ctx, k)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.releases[k] = v
			var f *fault.Error
			if asFault(err, &f) {
				s.noReleases[k] = f
			}
			return nil
		})
	}
	_ = group.Wait() // no member fails
}

// listReleases lists the releases of a namespace where that costs less than
// reading each one that is wanted. Old releases are never cleaned up, so a
// listing ends as soon as all is found or it has become too long.
func (s *snapshot) listReleases(ctx context.Context, want map[releaseKey]bool) {
	wanted := map[string]map[string][]releaseKey{} // by namespace and name
	for k := range want {
		if wanted[k.namespace] == nil {
			wanted[k.namespace] = map[string][]releaseKey{}
		}
		wanted[k.namespace][k.name] = append(wanted[k.namespace][k.name], k)
	}
	for ns, names := range wanted {
		if len(names) <= few {
			continue
		}
		seen, most := 0, 4*len(names)+pageSize
		enough := func() bool { return len(names) == 0 || seen > most }
		// What a failed listing leaves open is read one by one, and says why.
		_, _ = list(ctx, s.t.control, listing{kind: componentReleases, namespace: ns, enough: enough}, func(r *componentRelease) {
			seen++
			for _, k := range names[r.Metadata.Name] {
				s.releases[k] = r.verdict(k.instance)
				s.t.remember(k, s.releases[k])
			}
			delete(names, r.Metadata.Name)
		})
	}
}

// copies reads the copies of RestApis that were not found themselves.
func (s *snapshot) copies(ctx context.Context, asked map[bindingKey]string) {
	if s.t.cfg.Rollout == RolloutDirect || s.noRoutes != nil {
		return
	}
	namespaces := map[string]bool{}
	for k := range asked {
		f := s.factsOf(k, asked[k])
		if f.err == nil && f.routed() && f.route == nil {
			namespaces[k.namespace] = true
		}
	}
	for ns := range namespaces {
		_, err := list(ctx, s.t.control, listing{kind: renderedReleases, namespace: ns}, func(r *renderedRelease) {
			if c := r.route(); c != nil {
				s.copied[r.key()] = c
			}
		})
		if err != nil && !unserved(err) {
			s.noRoutes = classify(err, renderedReleases.access("list", ns, ""), false)
		}
	}
}

// facts are those of one binding.
func (s *snapshot) facts(b resource.Binding) facts { return s.factsOf(s.key(b), s.t.cfg.instance(b)) }

func (s *snapshot) factsOf(k bindingKey, instance string) facts {
	f := facts{component: s.components[objectKey{k.namespace, k.component}], binding: s.bindings[k]}
	if f.err = s.failed[k.namespace]; f.err == nil {
		f.err = s.failed[""]
	}
	if f.err != nil || f.component == nil || f.binding == nil {
		return f
	}
	if name := f.binding.Spec.ReleaseName; name != "" {
		release := releaseKey{k.namespace, name, instance}
		f.release, f.err = s.releases[release], s.noReleases[release]
	}
	if f.err == nil && f.routed() {
		f.api = s.routes[routeKey(k)]
		switch {
		case f.api != nil:
			f.route = f.api.route()
		case s.copied[routeKey(k)] != nil:
			f.route = s.copied[routeKey(k)]
		default:
			f.err = s.noRoutes
		}
	}
	return f
}
