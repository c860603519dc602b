//go:build unix

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/fixtures/openchoreo"
	"github.com/gatewright/gatewright/fixtures/stack"
)

// gatewright is the binary under test.
var gatewright string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gatewright-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	gatewright = filepath.Join(dir, "gatewright")
	build := exec.Command("go", "build", "-o", gatewright, "./reconciler/cmd/gatewright")
	build.Dir, build.Stderr = "..", os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build gatewright:", err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir) // a temporary directory
	os.Exit(code)
}

// scene is a running stack with a repository and a configuration.
type scene struct {
	*testing.T
	stack  *stack.Stack
	repo   *stack.Repository
	config string
}

// agent names the n-th agent, and the organization that it belongs to.
func agent(n int) (organization, name string) {
	return []string{"acme", "globex"}[n%2], fmt.Sprintf("agent-%02d", n)
}

// spec is the n-th agent's spec.
func spec(n int) string {
	org, name := agent(n)
	return fmt.Sprintf(`package agents

agents: %q: {
	organization: %q
	project:      "travel"
	kind:         "custom-api"
	interface: {context: "/%s", port: 8000}
	environments: production: endpointAuthentication: {scheme: "oauth2", issuers: ["ThunderKeyManager"]}
}
`, name, org, name)
}

// newScene starts a stack with n agents, all of which the specs protect.
func newScene(t *testing.T, n int) *scene {
	t.Helper()
	var seeds []openchoreo.AgentSeed
	files := map[string]string{"cue.mod/module.cue": "module: \"specs.example/agents@v0\"\nlanguage: version: \"v0.15.0\"\n"}
	for i := range n {
		org, name := agent(i)
		seeds = append(seeds, openchoreo.AgentSeed{Namespace: org, Project: "travel", Component: name, Environments: []string{"production"}})
		files[org+"/"+name+".cue"] = spec(i)
	}
	dir := t.TempDir()
	s := &scene{T: t}
	var err error
	s.stack, err = stack.Start(t.Context(), stack.Options{
		Dir: dir, Agents: seeds, Environments: []string{"production"}, Progress: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stack.Stop(); err != nil {
			t.Error(err)
		}
	})
	if s.repo, err = stack.NewRepository(t.Context(), dir, files); err != nil {
		t.Fatal(err)
	}
	s.config, err = s.stack.WriteConfig(stack.Config{
		Repository: s.repo.Bare, Database: "sqlite:" + filepath.Join(dir, "gatewright.db"), Interval: "2s",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a command and insists on its exit code.
func (s *scene) run(code int, args ...string) stack.Result {
	s.Helper()
	r, err := stack.Run(context.WithoutCancel(s.Context()), gatewright, append(args, "--config", s.config)...)
	if err != nil {
		s.Fatal(err)
	}
	if r.Code != code {
		s.Fatalf("gatewright %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.Code, code, r.Stdout, r.Stderr)
	}
	return r
}

// call calls the API of an agent and returns the status.
func (s *scene) call(n int, token string) int {
	s.Helper()
	org, name := agent(n)
	status, err := s.stack.Hand().Call(s.Context(), org, name, "production", token)
	if err != nil {
		s.Fatal(err)
	}
	return status
}

// token gets a token for an agent with its own credential.
func (s *scene) token(n int) string {
	s.Helper()
	org, name := agent(n)
	return strings.TrimSpace(s.run(0, "token", org+"/travel/"+name+"@production").Stdout)
}
