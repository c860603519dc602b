package loop_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

// gate is a target whose first effect on one binding waits until it is let go.
type gate struct {
	target.Target
	binding    resource.Binding
	begun, let chan struct{}
	once       *sync.Once
}

// hold puts a gate before a target of the scene.
func (s *scene) hold(kind resource.Kind, b resource.Binding) gate {
	g := gate{s.engine.Environments[0].Targets[kind], b, make(chan struct{}), make(chan struct{}), new(sync.Once)}
	s.engine.Environments[0].Targets[kind] = g
	return g
}

// Apply implements target.Target.
func (g gate) Apply(ctx context.Context, s plan.Step, in target.Input) (target.Outcome, error) {
	if s.ID.Binding == g.binding {
		g.once.Do(func() {
			close(g.begun)
			<-g.let
		})
	}
	return g.Target.Apply(ctx, s, in)
}

// changedAgent is an agent as agent makes it, with another validity.
func changedAgent(name string) schema.Agent {
	out := agent(name, schema.SchemeOAuth2)
	out.Environments[0].Authentication.Validity = 60
	return out
}

// A revision opens or removes an API and is reverted while that waits for a
// worker: nothing of it is carried out.
func TestRevertedBeforeItIsBegun(t *testing.T) {
	t.Parallel()
	for name, mistake := range map[string][]schema.Agent{
		"opened":  {changedAgent("aaa"), agent("booking", schema.SchemeNone)},
		"removed": {changedAgent("aaa")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Interval: time.Hour, Workers: 1})
			s.push(agent("aaa", schema.SchemeOAuth2), agent("booking", schema.SchemeOAuth2))
			s.apply()
			secret := s.secret("booking", resource.ClientOwn)
			g := s.hold(resource.KindClient, binding("aaa"))
			s.daemon()
			s.push(mistake...)
			<-g.begun // the only worker is busy
			s.push(changedAgent("aaa"), agent("booking", schema.SchemeOAuth2))
			eventually(t, "the revert is planned", func() bool { return s.row("booking").Revision == "revision-0003" })
			before := s.world.Count()
			s.push(changedAgent("aaa"), agent("booking", schema.SchemeOAuth2), agent("zzz", schema.SchemeOAuth2))
			close(g.let)
			eventually(t, "what came after it is done", func() bool { return s.row("zzz").LastProof != nil })
			_ = s.world.Count() // a lock between their writes and our reads
			for _, step := range s.world.Steps[before:] {
				if step.ID.Binding == binding("booking") {
					t.Errorf("carried out: %s %s", step.Action, step.ID)
				}
			}
			if got := s.secret("booking", resource.ClientOwn); got != secret {
				t.Error("the secret is lost")
			}
		})
	}
}

// The same while it is being done: it ends before its next effect, and what was
// done is put right at once.
func TestRevertedWhileItIsDone(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	secret := s.secret("booking", resource.ClientOwn)
	g := s.hold(resource.KindEndpoint, binding("booking"))
	s.daemon()
	s.push(agent("booking", schema.SchemeNone))
	<-g.begun
	s.push(agent("booking", schema.SchemeOAuth2))
	eventually(t, "the revert is planned", func() bool { return s.row("booking").Revision == "revision-0003" })
	close(g.let)
	eventually(t, "the API is closed again", func() bool {
		e := s.world.Look(theEndpoint("booking"))
		return e != nil && e.State.Endpoint.Scheme == schema.SchemeOAuth2
	})
	if s.secret("booking", resource.ClientOwn) != secret {
		t.Error("the secret is lost")
	}
}
