//go:build unix

package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

var (
	cors    = object{"name": "cors", "version": "v1", "params": object{"allowedOrigins": []any{"*"}}}
	apiKeys = object{"name": "api-key-auth", "version": "v1", "params": object{"in": "header", "key": "X-API-Key"}}
	limit   = object{"name": "basic-ratelimit", "version": "v1", "params": object{"n": 3}}
)

// organisation makes what the controller needs to deploy agents.
func (b *bed) organisation() {
	b.Helper()
	b.platform()
	ref := func(name string) object { return object{"name": name} }
	pipeline := kind{group: groupChoreo, version: versionChoreo, plural: "deploymentpipelines"}
	b.create(pipeline, object{"kind": "DeploymentPipeline", "metadata": ref("default"), "spec": object{"promotionPaths": []any{
		object{"sourceEnvironmentRef": ref("development"), "targetEnvironmentRefs": []any{ref("production")}},
	}}})
	environments := kind{group: groupChoreo, version: versionChoreo, plural: "environments"}
	for _, name := range []string{"development", "production"} {
		b.create(environments, object{"kind": "Environment", "metadata": ref(name), "spec": object{}})
	}
	projects := kind{group: groupChoreo, version: versionChoreo, plural: "projects"}
	b.create(projects, object{"kind": "Project", "metadata": ref(project), "spec": object{"deploymentPipelineRef": ref("default"), "type": object{"kind": "ClusterProjectType", "name": "default"}}})
}

// deployed makes an agent and waits until it is bound in development.
func (b *bed) deployed(name string, parameters object) {
	b.Helper()
	b.agent(name, parameters)
	b.eventually("the agent is deployed", func() bool {
		rb, err := get[releaseBinding](b.Context(), b.client, releaseBindings, b.ns, name+"-development")
		if err != nil {
			b.Fatal(err)
		}
		return rb != nil && rb.Spec.ReleaseName != "" && rb.Status.ObservedGeneration == rb.Metadata.Generation
	})
}

// program says in the name of the gateway that it has taken an agent in.
func (b *bed) program(agent, environment string) {
	b.Helper()
	b.eventually("there is a RestApi", func() bool {
		done := false
		_, err := list(b.Context(), b.client, listing{kind: restAPIs, labels: labelNamespace + "=" + b.ns + "," + labelComponent + "=" + agent + "," + labelEnvironment + "=" + environment}, func(a *restAPI) {
			b.status(restAPIs, a.Metadata.Namespace, a.Metadata.Name, object{"conditions": []any{object{
				"type": "Programmed", "status": "True", "reason": "Programmed", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
				"observedGeneration": a.Metadata.Generation,
			}}})
			done = true
		})
		if err != nil {
			b.Fatal(err)
		}
		return done
	})
}

// apply carries out what a plan would hold for want.
func (b *bed) apply(t *Target, id resource.ID, want resource.State) {
	b.Helper()
	if _, err := t.Apply(b.Context(), step(b.observe(t, id, want), want), noInput); err != nil {
		b.Fatal(err)
	}
}

// settled waits until the rollout is done, playing the gateway.
func (b *bed) settled(t *Target, id resource.ID, want resource.State) resource.Observed {
	b.Helper()
	var o resource.Observed
	b.eventually("the endpoint is rolled out", func() bool {
		b.program(id.Binding.Agent, id.Binding.Environment)
		o = b.observe(t, id, want)
		return o.Err == nil && o.Rollout.Done()
	})
	if !same(*o.State.Endpoint, *want.Endpoint) {
		b.Fatalf("rolled out, and not as desired: %+v", o.State.Endpoint)
	}
	return o
}

