//go:build unix

package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// canned answers lists from memory, in pages, so that what is measured is the
// target's own work.
type canned map[string][]byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := c[r.URL.Path+"?"+r.URL.Query().Get("continue")]
	if !ok {
		return nil, fmt.Errorf("no answer for %s", r.URL)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// pages keeps objects of a kind under path.
func (c canned) pages(path string, items []string) {
	for i := 0; i < len(items) || i == 0; i += pageSize {
		key, next := "", ""
		if i > 0 {
			key = fmt.Sprint(i)
		}
		end := min(i+pageSize, len(items))
		if end < len(items) {
			next = fmt.Sprint(end)
		}
		c[path+"?"+key] = fmt.Appendf(nil, `{"metadata":{"continue":%q,"resourceVersion":"1"},"items":[%s]}`, next, strings.Join(items[i:end], ","))
	}
}

// world returns n converged endpoints, as an API server would list them.
func cannedWorld(n int) (canned, []resource.Resource) {
	out := canned{}
	var comps, rbs, releases, routes []string
	var resources []resource.Resource
	for i := range n {
		b := resource.Binding{Organization: "acme", Project: "travel", Agent: fmt.Sprintf("agent-%04d", i), Environment: "development"}
		id := resource.ID{Kind: resource.KindEndpoint, Binding: b}
		want := oauthOf(id)
		resources = append(resources, resource.Resource{ID: id, State: want})
		jwt, _ := json.Marshal(map[string]any{"name": "jwt-auth", "version": "v1", "params": jwtParams(want.Endpoint)})
		list := string(listOf(entryCORS, string(jwt)))
		comps = append(comps, expand(componentJSON, b.Agent, list))
		rbs = append(rbs, expand(bindingJSON, b.Agent, list))
		releases = append(releases, expand(releaseJSON, b.Agent, list))
		routes = append(routes, expand(routeJSON, b.Agent, list))
	}
	const ns = "/namespaces/acme/"
	base := "/apis/openchoreo.dev/v1alpha1"
	out.pages(base+ns+"components", comps)
	out.pages(base+ns+"releasebindings", rbs)
	out.pages(base+ns+"componentreleases", releases)
	out.pages("/apis/gateway.api-platform.wso2.com/v1/restapis", routes)
	return out, resources
}

func expand(template, agent, list string) string {
	return strings.NewReplacer("AGENT", agent, "LIST", list).Replace(template)
}

const (
	metaJSON = `"metadata":{"name":"%s","namespace":"acme","uid":"0c7d-AGENT","resourceVersion":"123456","generation":3,"creationTimestamp":"2026-08-22T10:00:00Z","finalizers":["openchoreo.dev/cleanup"],
"annotations":{"gatewright.dev/installation":"default","openchoreo.dev/restarted-at":"2026-08-22T10:00:00Z"},
"labels":{"openchoreo.dev/namespace":"acme","openchoreo.dev/project":"travel","openchoreo.dev/component":"AGENT","openchoreo.dev/environment":"development"},
"managedFields":[{"apiVersion":"openchoreo.dev/v1alpha1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{"f:gatewright.dev/installation":{}}},"f:spec":{"f:traitEnvironmentConfigs":{"f:AGENT-api-configuration":{"f:policies":{}}}}},"manager":"gatewright","operation":"Apply","time":"2026-08-22T10:00:00Z"},
{"apiVersion":"openchoreo.dev/v1alpha1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{".":{},"f:environment":{},"f:owner":{".":{},"f:componentName":{},"f:projectName":{}},"f:releaseName":{},"f:state":{},"f:traitEnvironmentConfigs":{".":{},"f:AGENT-api-configuration":{".":{},"f:artifactId":{}}}}},"manager":"openchoreo-api","operation":"Update","time":"2026-08-22T10:00:00Z"},
{"apiVersion":"openchoreo.dev/v1alpha1","fieldsType":"FieldsV1","fieldsV1":{"f:status":{".":{},"f:conditions":{".":{},"k:{\"type\":\"Ready\"}":{".":{},"f:lastTransitionTime":{},"f:message":{},"f:observedGeneration":{},"f:reason":{},"f:status":{},"f:type":{}}},"f:observedGeneration":{}}},"manager":"manager","operation":"Update","subresource":"status","time":"2026-08-22T10:00:00Z"}]}`
	conditionsJSON = `"conditions":[{"lastTransitionTime":"2026-08-22T10:00:00Z","message":"as it should be","observedGeneration":3,"reason":"ReleaseSynced","status":"True","type":"ReleaseSynced"},
{"lastTransitionTime":"2026-08-22T10:00:00Z","message":"as it should be","observedGeneration":3,"reason":"ResourcesReady","status":"True","type":"ResourcesReady"},
{"lastTransitionTime":"2026-08-22T10:00:00Z","message":"as it should be","observedGeneration":3,"reason":"Programmed","status":"True","type":"Programmed"},
{"lastTransitionTime":"2026-08-22T10:00:00Z","message":"as it should be","observedGeneration":3,"reason":"Ready","status":"True","type":"Ready"}]`
	operationsJSON = `[{"method":"GET","path":"/*"},{"method":"POST","path":"/*"},{"method":"PUT","path":"/*"},{"method":"DELETE","path":"/*"},{"method":"PATCH","path":"/*"},{"method":"OPTIONS","path":"/*"}]`
	traitJSON      = `{"kind":"Trait","name":"api-configuration","instanceName":"AGENT-api-configuration","parameters":{"apiName":"AGENT","apiVersion":"v1.0","context":"/AGENT","upstreamPort":8000,"upstreamBasePath":"/","artifactId":"0c7d0c7d","operations":` + operationsJSON + `,"policies":LIST}}`
)

var (
	componentJSON = `{"apiVersion":"openchoreo.dev/v1alpha1","kind":"Component",` + fmt.Sprintf(metaJSON, "AGENT") + `,"spec":{"autoDeploy":true,"componentType":{"kind":"ComponentType","name":"deployment/agent-api"},"owner":{"projectName":"travel"},"parameters":{"replicas":1},"traits":[` + traitJSON + `]},"status":{"observedGeneration":3,"latestRelease":{"name":"AGENT-5f6d","releaseHash":"5f6d"},` + conditionsJSON + `}}`
	bindingJSON   = `{"apiVersion":"openchoreo.dev/v1alpha1","kind":"ReleaseBinding",` + fmt.Sprintf(metaJSON, "AGENT-development") + `,"spec":{"environment":"development","owner":{"componentName":"AGENT","projectName":"travel"},"releaseName":"AGENT-5f6d","state":"Active","traitEnvironmentConfigs":{"AGENT-api-configuration":{"artifactId":"x","policies":LIST}}},"status":{"observedGeneration":3,"lastSpecUpdateTime":"2026-08-22T10:00:00Z","endpoints":[{"name":"http","type":"HTTP","externalURLs":{"http":{"scheme":"http","host":"gw.example","port":8080,"path":"/development-acme-AGENT"}}}],` + conditionsJSON + `}}`
	releaseJSON   = `{"apiVersion":"openchoreo.dev/v1alpha1","kind":"ComponentRelease",` + fmt.Sprintf(metaJSON, "AGENT-5f6d") + `,"spec":{"owner":{"componentName":"AGENT","projectName":"travel"},"componentType":{"kind":"ComponentType","name":"deployment/agent-api","spec":{"resources":[{"id":"deployment","template":"` + strings.Repeat("x", 4000) + `"}]}},"traits":[{"kind":"Trait","name":"api-configuration","spec":{"creates":["` + strings.Repeat("y", 3000) + `"],"environmentConfigs":{"openAPIV3Schema":{"type":"object","properties":{"policies":{"type":"array"},"artifactId":{"type":"string"}}}}}}],"componentProfile":{"traits":[` + traitJSON + `]}}}`
	routeJSON     = `{"apiVersion":"gateway.api-platform.wso2.com/v1","kind":"RestApi",` + fmt.Sprintf(metaJSON, "AGENT-development-2f03") + `,"spec":{"context":"/development-acme-AGENT","displayName":"AGENT","version":"v1.0","upstream":{"main":{"url":"http://AGENT.dp:8000/"}},"operations":` + operationsJSON + `,"policies":LIST},"status":{` + conditionsJSON + `}}`
)

// cannedTarget is a target that asks c.
func cannedTarget(t testing.TB, c canned) *Target {
	t.Helper()
	x := testTarget(t, func(cfg *Config) { cfg.Environment = "development" })
	x.control.http = &http.Client{Transport: c}
	return x
}

// TestObserveConverged: what the benchmark measures is a converged world.
func TestObserveConverged(t *testing.T) {
	t.Parallel()
	c, resources := cannedWorld(1200)
	x := cannedTarget(t, c)
	for range 2 {
		got, err := x.Observe(t.Context(), resources)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range got {
			if o.Err != nil || o.Owner != resource.OwnerUs || !same(*o.State.Endpoint, *resources[i].State.Endpoint) || !o.Rollout.Done() {
				t.Fatalf("%s: %v %+v %+v", o.ID, o.Err, o.State.Endpoint, o.Rollout)
			}
			if want := "http://gw.example:8080/development-acme-" + o.ID.Binding.Agent; o.URL != want {
				t.Fatalf("URL: want %s, got %s", want, o.URL)
			}
		}
	}
	delete(c, "/apis/openchoreo.dev/v1alpha1/namespaces/acme/components?500")
	got, err := x.Observe(t.Context(), resources)
	if err == nil {
		t.Fatalf("a page is missing, and it was observed: %+v", got[0])
	}
	if fault.ClassOf(err) != fault.Transient {
		t.Errorf("class of %v", err)
	}
}

// BenchmarkObserve measures a pass over 1000 converged endpoints: the first,
// which judges every release, and a later one.
func BenchmarkObserve(b *testing.B) {
	c, resources := cannedWorld(1000)
	for name, fresh := range map[string]bool{"first": true, "steady": false} {
		b.Run(name, func(b *testing.B) {
			x := cannedTarget(b, c)
			if !fresh {
				if _, err := x.Observe(b.Context(), resources); err != nil {
					b.Fatal(err)
				}
			}
			cpu := cpuTime(b)
			b.ReportAllocs()
			for b.Loop() {
				if fresh {
					x = cannedTarget(b, c)
				}
				if _, err := x.Observe(b.Context(), resources); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-cpu)/1000)/float64(b.N)/1000, "cpu-ms/op")
		})
	}
}

// cpuTime is what the process has used, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
