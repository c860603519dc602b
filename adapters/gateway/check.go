package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/target"
)

// Check implements target.Checker. It writes nothing: access reviews are
// questions.
func (t *Target) Check(ctx context.Context) []target.Finding {
	server, up := t.checkServer(ctx, t.control, "kubernetes")
	out := []target.Finding{server}
	if t.data != t.control {
		data, ok := t.checkServer(ctx, t.data, "data plane")
		out, up = append(out, data), up && ok
	}
	if !up {
		return out
	}
	out = append(out, t.checkDefinitions(ctx)...)
	out = append(out, t.checkPermissions(ctx))
	return append(out, t.checkKeyManagers(ctx)...)
}

// bad is a finding that tells a fault.
func bad(name string, f *fault.Error) target.Finding {
	hint := f.Hint
	if hint == "" {
		hint = "try again; see the API server's log if it stays so"
	}
	return target.Finding{Name: name, Message: f.Err.Error(), Hint: hint}
}

func (t *Target) checkServer(ctx context.Context, c *client, name string) (target.Finding, bool) {
	body, err := c.do(ctx, request{verb: http.MethodGet, path: "/version"})
	if err != nil {
		f := bad(name, classify(err, access{verb: "get", resource: "version"}, false))
		f.Message = c.base.Host + ": " + f.Message
		return f, false
	}
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if decode(body, &v) != nil || v.GitVersion == "" {
		return bad(name, classify(errNotJSON, access{}, false)), false
	}
	return target.Finding{Name: name, OK: true, Message: fmt.Sprintf("%s answers, version %s", c.base.Host, v.GitVersion)}, true
}

// checkDefinitions looks whether both systems' kinds are served.
func (t *Target) checkDefinitions(ctx context.Context) []target.Finding {
	choreo := []kind{components, releaseBindings, componentReleases, traits, componentTypes}
	out := []target.Finding{t.checkServed(ctx, t.control, "openchoreo definitions", versionChoreo, choreo)}
	gateway := []kind{apiGateways}
	if t.cfg.Rollout != RolloutCopy {
		gateway = append(gateway, restAPIs)
	}
	f := t.checkServed(ctx, t.data, "gateway definitions", restAPIs.version, gateway)
	if !f.OK {
		if older := t.checkServed(ctx, t.data, f.Name, restAPIs.older().version, gateway); older.OK {
			f = older
		}
	}
	return append(out, f)
}

func (t *Target) checkServed(ctx context.Context, c *client, name, version string, kinds []kind) target.Finding {
	group := kinds[0].group
	body, err := c.do(ctx, request{verb: http.MethodGet, path: "/apis/" + group + "/" + version})
	if err != nil {
		return bad(name, classify(err, access{verb: "get", group: group, resource: "definitions"}, false))
	}
	var served struct {
		Resources []struct {
			Name string `json:"name"`
		} `json:"resources"`
	}
	if decode(body, &served) != nil {
		return bad(name, classify(errNotJSON, access{}, false))
	}
	var lacking []string
	for _, k := range kinds {
		if !slices.ContainsFunc(served.Resources, func(r struct {
			Name string `json:"name"`
		}) bool {
			return r.Name == k.plural
		}) {
			lacking = append(lacking, k.plural)
		}
	}
	if len(lacking) > 0 {
		return target.Finding{
			Name: name, Message: fmt.Sprintf("%s/%s lacks %s", group, version, strings.Join(lacking, ", ")),
			Hint: "install the definitions of a version that has them",
		}
	}
	return target.Finding{Name: name, OK: true, Message: fmt.Sprintf("%s/%s is served", group, version)}
}

// needs lists the accesses that the target makes use of, by server.
func (t *Target) needs() (control, data []access) {
	namespaces := t.cfg.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, ns := range namespaces {
		for k, verbs := range map[kind][]string{
			components: {"get", "list", "patch", "watch"}, releaseBindings: {"get", "list", "patch", "watch"},
			componentReleases: {"get", "list"}, traits: {"get"}, componentTypes: {"get"},
		} {
			for _, verb := range verbs {
				control = append(control, k.access(verb, ns, ""))
			}
		}
		if t.cfg.Rollout != RolloutDirect {
			control = append(control, renderedReleases.access("list", ns, ""))
		}
	}
	control = append(control, clusterTraits.access("get", "", ""), clusterComponentTypes.access("get", "", ""))
	if t.cfg.Rollout != RolloutCopy {
		data = append(data, restAPIs.access("list", "", ""))
	}
	if n := t.cfg.APIGateway; !n.IsZero() {
		data = append(data, apiGateways.access("get", n.Namespace, n.Name), configMaps.access("get", n.Namespace, ""))
		if t.cfg.ManageKeyManagers {
			data = append(data, configMaps.access("patch", n.Namespace, ""))
		}
	}
	return control, data
}