func TestProtectAnAgentOfAgentManager(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.organisation()
	b.deployed("booking", object{"policies": []any{cors, apiKeys, limit}})
	cfg, proxy := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	want := oauthOf(id)

	o := b.observe(x, id, want)
	if o.Err != nil || !o.Found || o.Owner != resource.OwnerNobody || o.State.Endpoint.Scheme != schema.SchemeAPIKey || !o.State.Endpoint.Attached {
		t.Fatalf("before: %+v %+v", o, o.State.Endpoint)
	}
	before := proxy.Counts().Writes
	b.apply(x, id, want)
	if n := proxy.Counts().Writes - before; n != 1 {
		t.Errorf("want one write, got %d", n)
	}
	list := b.policies("booking-development", "booking-api-configuration")
	for i, at := range []string{`"cors"`, `"jwt-auth"`, `"basic-ratelimit"`} {
		if rest := strings.Index(list, at); rest < 0 || i > 0 && rest < strings.Index(list, `"cors"`) {
			t.Errorf("order of %s", list)
		}
	}
	if strings.Contains(list, "api-key-auth") {
		t.Errorf("the old policy stayed: %s", list)
	}
	if o := b.observe(x, id, want); o.Rollout.Done() || o.Rollout.Class != string(fault.Waiting) {
		t.Errorf("rolled out before the gateway took it in: %+v", o.Rollout)
	}
	b.settled(x, id, want)

	// The console's next deployment replaces the whole map.
	b.merge(releaseBindings, "booking-development", "openchoreo-api", object{"spec": object{"traitEnvironmentConfigs": object{
		"booking-api-configuration": object{"policies": []any{cors, apiKeys}, "artifactId": "of-amp"},
	}}})
	o = b.observe(x, id, want)
	if o.Owner != resource.OwnerUs || !strings.Contains(o.State.Endpoint.Altered, "openchoreo-api") {
		t.Errorf("drift does not name who wrote it: %s %+v", o.Owner, o.State.Endpoint)
	}
	b.apply(x, id, want)
	b.settled(x, id, want)
	if cfg := string(b.binding("booking-development").Spec.TraitConfigs["booking-api-configuration"]); !strings.Contains(cfg, "of-amp") {
		t.Errorf("artifactId was lost: %s", cfg)
	}

	// Back to open, and the trait stays.
	none := resource.State{Endpoint: &resource.Endpoint{Scheme: schema.SchemeNone, Attached: true}}
	b.apply(x, id, none)
	b.settled(x, id, none)
	if list := b.policies("booking-development", "booking-api-configuration"); !strings.HasPrefix(list, `[{"name":"cors"`) || strings.Contains(list, "auth") {
		t.Errorf("open: %s", list)
	}
}

func TestAttachAndPromote(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.organisation()
	b.deployed("booking", nil)
	cfg, _ := b.config()
	x, id, prod := b.target(cfg), b.id("booking", "development"), b.id("booking", "production")
	want, wantProd := oauthOf(id), oauthOf(prod)
	former := b.binding("booking-development").Spec.ReleaseName
	b.bind("booking", "production", former, nil)

	if o := b.observe(x, id, want); o.State.Endpoint.Attached || o.Owner != resource.OwnerNobody {
		t.Fatalf("before: %+v", o)
	}
	b.apply(x, id, want)
	b.settled(x, id, want)
	c, err := get[component](t.Context(), b.client, components, b.ns, "booking")
	if err != nil {
		t.Fatal(err)
	}
	if p := string(c.Spec.Traits[0].Parameters); !strings.Contains(p, lockedAudience) || !strings.Contains(p, `"upstreamPort":8000`) {
		t.Errorf("parameters: %s", p)
	}

	// Production has the former release: what is written there is inert.
	b.apply(x, prod, wantProd)
	o := b.observe(x, prod, wantProd)
	if o.Rollout.Reason != "ReleasePinned" || !strings.Contains(o.Rollout.Message, former) || !strings.Contains(o.Rollout.Hint, "promote") {
		t.Errorf("pinned: %+v", o.Rollout)
	}
	release := b.binding("booking-development").Spec.ReleaseName
	b.merge(releaseBindings, "booking-production", "openchoreo-api", object{"spec": object{"releaseName": release}})
	b.settled(x, prod, wantProd)

	// An environment without a list of its own is locked, not open.
	b.merge(releaseBindings, "booking-production", "somebody", object{"spec": object{"traitEnvironmentConfigs": nil}})
	o = b.observe(x, prod, wantProd)
	if e := o.State.Endpoint; e.Scheme != schema.SchemeOAuth2 || e.Audience != lockedAudience {
		t.Errorf("default of the component: %+v", e)
	}
	b.apply(x, prod, wantProd)
	b.settled(x, prod, wantProd)
}

func TestAutoDeployOff(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.organisation()
	b.deployed("booking", nil)
	b.merge(components, "booking", "somebody", object{"spec": object{"autoDeploy": false}})
	cfg, _ := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	want := oauthOf(id)
	b.apply(x, id, want)
	b.eventually("the controller has seen the component", func() bool {
		return b.observe(x, id, want).Rollout.Reason == "NoNewRelease"
	})
	o := b.observe(x, id, want)
	if o.Rollout.Class != string(fault.Stalled) || !strings.Contains(o.Rollout.Hint, "generate-release") {
		t.Errorf("rollout: %+v", o.Rollout)
	}
}

