//go:build unix

package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/fixtures/openchoreo"
	"github.com/gatewright/gatewright/fixtures/stack"
)

// spec is the file that pages edit. Its comments and its order must outlive
// that.
const spec = `package agents

// Booking takes reservations. The team of travel owns it.
agents: booking: {
	organization: "acme" // OpenChoreo namespace
	project:      "travel"
	kind:         "custom-api"

	// All of it is one API.
	interface: {context: "/booking", port: 8000, basePath: "/", version: "v1.0", operations: [{method: "GET", path: "/*"}]}

	environments: {
		// Open while we build it.
		development: endpointAuthentication: {scheme: "none"}
	}
}
`

// specs is the repository.
var specs = map[string]string{
	"cue.mod/module.cue": "module: \"acme.example/agents@v0\"\nlanguage: version: \"v0.15.0\"\n",
	"policy.cue": `package agents

// What acme demands of every agent: production is never open.
agents: [string]: environments: production?: endpointAuthentication: scheme: "oauth2" | "apiKey"
`,
	"booking.cue": spec,
	"concierge.yaml": `# Specs may be YAML, too.
agents:
  concierge:
    organization: acme
    project: travel
    kind: custom-api
    interface: {context: /concierge, port: 8000}
    environments:
      development:
        endpointAuthentication: {scheme: none} # for now
`,
}

// world is a stack with a daemon that serves its console.
type world struct {
	t      *testing.T
	dir    string
	stack  *stack.Stack
	repo   *stack.Repository
	daemon *stack.Daemon
	issuer *issuer
	binary string
	config string
	url    string
	// out is where screenshots go.
	out string
}

// newWorld starts everything; the test ends it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), out: os.Getenv("CONSOLE_OUTPUT"), issuer: newIssuer(t)}
	if w.out == "" {
		w.out = t.TempDir()
	}
	if err := os.MkdirAll(w.out, 0o755); err != nil {
		t.Fatal(err)
	}
	w.binary = filepath.Join(w.dir, "gatewright")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", w.binary, "github.com/gatewright/gatewright/reconciler/cmd/gatewright")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build gatewright: %v\n%s", err, said)
	}
	w.start()
	return w
}

// start starts the stack, the repository and the daemon.
func (w *world) start() {
	w.t.Helper()
	var agents []openchoreo.AgentSeed
	for _, name := range []string{"booking", "concierge"} {
		agents = append(agents, openchoreo.AgentSeed{Namespace: "acme", Project: "travel", Component: name, Environments: []string{"development"}})
	}
	var err error
	if w.stack, err = stack.Start(w.t.Context(), stack.Options{Dir: w.dir, Agents: agents, Progress: func(l string) { w.t.Log(l) }}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.stack.Stop(); err != nil {
			w.t.Error(err)
		}
	})
	if w.repo, err = stack.NewRepository(w.t.Context(), w.dir, specs); err != nil {
		w.t.Fatal(err)
	}
	address := free(w.t)
	w.url = "http://" + address
	w.config, err = w.stack.WriteConfig(stack.Config{
		Repository: w.repo.Bare, Database: "sqlite:" + filepath.Join(w.dir, "gatewright.db"), Interval: "10s", Extra: w.issuer.config(address),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.daemon, err = stack.StartDaemon(w.binary, w.config, w.logFile()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.daemon.Stop(); err != nil {
			w.t.Error(err)
		}
		if w.t.Failed() {
			w.t.Log(w.log())
		}
	})
}

// free is an address on loopback that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (w *world) logFile() string { return filepath.Join(w.dir, "daemon.log") }

func (w *world) log() string {
	text, err := os.ReadFile(w.logFile())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// link waits for the link that the daemon prints at its start.
func (w *world) link() string {
	w.t.Helper()
	pattern := regexp.MustCompile(regexp.QuoteMeta(w.url) + `/\S*#\S+`)
	var found string
	w.eventually("the daemon prints a link", func() error {
		if found = pattern.FindString(w.log()); found == "" {
			return fmt.Errorf("none in its log")
		}
		return nil
	})
	return found
}

// eventually waits for something to come true.
func (w *world) eventually(what string, check func() error) {
	w.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// settled waits until an agent is converged at the newest commit.
func (w *world) settled(agent string) {
	w.t.Helper()
	head := w.git("rev-parse", "refs/heads/main")
	w.eventually(agent+" is converged at "+head, func() error {
		r, err := stack.Run(w.t.Context(), w.binary, "status", "--config", w.config, "-o", "json", "acme/travel/"+agent)
		if err != nil {
			return err
		}
		var status struct {
			Bindings []struct{ Status, Revision, Message string } `json:"bindings"`
		}
		if err := json.Unmarshal([]byte(r.Stdout), &status); err != nil {
			return fmt.Errorf("%w: %s%s", err, r.Stdout, r.Stderr)
		}
		for _, b := range status.Bindings {
			if b.Status != "converged" || b.Revision != head {
				return fmt.Errorf("%+v", b)
			}
		}
		if len(status.Bindings) == 0 {
			return fmt.Errorf("no binding")
		}
		return nil
	})
}

// git asks the bare repository.
func (w *world) git(args ...string) string {
	w.t.Helper()
	out, err := stack.Git(w.t.Context(), w.repo.Bare, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// api is where callers reach the agent.
func (w *world) api() string { return w.stack.GatewayURL + "/development-acme-booking/hello" }

// answers wants the gateway to answer a call with a status.
func (w *world) answers(token string, want int) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("the gateway answers %d", want), func() error {
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.api(), nil)
		if err != nil {
			return err
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != want {
			return fmt.Errorf("%s", resp.Status)
		}
		return nil
	})
}

// call asks the API of the console with a bearer token, or as a stranger.
func (w *world) call(ctx context.Context, method, path, token, body string) (status int, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if err := copyText(&b, resp.Body); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}
