//go:build unix

package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/targettest"
)

// grant lets a user do verbs on resources of groups, cluster-wide.
func (b *bed) grant(user string, rules ...any) {
	b.Helper()
	rbac := kind{group: "rbac.authorization.k8s.io", version: "v1", clusterWide: true}
	roles, bindings := rbac, rbac
	roles.plural, bindings.plural = "clusterroles", "clusterrolebindings"
	name := user + "-" + b.prefix + "role"
	b.create(roles, object{"kind": "ClusterRole", "metadata": object{"name": name}, "rules": rules})
	b.create(bindings, object{
		"kind": "ClusterRoleBinding", "metadata": object{"name": name},
		"roleRef":  object{"apiGroup": rbac.group, "kind": "ClusterRole", "name": name},
		"subjects": []any{object{"apiGroup": rbac.group, "kind": "User", "name": user}},
	})
	// The authorizer learns of it by watching.
	c, err := newClient(b.as(user).RESTConfig)
	if err != nil {
		b.Fatal(err)
	}
	b.eventually("the grant holds", func() bool {
		ok, err := allowed(b.Context(), c, releaseBindings.access("list", "", ""))
		return err == nil && ok
	})
}

func (b *bed) as(user string) Config {
	b.Helper()
	cfg, err := b.cluster.ConfigFor(user)
	if err != nil {
		b.Fatal(err)
	}
	return Config{RESTConfig: cfg, NamespacePrefix: b.prefix, Environment: "development"}
}

// TestPermissions: what is not allowed is said, with the rule that allows it,
// both by who tries and by who asks beforehand.
func TestPermissions(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.release("r-1", "booking", []any{apiKeys}, "booking")
	b.agent("booking", object{"policies": []any{apiKeys}})
	b.bind("booking", "development", "r-1", nil)
	b.grant("reader", object{"apiGroups": []any{groupChoreo, groupGateway}, "resources": []any{"*"}, "verbs": []any{"get", "list", "watch"}})
	id := b.id("booking", "development")
	want := oauthOf(id)

	reader := b.target(b.as("reader"))
	o := b.observe(reader, id, want)
	if o.Err != nil {
		t.Fatalf("observe: %v", o.Err)
	}
	_, err := reader.Apply(t.Context(), step(o, want), noInput)
	if fault.ClassOf(err) != fault.Stalled || !strings.Contains(fault.HintOf(err), `resources: ["releasebindings"], verbs: ["patch"]`) {
		t.Errorf("apply: %v; hint %q", err, fault.HintOf(err))
	}
	var found bool
	for _, f := range reader.Check(t.Context()) {
		if f.Name == "permissions" {
			found = true
			if f.OK || !strings.Contains(f.Message, "patch components.openchoreo.dev") || strings.Contains(f.Message, "get components") {
				t.Errorf("finding: %+v", f)
			}
		}
	}
	if !found {
		t.Error("permissions were not checked")
	}

	nobody := b.target(b.as("nobody"))
	o = b.observe(nobody, id, want)
	if fault.ClassOf(o.Err) != fault.Stalled || fault.IsUnreachable(o.Err) || !strings.Contains(fault.HintOf(o.Err), "ClusterRole") && !strings.Contains(fault.HintOf(o.Err), "namespace") {
		t.Errorf("observe: %v; hint %q", o.Err, fault.HintOf(o.Err))
	}
	cfg := b.as("nobody")
	cfg.RESTConfig.BearerToken = "expired"
	o = b.observe(b.target(cfg), id, want)
	if fault.ClassOf(o.Err) != fault.Stalled || !strings.Contains(fault.HintOf(o.Err), "renew the token") {
		t.Errorf("observe: %v; hint %q", o.Err, fault.HintOf(o.Err))
	}
}

// TestDocumentedRole: the ClusterRole of README.md is enough.
func TestDocumentedRole(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.agent("booking", nil)
	b.release("r-1", "booking", nil)
	b.bind("booking", "development", "r-1", nil)
	role := documentedRole(t)
	rules, _ := role["rules"].([]any)
	rbacUser := "gatewright"
	b.grant(rbacUser, rules...)
	cfg := b.as(rbacUser)
	cfg.APIGateway, cfg.ManageKeyManagers = b.gateway(valuesOfAMP), true
	x, id := b.target(cfg), b.id("booking", "development")
	for _, f := range x.Check(t.Context()) {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	b.apply(x, id, oauthOf(id))
	km := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "development"}, Name: "Env"}
	want := resource.State{KeyManager: &resource.KeyManager{Name: "Env", Issuer: "i", JWKSURI: "u"}}
	b.apply(x, km, want)
	if o := b.observe(x, km, want); !o.Found || o.Owner != resource.OwnerUs {
		t.Errorf("key manager: %+v", o)
	}
}