// checkPermissions asks the API server what it would allow.
func (t *Target) checkPermissions(ctx context.Context) target.Finding {
	const name = "permissions"
	control, data := t.needs()
	denied := make([]*access, len(control)+len(data))
	var group errgroup.Group
	group.SetLimit(few)
	for i, a := range slices.Concat(control, data) {
		c := t.control
		if i >= len(control) {
			c = t.data
		}
		group.Go(func() error {
			ok, err := allowed(ctx, c, a)
			if err == nil && !ok {
				denied[i] = &a
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if unserved(err) {
			return target.Finding{Name: name, OK: true, Message: "the API server has no access reviews; permissions were not checked"}
		}
		return bad(name, classify(err, access{verb: "create", group: "authorization.k8s.io", resource: "selfsubjectaccessreviews"}, false))
	}
	var lacking, rules []string
	for _, a := range denied {
		if a != nil {
			lacking, rules = append(lacking, a.String()), append(rules, a.rule())
		}
	}
	if len(lacking) == 0 {
		return target.Finding{Name: name, OK: true, Message: fmt.Sprintf("all %d that are needed", len(denied))}
	}
	slices.Sort(lacking)
	slices.Sort(rules)
	return target.Finding{Name: name, Message: "not allowed: " + strings.Join(lacking, "; "), Hint: "allow " + strings.Join(rules, "; ")}
}

func allowed(ctx context.Context, c *client, a access) (bool, error) {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]string{
			"verb": a.verb, "group": a.group, "resource": a.resource, "namespace": a.namespace, "name": a.name,
		}},
	})
	if err != nil {
		return false, err
	}
	answer, err := c.do(ctx, request{
		verb: http.MethodPost, path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", media: mediaJSON, body: body,
	})
	if err != nil {
		return false, err
	}
	var review struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	if decode(answer, &review) != nil {
		return false, errNotJSON
	}
	return review.Status.Allowed, nil
}

// checkKeyManagers reads the gateway's configuration.
func (t *Target) checkKeyManagers(ctx context.Context) []target.Finding {
	const name = "key managers"
	if t.cfg.APIGateway.IsZero() {
		return []target.Finding{{
			Name: name, Message: "no APIGateway is configured, so no issuer can be verified and no endpoint be protected",
			Hint: "name the environment's APIGateway in the configuration",
		}}
	}
	c, err := t.readConfig(ctx)
	if err != nil {
		return []target.Finding{bad(name, err)}
	}
	f := target.Finding{Name: name, OK: true, Message: fmt.Sprintf("ConfigMap %s names no key manager for jwt-auth v1", c.name)}
	var known []string
	var out []target.Finding
	for _, k := range c.managers {
		switch {
		case !k.Supported():
			out = append(out, target.Finding{
				Name: name, OK: true, Message: fmt.Sprintf("%s is configured for an older version of jwt-auth (%s) and cannot be named by jwt-auth v1", k.Name, k.Section),
			})
			continue
		case slices.Contains(known, k.Name):
			out = append(out, target.Finding{
				Name: name, Message: fmt.Sprintf("%s is configured twice", k.Name), Hint: "remove one of the two from ConfigMap " + c.name.String(),
			})
			continue
		case k.Issuer == "":
			out = append(out, target.Finding{
				Name: name, OK: true, Message: fmt.Sprintf("%s names no issuer: it takes any token that its keys have signed", k.Name),
				Hint: "set its issuer",
			})
		}
		known = append(known, k.Name)
	}
	if len(known) > 0 {
		f.Message = fmt.Sprintf("ConfigMap %s names %s", c.name, strings.Join(known, ", "))
	}
	return append([]target.Finding{f}, out...)
}
