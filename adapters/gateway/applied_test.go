//go:build unix

package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// TestOthersApply: another manager that applies the policies is not overridden,
// unless adopting is allowed.
func TestOthersApply(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.release("r-1", "booking", []any{apiKeys}, "booking")
	b.agent("booking", object{"policies": []any{apiKeys}})
	b.bind("booking", "development", "r-1", nil)
	b.call(http.MethodPatch, releaseBindings.path(b.ns, "booking-development"), mediaApply, url.Values{"fieldManager": {"argocd-controller"}}, object{
		"apiVersion": "openchoreo.dev/v1alpha1", "kind": "ReleaseBinding", "metadata": object{"name": "booking-development"},
		"spec": object{"traitEnvironmentConfigs": object{"booking-api-configuration": object{"policies": []any{apiKeys}}}},
	})
	cfg, proxy := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	want := oauthOf(id)
	o := b.observe(x, id, want)
	if o.Owner != resource.OwnerOther || !strings.Contains(o.OwnerName, "argocd-controller (applied since 20") {
		t.Errorf("owner: %s %q", o.Owner, o.OwnerName)
	}
	_, err := x.Apply(t.Context(), step(o, want), noInput)
	if fault.ClassOf(err) != fault.Conflict || !strings.Contains(err.Error(), "argocd-controller") || fault.HintOf(err) == "" {
		t.Errorf("apply: %v", err)
	}
	if n := proxy.Counts().Writes; n != 0 {
		t.Errorf("%d writes", n)
	}
	cfg.Adopt = true
	adopting := b.target(cfg)
	b.apply(adopting, id, want)
	if o := b.observe(x, id, want); o.Owner != resource.OwnerUs || !same(*o.State.Endpoint, *want.Endpoint) {
		t.Errorf("adopted: %+v %+v", o, o.State.Endpoint)
	}

	// Another installation's mark is respected by everyone.
	cfg.Installation = "elsewhere"
	if o := b.observe(b.target(cfg), id, want); o.Owner != resource.OwnerOther || !strings.Contains(o.OwnerName, "installation default") {
		t.Errorf("owner: %s %q", o.Owner, o.OwnerName)
	}
}

// TestTraitsThatOthersApply: what another manager would take off again is not
// attached; what it has taken off is put back, since the API is open without it.
func TestTraitsThatOthersApply(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.organisation()
	b.deployed("booking", nil)
	applies := func() {
		b.call(http.MethodPatch, components.path(b.ns, "booking"), mediaApply, url.Values{"fieldManager": {"argocd-controller"}, "force": {"true"}}, object{
			"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component", "metadata": object{"name": "booking"}, "spec": object{"traits": []any{}},
		})
	}
	applies()
	cfg, proxy := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	want := oauthOf(id)
	o := b.observe(x, id, want)
	if o.Rollout.Reason != "TraitsApplied" || o.Rollout.Class != string(fault.Stalled) || !strings.Contains(o.Rollout.Message, "argocd-controller") {
		t.Errorf("before: %+v", o.Rollout)
	}
	if _, err := x.Apply(t.Context(), step(o, want), noInput); fault.ClassOf(err) != fault.Stalled {
		t.Errorf("apply: %v", err)
	}
	if n := proxy.Counts().Writes; n != 0 {
		t.Errorf("%d writes", n)
	}
	cfg.Adopt = true
	b.apply(b.target(cfg), id, want)
	cfg.Adopt = false
	b.settled(x, id, want)
	applies()
	if o := b.observe(x, id, want); o.State.Endpoint.Attached || o.Rollout.Reason == "TraitsApplied" {
		t.Errorf("taken off: %+v %+v", o.State.Endpoint, o.Rollout)
	}
	b.apply(x, id, want)
	b.settled(x, id, want)
}