func TestRenderingFails(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.organisation()
	b.deployed("booking", object{"policies": []any{apiKeys}})
	cfg, _ := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	want := oauthOf(id)
	b.apply(x, id, want)
	b.settled(x, id, want)

	// A list that is none is repaired, whatever the controller says of it. It
	// is put there whole: a merge patch cannot say null.
	b.call(http.MethodPatch, releaseBindings.path(b.ns, "booking-development"), mediaJSONPatch, url.Values{"fieldManager": {"somebody"}},
		[]patchOp{{"add", "/spec/traitEnvironmentConfigs/booking-api-configuration/policies", "x"}})
	b.eventually("rendering fails", func() bool {
		c, _ := b.binding("booking-development").Status.Conditions.get(conditionSynced)
		return c.Reason == "RenderingFailed"
	})
	if o := b.observe(x, id, want); o.Rollout.Class == string(fault.Stalled) || o.State.Endpoint.Scheme != "unknown" {
		t.Errorf("broken list: %+v %+v", o.Rollout, o.State.Endpoint)
	}
	b.apply(x, id, want)
	b.settled(x, id, want)

	// What is wrong elsewhere is for a person: here a policy that the gateway's
	// definition refuses.
	b.call(http.MethodPatch, releaseBindings.path(b.ns, "booking-development"), mediaJSONPatch, url.Values{"fieldManager": {"somebody"}},
		[]patchOp{{"add", "/spec/traitEnvironmentConfigs/booking-api-configuration/policies/-", object{"name": "set-headers", "version": "v1.0"}}})
	b.eventually("the rollout is stalled", func() bool {
		return b.observe(x, id, want).Rollout.Class == string(fault.Stalled)
	})
	if o := b.observe(x, id, want); o.Rollout.Reason != "ResourceApplyFailed" || o.Rollout.Hint == "" || !strings.Contains(o.Rollout.Message, "version") {
		t.Errorf("refused: %+v", o.Rollout)
	}
}

// TestGivingUp: an endpoint that is given up keeps its policies, and no one is
// said to hold them.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.release("r-1", "booking", []any{apiKeys}, "booking")
	b.agent("booking", object{"policies": []any{apiKeys}})
	b.bind("booking", "development", "r-1", nil)
	cfg, _ := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	want := oauthOf(id)
	b.apply(x, id, want)
	list := b.policies("booking-development", "booking-api-configuration")
	o := b.observe(x, id, want)
	if _, err := x.Apply(t.Context(), plan.Step{ID: id, Action: plan.Delete, Version: o.Version}, noInput); err != nil {
		t.Fatal(err)
	}
	if now := b.policies("booking-development", "booking-api-configuration"); now != list || list == "" {
		t.Errorf("policies were %s and are %s", list, now)
	}
	rb := b.binding("booking-development")
	others, ours := rb.claims(DefaultFieldManager, "booking-api-configuration", keyPolicies)
	if ours || len(others) > 0 || rb.Metadata.Annotations[markAnnotation] != "" {
		t.Errorf("still held: %v %v %v", ours, others, rb.Metadata.Annotations)
	}
	b.apply(x, id, resource.State{Endpoint: &resource.Endpoint{Scheme: schema.SchemeAPIKey, Attached: true}})
}

// TestInstanceRenamed: what our manager has applied under another instance's
// name is not deleted by applying under the new one.
func TestInstanceRenamed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.release("r-1", "booking", []any{apiKeys}, "booking")
	b.agent("booking", object{"policies": []any{}})
	b.bind("booking", "development", "r-1", nil)
	cfg, _ := b.config()
	id := b.id("booking", "development")
	want := oauthOf(id)
	b.apply(b.target(cfg), id, want)
	b.merge(components, "booking", "somebody", object{"spec": object{"traits": []any{
		object{"kind": "Trait", "name": "api-configuration", "instanceName": "booking-http", "parameters": object{"apiName": "booking"}},
	}}})
	cfg.InstanceName = "{component}-http"
	b.apply(b.target(cfg), id, want)
	for _, instance := range []string{"booking-api-configuration", "booking-http"} {
		if list := b.policies("booking-development", instance); !strings.Contains(list, "jwt-auth") {
			t.Errorf("%s: %s", instance, list)
		}
	}
}

func TestNotDeployed(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.agent("booking", nil)
	cfg, _ := b.config()
	x := b.target(cfg)
	for agent, reason := range map[string]string{"booking": "NotDeployed", "unknown": "NoComponent"} {
		id := b.id(agent, "development")
		o := b.observe(x, id, oauthOf(id))
		if o.Err != nil || o.Found || o.Rollout.Reason != reason || o.Rollout.Hint == "" {
			t.Errorf("%s: %+v", agent, o)
		}
		_, err := x.Apply(t.Context(), step(o, oauthOf(id)), noInput)
		if fault.ClassOf(err) != fault.Waiting {
			t.Errorf("%s: apply: %v", agent, err)
		}
	}
	// A binding that bears another name than usual is found by what it says.
	b.release("r-1", "booking", nil)
	b.create(releaseBindings, object{"kind": "ReleaseBinding", "metadata": object{"name": "odd"}, "spec": object{
		"owner": object{"projectName": project, "componentName": "booking"}, "environment": "development", "releaseName": "r-1",
	}})
	id := b.id("booking", "development")
	if o := b.observe(x, id, oauthOf(id)); !o.Found {
		t.Errorf("binding of another name: %+v", o)
	}
	id.Binding.Project = "another"
	if o := b.observe(x, id, oauthOf(id)); fault.ClassOf(o.Err) != fault.Stalled || !strings.Contains(o.Err.Error(), `belongs to project "travel"`) {
		t.Errorf("wrong project: %v", o.Err)
	}
}