// TestManyAgreeWithFew: the lists of a large pass tell the same as looking at
// each endpoint by itself, and take few calls.
func TestManyAgreeWithFew(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	var names []string
	for n := range 40 {
		names = append(names, fmt.Sprintf("agent-%d", n))
	}
	var resources []resource.Resource
	for n, name := range names {
		id := b.id(name, "development")
		resources = append(resources, resource.Resource{ID: id, State: oauthOf(id)})
		if n%10 == 9 {
			continue // no such agent
		}
		var parameters object
		if n%4 > 0 {
			parameters = object{"policies": []any{apiKeys}}
		}
		b.agent(name, parameters)
		if n%10 == 8 {
			continue // not deployed
		}
		held := names[n : n+1]
		if n >= 30 {
			held = nil
		}
		if n%7 > 0 { // the others are bound to a release that is missing
			b.release("r-"+name, name, []any{cors, apiKeys}, held...)
		}
		b.bind(name, "development", "r-"+name, object{"policies": []any{cors}})
	}
	// The controller has its say first, so that statuses stand still.
	b.eventually("all bindings are looked at", func() bool {
		done := true
		_, err := list(t.Context(), b.client, listing{kind: releaseBindings, namespace: b.ns}, func(rb *releaseBinding) {
			_, ok := rb.Status.Conditions.get(conditionSynced)
			done = done && ok && rb.Status.ObservedGeneration == rb.Metadata.Generation
		})
		return err == nil && done
	})
	cfg, proxy := b.config()
	x := b.target(cfg)
	for range 2 { // the second pass remembers verdicts
		proxy.ResetCounts()
		many, err := x.Observe(t.Context(), resources)
		if err != nil {
			t.Fatal(err)
		}
		if n := proxy.Counts().Total(); n > 15 {
			t.Errorf("%d calls for %d endpoints", n, len(resources))
		}
		for i, r := range resources {
			one := b.observe(x, r.ID, r.State)
			if got, want := fmt.Sprintf("%+v %+v", many[i], many[i].State.Endpoint), fmt.Sprintf("%+v %+v", one, one.State.Endpoint); scrub(got) != scrub(want) {
				t.Errorf("%s\nfew  %s\nmany %s", r.ID, want, got)
			}
		}
	}
	if _, err := proxy.Arm(faulty.Fault{Action: faulty.Reset}); err != nil {
		t.Fatal(err)
	}
	if got, err := x.Observe(t.Context(), resources); err == nil || !fault.IsUnreachable(err) || fault.HintOf(err) == "" {
		t.Errorf("unreachable: %v %v", got, err)
	}
}

// scrub takes out pointers.
func scrub(s string) string {
	var out strings.Builder
	for word := range strings.FieldsSeq(s) {
		if !strings.Contains(word, "0xc") && !strings.Contains(word, "0x") {
			out.WriteString(word + " ")
		}
	}
	return out.String()
}

// TestReleaseMadeAnew: a release is immutable, but may be deleted and made anew
// under its name.
func TestReleaseMadeAnew(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.platform()
	b.release("r-1", "booking", []any{apiKeys}, "booking")
	b.agent("booking", object{"policies": []any{apiKeys}})
	b.bind("booking", "development", "r-1", nil)
	cfg, _ := b.config()
	x, id := b.target(cfg), b.id("booking", "development")
	if o := b.observe(x, id, oauthOf(id)); o.Rollout.Reason == "ReleasePinned" || o.Rollout.Reason == "Releasing" {
		t.Fatalf("before: %+v", o.Rollout)
	}
	if _, err := b.do(t.Context(), request{verb: http.MethodDelete, path: componentReleases.path(b.ns, "r-1")}); err != nil {
		t.Fatal(err)
	}
	b.eventually("the release is gone", func() bool {
		r, err := get[componentRelease](t.Context(), b.client, componentReleases, b.ns, "r-1")
		return err == nil && r == nil
	})
	if o := b.observe(x, id, oauthOf(id)); o.Rollout.Reason != "NoRelease" {
		t.Errorf("deleted: %+v", o.Rollout)
	}
	b.release("r-1", "booking", nil)
	if o := b.observe(x, id, oauthOf(id)); o.Rollout.Reason != "Releasing" {
		t.Errorf("made anew without the instance: %+v", o.Rollout)
	}
}

// TestKeyManagersKeepTheContract runs the suite on the gateway's ConfigMap.
func TestKeyManagersKeepTheContract(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"structured": valuesOfAMP, "toml": valuesWithTOML, "empty": noManagers} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyManagerSuite(t, text)
		})
	}
}

