//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/fixtures/stack"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// TestDriftAtEachTarget: what was meddled with at the gateway, in OpenBAO and
// in Thunder is named by diff and repaired by the daemon.
func TestDriftAtEachTarget(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4)
	reviewed := s.savePlan("reviewed.json", 2)
	s.run(0, "apply", "--plan", reviewed)
	if r := s.run(4, "apply", "--plan", reviewed); !strings.Contains(r.Stderr, "have changed since") {
		t.Errorf("a plan that was carried out is carried out again:\n%s", r.Stderr)
	}
	if before, with := s.call(0, ""), s.call(0, s.token(0)); before != 401 || with != 200 {
		t.Fatalf("after apply: %d without a token and %d with it", before, with)
	}
	if got := s.call(0, s.token(1)); got != 401 {
		t.Errorf("the token of another agent: got %d, want 401", got)
	}
	s.run(0, "diff")
	former := s.token(1)

	s.meddle("a-strangers-secret")

	r := s.run(2, "diff", "-o", "json")
	var plan struct {
		Steps []struct {
			ID     resource.ID
			Action string
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &plan); err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	for _, st := range plan.Steps {
		named[string(st.ID.Kind)+" "+st.ID.Binding.Agent] = st.Action
	}
	for what, action := range map[string]string{"endpoint agent-00": "update", "credential agent-01": "update", "client agent-02": "create"} {
		if named[what] != action {
			t.Errorf("%s: diff says %q, want %q", what, named[what], action)
		}
	}
	if strings.Contains(r.Stdout+r.Stderr, "a-strangers-secret") {
		t.Error("diff shows a secret")
	}

	d, err := stack.StartDaemon(gatewright, s.config, filepath.Join(s.stack.Dir, "daemon.log"))
	if err != nil {
		t.Fatal(err)
	}
	s.eventually("all three are repaired", func() bool {
		r, err := stack.Run(t.Context(), gatewright, "diff", "--config", s.config)
		return err == nil && r.Code == 0
	})
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	for n := range 3 {
		if without, with := s.call(n, ""), s.call(n, s.token(n)); without != 401 || with != 200 {
			t.Errorf("agent %d: %d without a token and %d with it", n, without, with)
		}
	}
	if got := s.call(1, former); got != 200 {
		t.Errorf("a token from before the drift: got %d, want 200", got)
	}
}

// meddle opens the first agent's endpoint, overwrites the second one's secret
// and deletes the third one's application.
func (s *scene) meddle(secret string) {
	s.Helper()
	by := s.stack.Hand()
	org, name := agent(0)
	err := by.Open(s.Context(), org, name, "production")
	org, name = agent(1)
	err = errors.Join(err, by.Overwrite(s.Context(), "secret/agents/"+org+"/travel/"+name+"/production/own", secret))
	org, name = agent(2)
	b := resource.Binding{Organization: org, Project: "travel", Agent: name, Environment: "production"}
	found, removed := by.RemoveApplication(s.Context(), resource.ApplicationID(b.ClientID(resource.ClientOwn)))
	if err := errors.Join(err, removed); err != nil || !found {
		s.Fatalf("found %v, %v", found, err)
	}
}

// savePlan has diff write the plan into a file for whoever reviews it.
func (s *scene) savePlan(name string, code int) string {
	s.Helper()
	path, err := s.stack.WriteFile(name, "")
	if err != nil {
		s.Fatal(err)
	}
	s.run(code, "diff", "--out", path)
	return path
}

// eventually waits for a condition, for as long as a slow machine may need.
func (s *scene) eventually(what string, ok func() bool) {
	s.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if <-tick.C; time.Now().After(deadline) {
			s.Fatalf("not within 2 minutes: %s", what)
		}
	}
}

// TestKilledDaemon: a daemon that is killed again and again ends where an
// undisturbed one does, with every credential working and nothing left over.
func TestKilledDaemon(t *testing.T) {
	t.Parallel()
	const agents = 20
	s := newScene(t, agents)
	log := filepath.Join(s.stack.Dir, "daemon.log")
	random := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		d, err := stack.StartDaemon(gatewright, s.config, log)
		if err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(time.Duration(100+random.IntN(900)) * time.Millisecond)
		<-timer.C
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	before := s.text(log)
	d, err := stack.StartDaemon(gatewright, s.config, log)
	if err != nil {
		t.Fatal(err)
	}
	// The killed ones may have left nothing to do: this one has to be up, or the
	// signal to stop meets a process that does not listen yet.
	s.eventually("the daemon works", func() bool { return strings.Contains(s.text(log)[len(before):], "converging") })
	s.eventually("everything converges", func() bool { return s.converged() == agents })
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	s.run(0, "diff")
	for n := range agents {
		if without, with := s.call(n, ""), s.call(n, s.token(n)); without != 401 || with != 200 {
			t.Errorf("agent %d: %d without a token and %d with it", n, without, with)
		}
	}
	// The probe client and the administrator's are there beside the agents'.
	if got := s.stack.Thunder.Clients(); len(got) != agents+2 {
		t.Errorf("%d clients at Thunder, want %d: %v", len(got), agents+2, got)
	}
}

// text is what a file holds.
func (s *scene) text(path string) string {
	s.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	return string(data)
}

// converged counts the bindings that the inventory calls converged and proved.
func (s *scene) converged() int {
	r, err := stack.Run(context.WithoutCancel(s.Context()), gatewright, "status", "-o", "json", "--config", s.config)
	if err != nil || r.Code != 0 {
		return 0
	}
	var status struct {
		Bindings []struct {
			Status    string
			LastProof *struct{ OK bool }
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &status); err != nil {
		s.Fatal(err)
	}
	n := 0
	for _, b := range status.Bindings {
		if b.Status == "converged" && b.LastProof != nil && b.LastProof.OK {
			n++
		}
	}
	return n
}
