//go:build unix

package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/targettest"
	"github.com/gatewright/gatewright/schema"
)

// agents of a world; the first two have no trait yet.
const suiteAgents = 12

// TestEndpointsKeepTheContract runs the suite on a real API server. No
// controller looks on: the suite is about what is written.
//
// An endpoint is never created or deleted: "empty" is one that is not ours.
func TestEndpointsKeepTheContract(t *testing.T) {
	t.Parallel()
	id := func(n int) resource.ID {
		return resource.ID{Kind: resource.KindEndpoint, Binding: resource.Binding{
			Organization: organization, Project: project, Agent: fmt.Sprintf("agent-%d", n), Environment: "development",
		}}
	}
	targettest.Run(t, targettest.Harness{
		ID: id, Discovers: true, Many: suiteAgents,
		A: func(n int) resource.State { return oauthOf(id(n)) },
		B: func(n int) resource.State {
			s := oauthOf(id(n))
			return resource.State{Endpoint: &resource.Endpoint{Scheme: schema.SchemeAPIKey, Attached: true, Interface: s.Endpoint.Interface}}
		},
		Empty: func(o resource.Observed) bool { return !o.Found || o.Owner != resource.OwnerUs },
		Remove: func(n int, o resource.Observed) plan.Step {
			return plan.Step{ID: id(n), Action: plan.Delete, Before: &o.State, Version: o.Version}
		},
		Start: startSuite,
	})
}

func startSuite(t *testing.T) targettest.World {
	b := newBed(t)
	b.platform()
	key := func(n int) string { return fmt.Sprintf("agent-%d", n) }
	policies := []any{object{"name": "cors", "version": "v1"}, object{"name": "api-key-auth", "version": "v1", "params": object{"key": "X-API-Key", "in": "header"}}}
	var held []string
	for n := range suiteAgents {
		if n >= 2 {
			held = append(held, key(n))
		}
	}
	b.release("release-1", "shared", policies, held...)
	for n := range suiteAgents {
		var parameters object
		if n >= 2 {
			parameters = object{"policies": policies}
		}
		b.agent(key(n), parameters)
		b.bind(key(n), "development", "release-1", nil)
	}
	cfg, proxy := b.config()
	cfg.APIGateway = b.gateway(valuesOfAMP)
	var logs safeBuffer
	cfg.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	return targettest.World{
		Target: b.target(cfg), Logs: logs.String,
		Writes: func() int { return proxy.Counts().Writes },
		Disarm: proxy.Disarm,
		Arm: func(t *testing.T, f targettest.Fault, nth int) {
			if _, err := proxy.Arm(armed(f, nth)); err != nil {
				t.Fatal(err)
			}
		},
		Foreign: func(_ *testing.T, n int) func() string {
			b.call(http.MethodPatch, releaseBindings.path(b.ns, key(n)+"-development"), mediaApply, url.Values{"fieldManager": {"argocd"}, "force": {"true"}}, object{
				"apiVersion": "openchoreo.dev/v1alpha1", "kind": "ReleaseBinding", "metadata": object{"name": key(n) + "-development"},
				"spec": object{"traitEnvironmentConfigs": object{key(n) + "-api-configuration": object{"policies": policies}}},
			})
			return func() string { return b.show(releaseBindings, key(n)+"-development") + b.show(components, key(n)) }
		},
		Meddle: func(_ *testing.T, n int) {
			b.merge(releaseBindings, key(n)+"-development", "openchoreo-api", object{"spec": object{"traitEnvironmentConfigs": object{
				key(n) + "-api-configuration": object{"policies": policies[:1], "artifactId": "of-amp"},
			}}})
		},
	}
}

func armed(f targettest.Fault, nth int) faulty.Fault {
	out := faulty.Fault{Class: faulty.Write, Nth: nth, When: faulty.Before}
	if f.After {
		out.When = faulty.After
	}
	switch f.Action {
	case targettest.FaultReset:
		out.Action = faulty.Reset
	case targettest.FaultError:
		out.Action, out.Status = faulty.Answer, http.StatusInternalServerError
		out.Body = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"etcdserver: request timed out","code":500}`
	case targettest.FaultPage:
		out.Action, out.Status = faulty.Answer, http.StatusOK
		out.Header = map[string]string{"Content-Type": "text/html"}
		out.Body = "<html><body>Log in</body></html>"
	case targettest.FaultHang:
		out.Action = faulty.Hang
	case targettest.FaultTruncate:
		out.Action, out.Bytes = faulty.Truncate, 10
	}
	return out
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