func keyManagerSuite(t *testing.T, text string) {
	id := func(n int) resource.ID {
		return resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "development"}, Name: fmt.Sprintf("KM%d", n)}
	}
	state := func(uri string) func(int) resource.State {
		return func(n int) resource.State {
			return resource.State{KeyManager: &resource.KeyManager{Name: id(n).Name, Issuer: "https://issuer.example/" + uri, JWKSURI: "https://issuer.example/jwks/" + uri}}
		}
	}
	targettest.Run(t, targettest.Harness{
		ID: id, A: state("a"), B: state("b"), Discovers: true, Many: 9,
		Faults: []targettest.Fault{{Action: targettest.FaultReset}, {Action: targettest.FaultReset, After: true}, {Action: targettest.FaultError, After: true}, {Action: targettest.FaultHang, After: true}, {Action: targettest.FaultPage, After: true}},
		Start: func(t *testing.T) targettest.World {
			b := newBed(t)
			b.platform()
			cfg, proxy := b.config()
			cfg.APIGateway, cfg.ManageKeyManagers = b.gateway(text), true
			edit := func(name string, km *resource.KeyManager) {
				cm := b.values()
				out, err := editValues(cm, name, km)
				if err != nil {
					t.Fatal(err)
				}
				b.merge(configMaps, "gateway-config", "somebody", object{"data": object{keyValues: out}})
			}
			return targettest.World{
				Target: b.target(cfg),
				Writes: func() int { return proxy.Counts().Writes }, Disarm: proxy.Disarm,
				Arm: func(t *testing.T, f targettest.Fault, nth int) {
					if _, err := proxy.Arm(armed(f, nth)); err != nil {
						t.Fatal(err)
					}
				},
				Foreign: func(_ *testing.T, n int) func() string {
					edit(id(n).Name, &resource.KeyManager{Issuer: "https://somebody.example", JWKSURI: "https://somebody.example/jwks"})
					return func() string {
						ks, err := parseValues(b.values())
						if err != nil {
							t.Fatal(err)
						}
						for _, k := range ks {
							if k.Name == id(n).Name {
								return fmt.Sprint(k.entry)
							}
						}
						return "gone"
					}
				},
				Meddle: func(_ *testing.T, n int) {
					edit(id(n).Name, &resource.KeyManager{Issuer: "https://meddled.example"})
				},
			}
		},
	})
}

// values is the gateway's configuration as it stands.
func (b *bed) values() string {
	b.Helper()
	cm, err := get[configMap](b.Context(), b.client, configMaps, b.ns, "gateway-config")
	if err != nil || cm == nil {
		b.Fatalf("ConfigMap: %v", err)
	}
	return cm.Data[keyValues]
}

// TestKeyManagerIsAwaited looks at a gateway whose operator has deployed another
// configuration than there is now.
func TestKeyManagerIsAwaited(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	cfg, _ := b.config()
	cfg.APIGateway, cfg.ManageKeyManagers = b.gateway(valuesOfAMP), true
	x := b.target(cfg)
	deployed := func(text, status string) {
		sum := sha256.Sum256([]byte(text))
		b.status(apiGateways, b.ns, "gw", object{"configHash": hex.EncodeToString(sum[:]), "conditions": []any{object{
			"type": "Programmed", "status": status, "reason": "DeploymentFailed", "message": "helm upgrade failed", "lastTransitionTime": "2026-11-30T00:00:00Z",
		}}})
	}
	look := func(name string) resource.Observed {
		id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "development"}, Name: name}
		return b.observe(x, id, resource.State{KeyManager: &resource.KeyManager{Name: name}})
	}
	if o := look("ThunderKeyManager"); o.Awaited || !o.Rollout.Done() {
		t.Errorf("an operator that says nothing: %+v", o)
	}
	deployed(valuesOfAMP, "True")
	if o := look("ThunderKeyManager"); !o.Awaited || !o.Rollout.Done() {
		t.Errorf("deployed: %+v", o)
	}
	if o := look("Env"); !o.Awaited {
		t.Errorf("to be made: %+v", o)
	}
	deployed("gateway: {}", "False")
	if o := look("ThunderKeyManager"); o.Rollout.Class != string(fault.Waiting) || !strings.Contains(o.Rollout.Message, "helm upgrade failed") {
		t.Errorf("not deployed: %+v", o)
	}
}

// TestUnknownKeyManager names those that there are.
func TestUnknownKeyManager(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	cfg, _ := b.config()
	cfg.APIGateway = b.gateway(valuesOfAMP)
	x := b.target(cfg)
	id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "development"}, Name: "Thunder"}
	o := b.observe(x, id, resource.State{KeyManager: &resource.KeyManager{Name: "Thunder"}})
	if o.Err != nil || o.Found || o.Rollout.Class != string(fault.Stalled) || !strings.Contains(o.Rollout.Hint, "agent-manager-service, ThunderKeyManager") {
		t.Errorf("%+v", o)
	}
	ks, err := x.KeyManagers(t.Context())
	if err != nil || len(ks) != 2 || ks[1].Issuer != "http://thunder.amp.localhost:8080" {
		t.Errorf("%v %v", ks, err)
	}
	cfg.APIGateway.Name = "missing"
	if _, err := b.target(cfg).KeyManagers(t.Context()); fault.ClassOf(err) != fault.Waiting {
		t.Errorf("missing gateway: %v", err)
	}
}
