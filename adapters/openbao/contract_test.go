package openbao_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/reconciler/target/targettest"
)

// TestContract runs the suite. The mount of a world is its own, and the desired
// states of the suite are made before any world is: so they leave the path to
// the target.
func TestContract(t *testing.T) {
	t.Parallel()
	pathless := func(variant string) func(int) resource.State {
		return func(n int) resource.State {
			s := (&bench{}).state(n, variant)
			s.Credential.Path = ""
			return s
		}
	}
	targettest.Run(t, targettest.Harness{
		Start: start, ID: id, A: pathless("a"), B: pathless("b"), Discovers: true,
		Diff: func(want resource.State, got resource.Observed, in target.Input) []plan.Change {
			c := *want.Credential
			c.Path = got.State.Credential.Path
			return targettest.Changes(resource.State{Credential: &c}, got, in)
		},
	})
}

func start(t *testing.T) targettest.World {
	t.Helper()
	b := newBench(t)
	w := targettest.World{
		Target: b.target(b.config()), Foreign: b.foreign, Secrets: b.secrets, Logs: b.logs.String,
		Meddle: func(_ *testing.T, n int) {
			b.must("PATCH", b.mount+"/data/"+key(n), `{"data":{"issuer":"https://elsewhere.test"}}`)
		},
	}
	if b.server != nil {
		w.Writes, w.Disarm = b.writes, b.server.Faults().Disarm
		w.Arm = func(_ *testing.T, f targettest.Fault, nth int) { b.arm(armed(f, nth)) }
	}
	return w
}

// armed translates a fault of the suite's. Logins and looks are not struck.
func armed(f targettest.Fault, nth int) faulty.Fault {
	out := faulty.Fault{Class: faulty.Write, Nth: nth, Times: 1, When: faulty.Before}
	if f.After {
		out.When = faulty.After
	}
	switch f.Action {
	case targettest.FaultReset:
		out.Action = faulty.Reset
	case targettest.FaultError:
		out.Action, out.Status = faulty.Answer, http.StatusInternalServerError
		out.Body = `{"errors":["leadership lost while committing log"]}`
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

// foreign puts somebody else's secret where ours would be.
func (b *bench) foreign(t *testing.T, n int) func() string {
	t.Helper()
	b.must("PUT", b.mount+"/data/"+key(n), `{"data":{"client_secret":"foreign-secret-of-somebody-else"}}`)
	b.must("POST", b.mount+"/metadata/"+key(n), `{"custom_metadata":{"managed_by":"terraform"}}`)
	return func() string {
		out := ""
		for _, api := range []string{"data", "metadata"} {
			_, body := b.ask("GET", b.mount+"/"+api+"/"+key(n), "")
			text, err := json.Marshal(body["data"])
			if err != nil {
				t.Fatal(err)
			}
			out += string(text) + "\n"
		}
		return out
	}
}

// secrets lists every secret that stands in the mount, in whatever version, and
// the token.
func (b *bench) secrets() []string {
	out := []string{"foreign-secret-of-somebody-else"}
	status, body := b.ask("SCAN", b.mount+"/metadata/agents", "")
	data, _ := body["data"].(map[string]any)
	keys, _ := data["keys"].([]any)
	if status != http.StatusOK {
		return out
	}
	for _, k := range keys {
		for version := 1; version < 12; version++ {
			path := fmt.Sprintf("%s/data/agents/%s?version=%d", b.mount, k, version)
			status, body := b.ask("GET", path, "")
			if status != http.StatusOK {
				break
			}
			text, _ := json.Marshal(body)
			var in struct {
				Data struct {
					Data map[string]any `json:"data"`
				} `json:"data"`
			}
			if json.Unmarshal(text, &in) == nil {
				s, _ := in.Data.Data["client_secret"].(string)
				out = append(out, s)
			}
		}
	}
	return out
}
