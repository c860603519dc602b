package openbao_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/fixtures/faulty"
	sim "github.com/gatewright/gatewright/fixtures/openbao"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// The tests run against the simulator and, where the environment says
//
//	GATEWRIGHT_OPENBAO_ADDRESS=http://127.0.0.1:8200 GATEWRIGHT_OPENBAO_TOKEN=…
//
// against that server instead, wherever they need no fault and no mode of the
// simulator. Each test has a mount of its own.

// policy is what the README says that the target needs.
const policy = `
path "%[1]s/data/agents/+/+/+/+/+"     { capabilities = ["create", "read", "update"] }
path "%[1]s/metadata/agents/+/+/+/+/+" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
path "%[1]s/undelete/agents/+/+/+/+/+" { capabilities = ["update"] }
path "%[1]s/delete/agents/+/+/+/+/+"   { capabilities = ["update"] }
path "%[1]s/metadata/agents/*"         { capabilities = ["list"] }
`

// bench is a server with a mount, and a client with all rights.
type bench struct {
	t      testing.TB
	url    string
	root   string
	mount  string
	server *sim.Server // nil for a real one
	logs   *lockedBuffer
}

func realServer() (address, token string, ok bool) {
	address, token = os.Getenv("GATEWRIGHT_OPENBAO_ADDRESS"), os.Getenv("GATEWRIGHT_OPENBAO_TOKEN")
	return address, token, address != ""
}

// newBench takes the real server if there is one.
func newBench(t testing.TB) *bench {
	t.Helper()
	address, token, ok := realServer()
	if !ok {
		return newSimBench(t)
	}
	b := &bench{t: t, url: address, root: token, mount: "t" + strconv.FormatUint(rand.Uint64(), 36), logs: &lockedBuffer{}}
	b.enable()
	return b
}

// newSimBench takes the simulator.
func newSimBench(t testing.TB) *bench {
	t.Helper()
	server := sim.New(sim.Options{Mount: "-", Seed: 1})
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	t.Cleanup(server.Faults().Disarm)
	b := &bench{t: t, url: front.URL, root: "root", mount: "kv", server: server, logs: &lockedBuffer{}}
	b.enable()
	return b
}

func (b *bench) enable() {
	b.t.Helper()
	b.must("POST", "sys/mounts/"+b.mount, `{"type":"kv","options":{"version":"2"}}`)
	b.later("DELETE", "sys/mounts/"+b.mount)
	for wait := time.Millisecond; ; wait *= 2 {
		if status, _ := b.ask("GET", b.mount+"/config", ""); status == http.StatusOK {
			return
		}
		if wait > 5*time.Second {
			b.t.Fatal("the mount does not become ready")
		}
		<-time.After(wait)
	}
}

// later tidies up a real server. A simulator ends with its test, and its faults
// may strike until then.
func (b *bench) later(method, path string) {
	if b.server == nil {
		b.t.Cleanup(func() { b.ask(method, path, "") })
	}
}

// ask makes a call with the root token.
func (b *bench) ask(method, path, body string) (int, map[string]any) {
	b.t.Helper()
	return b.askAs(b.root, method, path, body)
}

func (b *bench) askAs(token, method, path, body string) (int, map[string]any) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, b.url+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token)
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var out map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			b.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return resp.StatusCode, out
}

func (b *bench) must(method, path, body string) map[string]any {
	b.t.Helper()
	status, out := b.ask(method, path, body)
	if status > 299 {
		b.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

// token makes a token with the documented policy, plus or instead of it.
func (b *bench) token(text string, ttl string) string {
	b.t.Helper()
	name := b.mount + "-" + strconv.FormatUint(rand.Uint64(), 36)
	body, _ := json.Marshal(map[string]string{"policy": text})
	b.must("PUT", "sys/policies/acl/"+name, string(body))
	b.later("DELETE", "sys/policies/acl/"+name)
	out := b.must("POST", "auth/token/create", fmt.Sprintf(`{"policies":[%q],"ttl":%q}`, name, ttl))
	auth, _ := out["auth"].(map[string]any)
	token, _ := auth["client_token"].(string)
	return token
}

func (b *bench) policy() string { return fmt.Sprintf(policy, b.mount) }

// config is that of a target with the documented policy.
func (b *bench) config() openbao.Config {
	return openbao.Config{
		Address: b.url, Mount: b.mount, Installation: "test", Timeout: 3 * time.Second,
		Auth:   openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(b.token(b.policy(), "1h"))}},
		Logger: slog.New(slog.NewTextHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (b *bench) target(c openbao.Config) *openbao.Target {
	b.t.Helper()
	target, err := openbao.New(context.Background(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = target.Close() })
	return target
}

// writes counts what changed something in the mount.
func (b *bench) writes() int {
	if b.server == nil {
		return 0
	}
	n := 0
	for route, count := range b.server.Faults().Counts().Routes {
		method, path, _ := strings.Cut(route, " ")
		if method != http.MethodGet && method != "LIST" && strings.HasPrefix(path, "/v1/"+b.mount+"/") {
			n += count
		}
	}
	return n
}

func (b *bench) arm(f faulty.Fault) {
	b.t.Helper()
	if _, err := b.server.Faults().Arm(f); err != nil {
		b.t.Fatal(err)
	}
}

// lockedBuffer is a buffer for loggers.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// id names the n-th credential of the tests.
func id(n int) resource.ID {
	return resource.ID{Kind: resource.KindCredential, Name: resource.ClientOwn, Binding: resource.Binding{
		Organization: "acme", Project: "travel", Agent: "a" + strconv.Itoa(n), Environment: "production",
	}}
}

// key is where it is kept below the mount.
func key(n int) string { return "agents/acme/travel/a" + strconv.Itoa(n) + "/production/own" }

// state is a desired credential; variants differ.
func (b *bench) state(n int, variant string) resource.State {
	binding := id(n).Binding
	return resource.State{Credential: &resource.Credential{
		Path: b.mount + "/" + key(n), ClientID: binding.ClientID(resource.ClientOwn), Issuer: "https://idp.test/" + variant,
		TokenEndpoint: "https://idp.test/oauth2/token", Audience: binding.Audience(),
	}}
}
