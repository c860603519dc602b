//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/e2e/harness"
	"github.com/gatewright/gatewright/fixtures/hand"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// world is what one script works with.
type world struct {
	*harness.Stack
	ctx context.Context //nolint:containedctx // that of the test that the script is
	// organization is the script's own, and the name of its installation.
	organization string
	by           hand.Hand
	gatewright   *harness.Installation
	replica      *harness.Installation
	repository   harness.Repository
	settings     harness.Settings
	// disturbed has what ends the disturbance of each peer that is disturbed.
	disturbed map[*harness.Container]string
	// traffic is what consumers do in the background, by name.
	traffic map[string]*traffic
	// pushed is the revision that was pushed last.
	pushed string
}

// worldKey is where a script's environment has its world.
type worldKey struct{}

// worldOf is the world of a script.
func worldOf(ts *testscript.TestScript) *world {
	w, ok := ts.Value(worldKey{}).(*world)
	if !ok {
		ts.Fatalf("the script has no world")
	}
	return w
}

// setup gives a script a repository and a configuration.
func setup(t *testing.T, s *harness.Stack, may privileges, env *testscript.Env) error {
	t.Helper()
	name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	w := &world{Stack: s, ctx: t.Context(), organization: name, by: s.Hand(), disturbed: map[*harness.Container]string{}, traffic: map[string]*traffic{}}
	env.Values[worldKey{}] = w
	env.Defer(func() { // a script that failed must not disturb the next
		for _, t := range w.traffic {
			t.end()
		}
		for c, undo := range w.disturbed {
			if err := act(w, c, undo); err != nil {
				t.Errorf("%s %s: %v", undo, c.Name, err)
			}
		}
	})
	env.Setenv("ORG", name)
	env.Setenv("ORG2", name+"-2")
	env.Setenv("HOME", env.WorkDir)
	repository, err := s.Repository(name)
	if err != nil {
		return err
	}
	for key, value := range repository.GitEnv() {
		env.Setenv(key, value)
	}
	env.Setenv("REPOSITORY", repository.Outside)
	w.repository = repository
	w.settings = harness.Settings{
		Repository: repository.Inside, Organization: name, Installation: name, BaoToken: may.baoToken, Kubeconfig: may.kubeconfig,
	}
	return nil
}

// install installs gatewright, once, when it is first needed.
func (w *world) install(ts *testscript.TestScript) *harness.Installation {
	if w.gatewright == nil {
		var err error
		w.gatewright, err = w.Install(w.ctx, w.organization, w.settings)
		ts.Check(err)
	}
	return w.gatewright
}

// agent is an agent as scripts name it: NAME, or NAME@ENVIRONMENT, or
// ORG/NAME@ENVIRONMENT. Scripts have one project.
func (w *world) agent(text string) resource.Binding {
	b := resource.Binding{Organization: w.organization, Project: "travel", Environment: "production"}
	if organization, rest, ok := strings.Cut(text, "/"); ok {
		b.Organization, text = organization, rest
	}
	var ok bool
	if b.Agent, b.Environment, ok = strings.Cut(text, "@"); !ok {
		b.Environment = "production"
	}
	return b
}

// status is what `gatewright status` says of each binding.
func (w *world) status(ts *testscript.TestScript) map[string]string {
	r, err := w.install(ts).Run(w.ctx, "status", "-o", "json")
	ts.Check(err)
	if r.Code != 0 {
		ts.Fatalf("status: exit code %d\n%s", r.Code, r.Stderr)
	}
	var status struct {
		Bindings []struct {
			Binding   resource.Binding
			Revision  string
			Status    string
			Message   string
			LastProof *struct{ OK bool }
		}
	}
	ts.Check(json.Unmarshal([]byte(r.Stdout), &status))
	out := map[string]string{}
	for _, b := range status.Bindings {
		word := b.Status
		if b.Revision != w.pushed {
			word += " at an older revision"
		}
		if b.LastProof != nil && !b.LastProof.OK {
			word += ", not proved"
		}
		if b.Message != "" {
			word += ": " + b.Message
		}
		out[b.Binding.String()] = word
	}
	return out
}

// describe lists a status, for an error.
func describe(status map[string]string) string {
	var b strings.Builder
	for name, word := range status {
		fmt.Fprintf(&b, "%s: %s\n", name, word)
	}
	return b.String()
}
