//go:build unix

package gateway

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// rolledOut returns the facts of an endpoint that is as desired and enforced.
func rolledOut(t *testing.T) (resource.Resource, *facts) {
	t.Helper()
	_, resources := cannedWorld(1)
	want := resources[0]
	jwt, err := json.Marshal(map[string]any{"name": "jwt-auth", "version": "v1", "params": jwtParams(want.State.Endpoint)})
	if err != nil {
		t.Fatal(err)
	}
	list := string(listOf(entryCORS, string(jwt)))
	read := func(template string, into any) {
		if err := decode([]byte(expand(template, want.ID.Binding.Agent, list)), into); err != nil {
			t.Fatal(err)
		}
	}
	f := &facts{component: new(component), binding: new(releaseBinding)}
	var release componentRelease
	var api restAPI
	read(componentJSON, f.component)
	read(bindingJSON, f.binding)
	read(releaseJSON, &release)
	read(routeJSON, &api)
	f.release, f.route = release.verdict(want.ID.Binding.Agent+"-api-configuration"), api.route()
	return want, f
}

// setCondition replaces a condition.
func setCondition(cs conditions, c condition) conditions {
	out := conditions{c}
	for _, old := range cs {
		if old.Type != c.Type {
			out = append(out, old)
		}
	}
	return out
}

func TestRollout(t *testing.T) {
	t.Parallel()
	noAuth := listOf(entryCORS)
	set := func(f *facts, kind, status, reason, message string) {
		f.binding.Status.Conditions = setCondition(f.binding.Status.Conditions, condition{kind, status, reason, message, f.binding.Metadata.Generation})
	}
	tests := map[string]struct {
		change        func(f *facts)
		class, reason string
		message, hint string
	}{
		"rolled out":       {func(*facts) {}, "", "", "", ""},
		"undeployed":       {func(f *facts) { f.binding.Spec.State = stateUndeploy }, "waiting", "Undeployed", "undeployed", "deploy"},
		"no release":       {func(f *facts) { f.binding.Spec.ReleaseName = "" }, "waiting", "NoRelease", "no release is bound", "release"},
		"release missing":  {func(f *facts) { f.release = nil }, "waiting", "NoRelease", "agent-0000-5f6d", "exists"},
		"pinned":           {func(f *facts) { f.release.holds = false; f.component.Status.LatestRelease.Name = "agent-0000-new" }, "waiting", "ReleasePinned", "agent-0000-5f6d", "agent-0000-new"},
		"releasing":        {func(f *facts) { f.release.holds = false }, "waiting", "Releasing", "agent-0000-5f6d", "conditions"},
		"no more releases": {func(f *facts) { f.release.holds = false; f.component.Spec.AutoDeploy = false }, "stalled", "NoNewRelease", "agent-0000-5f6d", "generate-release"},
		"cannot be released": {func(f *facts) {
			f.release.holds = false
			f.component.Status.Conditions = conditions{{"Ready", "False", "TraitNotFound", "no such trait", 3}}
		}, "stalled", "TraitNotFound", "no such trait", "component"},
		"structured contract": {func(f *facts) { f.release.contract = contractJWT }, "stalled", reasonContract, "jwtAuth", "Agent Manager"},
		"unknown contract":    {func(f *facts) { f.release.contract = contractNone }, "stalled", reasonContract, "no environment", "update"},
		"unseen":              {func(f *facts) { f.binding.Metadata.Generation++ }, "waiting", "Rendering", "not seen", ""},
		"rendering failed":    {func(f *facts) { set(f, conditionSynced, "False", "RenderingFailed", "policies must be of type array") }, "stalled", "RenderingFailed", "of type array", "correct"},
		"failed before": {func(f *facts) {
			f.binding.Status.Conditions = setCondition(f.binding.Status.Conditions, condition{conditionSynced, "False", "RenderingFailed", "x", 2})
		}, "waiting", "Rendering", "not rendered yet", ""},
		"environment missing": {func(f *facts) { set(f, conditionSynced, "False", "EnvironmentNotFound", "no development") }, "stalled", "EnvironmentNotFound", "no development", "conditions"},
		"dependency":          {func(f *facts) { set(f, conditionConnections, "False", "ConnectionsPending", "waits for x") }, "waiting", "ConnectionsPending", "waits for x", "depends"},
		"apply failed":        {func(f *facts) { set(f, conditionResources, "False", "ResourceApplyFailed", "spec.version: Invalid") }, "stalled", "ResourceApplyFailed", "spec.version", "correct"},
		"progressing":         {func(f *facts) { set(f, conditionResources, "False", "ResourcesProgressing", "pods") }, "", "", "", ""},
		"no route":            {func(f *facts) { f.route = nil }, "waiting", "Rendering", "no route", "RestApi"},
		"route is older":      {func(f *facts) { f.route.policies = noAuth }, "waiting", "Rendering", "not yet those", ""},
		"not programmed":      {func(f *facts) { f.route.conditions = nil }, "waiting", "Programming", "not taken", "up"},
		"programmed before":   {func(f *facts) { f.route.generation = 9 }, "waiting", "Programming", "not taken", "up"},
		"gateway refuses": {func(f *facts) {
			f.route.conditions = conditions{{"Programmed", "False", "Invalid", "no such policy", 3}}
		}, "stalled", "Invalid", "no such policy", "gateway"},
		"gateway retries": {func(f *facts) { f.route.conditions = conditions{{"Programmed", "False", "Retrying", "soon", 3}} }, "waiting", "Programming", "not taken", "up"},
		"copy is older": {func(f *facts) {
			f.route.generation, f.route.observed = 0, f.binding.Status.LastSpecUpdateTime.Add(-time.Second)
		}, "waiting", "Programming", "older than the change", ""},
		"copy is newer": {func(f *facts) {
			f.route.generation, f.route.observed = 0, f.binding.Status.LastSpecUpdateTime.Add(time.Second)
		}, "", "", "", ""},
		"detached": {func(f *facts) { f.component.Spec.Traits = nil }, "waiting", "NotAttached", "lost the trait", ""},
		"cannot be attached": {func(f *facts) {
			f.component.Spec.Traits = nil
			f.attaching = stalled("TraitNotAllowed", "allow it", "not allowed")
		}, "stalled", "TraitNotAllowed", "not allowed", "allow it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, f := rolledOut(t)
			tt.change(f)
			o := testTarget(t).endpoint(want, f)
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			r := o.Rollout
			if r.Class != tt.class || r.Reason != tt.reason || !strings.Contains(r.Message, tt.message) || !strings.Contains(r.Hint, tt.hint) {
				t.Errorf("want %s %s %q %q, got %+v", tt.class, tt.reason, tt.message, tt.hint, r)
			}
			if r.Class != "" && r.Message == "" {
				t.Error("no message")
			}
		})
	}
}

