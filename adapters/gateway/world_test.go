//go:build unix

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/fixtures/kube"
	"github.com/gatewright/gatewright/fixtures/kube/kubetest"
	"github.com/gatewright/gatewright/fixtures/openchoreo"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

type object = map[string]any

const project = "travel"

// controller stands in for OpenChoreo; only namespaces that have a project are
// of interest to it, so tests without one have the API to themselves.
var controller struct {
	cancel context.CancelFunc
	done   chan error
}

func TestMain(m *testing.M) {
	users := []kube.User{{Name: "reader"}, {Name: "nobody"}, {Name: "gatewright"}}
	code := kubetest.Main(m, kube.Options{Users: users}, func(ctx context.Context, c *kube.Cluster) error {
		if err := openchoreo.Install(ctx, c.Config()); err != nil {
			return err
		}
		ctx, controller.cancel = context.WithCancel(ctx)
		controller.done = make(chan error, 1)
		o := openchoreo.Options{Interval: time.Second, ProgressingInterval: 300 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
		go func() { controller.done <- openchoreo.Run(ctx, c.Config(), o) }()
		return nil
	})
	if controller.cancel != nil {
		controller.cancel()
		if err := <-controller.done; err != nil {
			fmt.Fprintln(os.Stderr, "controller:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// organization is that of all agents here. A target puts a prefix of its test
// before it, so that one identity serves in every namespace.
const organization = "x"

// bed is a namespace on the API server, with a client that may do anything.
type bed struct {
	testing.TB
	*client
	cluster    *kube.Cluster
	prefix, ns string
}

func newBed(t testing.TB) *bed {
	t.Helper()
	c := kubetest.Cluster(t)
	admin, err := newClient(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{TB: t, client: admin, cluster: c, prefix: kubetest.Namespace(t, c) + "-"}
	b.ns = b.prefix + organization
	b.call(http.MethodPost, "/api/v1/namespaces", mediaJSON, nil, object{"kind": "Namespace", "apiVersion": "v1", "metadata": object{"name": b.ns}})
	return b
}

// call makes a call that must succeed.
func (b *bed) call(verb, path, media string, query url.Values, body any) []byte {
	b.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	out, err := b.do(b.Context(), request{verb: verb, path: path, media: media, query: query, body: raw})
	if err != nil {
		b.Fatalf("%s %s: %v", verb, path, err)
	}
	return out
}

func (b *bed) create(k kind, o object) {
	b.Helper()
	b.createIn(b.ns, k, o)
}

func (b *bed) createIn(ns string, k kind, o object) {
	b.Helper()
	o["apiVersion"] = strings.TrimPrefix(k.group+"/"+k.version, "/")
	b.call(http.MethodPost, k.path(ns, ""), mediaJSON, nil, o)
}

// merge patches an object as a field manager.
func (b *bed) merge(k kind, name, manager string, patch any) {
	b.Helper()
	b.call(http.MethodPatch, k.path(b.ns, name), mediaMergePatch, url.Values{"fieldManager": {manager}}, patch)
}

// status patches an object's status.
func (b *bed) status(k kind, ns, name string, status any) {
	b.Helper()
	b.call(http.MethodPatch, k.path(ns, name)+"/status", mediaMergePatch, nil, object{"status": status})
}

// show is an object without what changes by itself.
func (b *bed) show(k kind, name string) string {
	b.Helper()
	body, err := b.do(b.Context(), request{verb: http.MethodGet, path: k.path(b.ns, name)})
	if err != nil {
		b.Fatal(err)
	}
	var o struct {
		Metadata struct {
			Annotations   map[string]string `json:"annotations"`
			ManagedFields []struct {
				Manager     string          `json:"manager"`
				Operation   string          `json:"operation"`
				Subresource string          `json:"subresource"`
				Fields      json.RawMessage `json:"fieldsV1"`
			} `json:"managedFields"`
		} `json:"metadata"`
		Spec json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(body, &o); err != nil {
		b.Fatal(err)
	}
	out, err := json.Marshal(o)
	if err != nil {
		b.Fatal(err)
	}
	return string(out)
}

// binding reads a ReleaseBinding.
func (b *bed) binding(name string) *releaseBinding {
	b.Helper()
	rb, err := get[releaseBinding](b.Context(), b.client, releaseBindings, b.ns, name)
	if err != nil || rb == nil {
		b.Fatalf("ReleaseBinding %s: %v", name, err)
	}
	return rb
}

// policies is the environment's list as it stands.
func (b *bed) policies(name, instance string) string {
	b.Helper()
	f := facts{binding: b.binding(name)}
	list, _ := f.environmentList(instance)
	return string(list)
}

// platform makes the trait and the component type of a namespace.
func (b *bed) platform() {
	b.Helper()
	trait := manifest(b, openchoreo.TraitAMP)
	trait["metadata"].(object)["namespace"] = b.ns
	b.create(traits, trait)
	b.create(componentTypes, object{
		"kind": "ComponentType", "metadata": object{"name": "agent-api"},
		"spec": object{"workloadType": "deployment", "resources": []any{object{"id": "deployment", "template": object{}}},
			"allowedTraits": []any{object{"kind": "Trait", "name": "api-configuration"}}},
	})
}

func manifest(t testing.TB, text string) object {
	t.Helper()
	objects, err := kube.Decode(text)
	if err != nil || len(objects) != 1 {
		t.Fatalf("manifest: %v", err)
	}
	return objects[0].Object
}

// gateway makes an APIGateway whose configuration is text.
func (b *bed) gateway(text string) ObjectName {
	b.Helper()
	b.createIn(b.ns, configMaps, object{"kind": "ConfigMap", "metadata": object{"name": "gateway-config"}, "data": object{"values.yaml": text}})
	b.create(apiGateways, object{"kind": "APIGateway", "metadata": object{"name": "gw"},
		"spec": object{"apiSelector": object{"scope": "Cluster"}, "configRef": object{"name": "gateway-config"}}})
	return ObjectName{b.ns, "gw"}
}

// agent makes a Component, with the trait if parameters are given.
func (b *bed) agent(name string, parameters object) {
	b.Helper()
	spec := object{
		"owner": object{"projectName": project}, "componentType": object{"kind": "ComponentType", "name": "deployment/agent-api"}, "autoDeploy": true,
	}
	if parameters != nil {
		spec["traits"] = []any{traitOf(name, parameters)}
	}
	b.create(components, object{"kind": "Component", "metadata": object{"name": name}, "spec": spec})
}

func traitOf(name string, parameters object) object {
	parameters["apiName"] = name
	return object{"kind": "Trait", "name": "api-configuration", "instanceName": name + "-api-configuration", "parameters": parameters}
}

// release makes a ComponentRelease that holds the instances of agents.
func (b *bed) release(name, owner string, policies []any, agents ...string) {
	b.Helper()
	trait := manifest(b, openchoreo.TraitAMP)
	held := []any{}
	for _, a := range agents {
		held = append(held, traitOf(a, object{"policies": policies}))
	}
	b.create(componentReleases, object{
		"kind": "ComponentRelease", "metadata": object{"name": name},
		"spec": object{
			"owner":            object{"projectName": project, "componentName": owner},
			"componentType":    object{"kind": "ComponentType", "name": "deployment/agent-api", "spec": object{"workloadType": "deployment", "resources": []any{}}},
			"traits":           []any{object{"kind": "Trait", "name": "api-configuration", "spec": trait["spec"]}},
			"componentProfile": object{"traits": held},
			"workload":         object{"container": object{"image": "agent:1"}},
		},
	})
}

// bind makes a ReleaseBinding.
func (b *bed) bind(agent, environment, release string, configs object) {
	b.Helper()
	spec := object{"owner": object{"projectName": project, "componentName": agent}, "environment": environment, "releaseName": release}
	if configs != nil {
		spec["traitEnvironmentConfigs"] = object{agent + "-api-configuration": configs}
	}
	b.create(releaseBindings, object{"kind": "ReleaseBinding", "metadata": object{"name": agent + "-" + environment}, "spec": spec})
}

// config is the configuration of a target for b through a proxy that can be
// told to fail.
func (b *bed) config() (Config, *faulty.Proxy) {
	b.Helper()
	proxy, cfg := b.proxied(b.cluster.Config())
	return Config{RESTConfig: cfg, NamespacePrefix: b.prefix, Environment: "development"}, proxy
}

// proxied puts a proxy before an API server, in plain HTTP.
func (b *bed) proxied(cfg *rest.Config) (*faulty.Proxy, *rest.Config) {
	b.Helper()
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		b.Fatal(err)
	}
	to, err := url.Parse(cfg.Host)
	if err != nil {
		b.Fatal(err)
	}
	reverse := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	proxy := faulty.New(reverse, faulty.Options{Classify: func(method, route string) faulty.Class {
		switch {
		case method == http.MethodGet:
			return faulty.Read
		case strings.Contains(route, "accessreviews"):
			return faulty.Auth
		default:
			return faulty.Write
		}
	}})
	server := httptest.NewServer(proxy)
	b.Cleanup(func() {
		proxy.Disarm()
		server.Close()
	})
	return proxy, &rest.Config{Host: server.URL}
}

func (b *bed) target(cfg Config) *Target {
	b.Helper()
	out, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// id is the endpoint of an agent in b's namespace.
func (b *bed) id(agent, environment string) resource.ID {
	return resource.ID{Kind: resource.KindEndpoint, Binding: resource.Binding{
		Organization: organization, Project: project, Agent: agent, Environment: environment,
	}}
}

// oauthOf is what is desired of an agent.
func oauthOf(id resource.ID) resource.State {
	e := oauth()
	e.Audience = id.Binding.Audience()
	e.Interface = &schema.Interface{Port: 8000, Context: "/" + id.Binding.Agent, BasePath: "/", Version: "v1.0", Operations: []schema.Operation{{Method: "GET", Path: "/*"}}}
	return resource.State{Endpoint: e}
}

// observe asks for one endpoint, which must be answered.
func (b *bed) observe(t *Target, id resource.ID, want resource.State) resource.Observed {
	b.Helper()
	got, err := t.Observe(b.Context(), []resource.Resource{{ID: id, State: want}})
	if err != nil {
		b.Fatal(err)
	}
	return got[0]
}

// noInput is what steps on endpoints need beside their data.
var noInput target.Input

// step is what a plan would hold.
func step(o resource.Observed, want resource.State) plan.Step {
	return plan.Step{ID: o.ID, Action: plan.Update, Before: &o.State, After: &want, Version: o.Version}
}

// eventually waits until ok reports true.
func (b *bed) eventually(what string, ok func() bool) {
	b.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			b.Fatalf("it never came about that %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