// TestRolloutLetsARepairThrough: what the next write may mend is not called
// stalled, or no plan would ever hold that write.
func TestRolloutLetsARepairThrough(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"RenderingFailed", "ResourceApplyFailed"} {
		want, f := rolledOut(t)
		kind := map[string]string{"RenderingFailed": conditionSynced, "ResourceApplyFailed": conditionResources}[reason]
		f.binding.Status.Conditions = setCondition(f.binding.Status.Conditions, condition{kind, "False", reason, "x", 3})
		want.State.Endpoint.Audience = "urn:another"
		if r := testTarget(t).endpoint(want, f).Rollout; r.Class != string(fault.Waiting) {
			t.Errorf("%s: %+v", reason, r)
		}
	}
}

func TestOpenAgentNeedsNoTrait(t *testing.T) {
	t.Parallel()
	want, f := rolledOut(t)
	f.component.Spec.Traits, f.binding.Spec.TraitConfigs, f.release.holds = nil, nil, false
	want.State.Endpoint = &resource.Endpoint{Scheme: schema.SchemeNone, Attached: true}
	o := testTarget(t).endpoint(want, f)
	if !o.Rollout.Done() || !same(*o.State.Endpoint, *want.State.Endpoint) {
		t.Errorf("%+v %+v", o.State.Endpoint, o.Rollout)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	want, f := rolledOut(t)
	x := testTarget(t, func(c *Config) { c.GatewayURL, c.NamespacePrefix = "http://gw:22893/", "org-" })
	if got := x.endpoint(want, f).URL; got != "http://gw:22893/development-org-acme-agent-0000" {
		t.Errorf("configured: %s", got)
	}
	f.binding.Status.Endpoints = []workloadEndpoint{{Name: "grpc"}, {Name: "http", InvokeURL: "https://a.example/x"}}
	if got := testTarget(t).endpoint(want, f).URL; got != "https://a.example/x" {
		t.Errorf("invoke URL: %s", got)
	}
	f.binding.Status.Endpoints = nil
	if got := testTarget(t).endpoint(want, f).URL; got != "" {
		t.Errorf("none: %s", got)
	}
}
