package loop_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// theClient, theCredential and theEndpoint are resources of an agent.
func theClient(agent, name string) resource.ID {
	return resource.ID{Kind: resource.KindClient, Binding: binding(agent), Name: name}
}

func theCredential(agent, name string) resource.ID {
	return resource.ID{Kind: resource.KindCredential, Binding: binding(agent), Name: name}
}

func theEndpoint(agent string) resource.ID {
	return resource.ID{Kind: resource.KindEndpoint, Binding: binding(agent)}
}

// secret is the stored secret of a client, or none.
func (s *scene) secret(agent, name string) resource.Secret {
	if c := s.world.Look(theCredential(agent, name)); c != nil {
		return c.State.Credential.ClientSecret
	}
	return resource.Secret{}
}

// A target that cannot be read does not cut what is too much in two halves that
// are not.
func TestGuardCountsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(several(0, 10)...)
	s.apply()
	s.push(several(6, 10)...)
	for _, down := range []bool{true, false} {
		s.world.Down[resource.KindCredential] = down
		p := s.plan()
		err := s.engine.Guard(t.Context(), p)
		if fault.ClassOf(err) != fault.Unsafe {
			t.Errorf("store down %v: let through: %v, %s", down, err, p.Counts())
		}
	}
	s.world.Down[resource.KindCredential], s.world.Down[resource.KindClient] = true, true
	if err := s.engine.Guard(t.Context(), s.plan()); err != nil {
		t.Errorf("nothing is taken and it is held back: %v", err)
	}
}

// A proof that comes due while nobody can be asked does not make an API that
// somebody opens then stay open.
func TestOutageForgetsNoProof(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(away.Close)
	for name, hinder := range map[string]func(*scene){
		"token endpoint": func(s *scene) { s.engine.Environments[0].Prover.TokenEndpoint = away.URL },
		"gateway":        func(s *scene) { s.world.URL = "http://127.0.0.1:1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: time.Millisecond})
			s.push(agent("booking", schema.SchemeOAuth2))
			s.apply()
			hinder(s)
			s.ahead(2 * time.Hour)
			if _, report := s.apply(); len(report.Errors) == 0 {
				t.Fatal("the proof passed")
			}
			s.world.Remove(theEndpoint("booking"))
			p, _ := s.apply()
			if s.world.Look(theEndpoint("booking")) == nil {
				t.Errorf("it stays open: %v", p.Of(binding("booking")))
			}
		})
	}
}

// An endpoint is not locked to a key manager that could not be written.
func TestKeyManagerThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	manager := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "production"}, Name: "ThunderKeyManager"}
	s.world.Things[manager].Owner = resource.OwnerUs
	s.world.Things[manager].State.KeyManager = &resource.KeyManager{Name: manager.Name, Issuer: "https://former.example"}
	s.world.Fail = func(step plan.Step, after bool) error {
		if !after && step.ID == manager {
			return fault.New(fault.Stalled, "Forbidden", "may not write it")
		}
		return nil
	}
	s.push(agent("booking", schema.SchemeOAuth2))
	_, report := s.apply()
	if s.world.Look(theEndpoint("booking")) != nil {
		t.Error("it is locked")
	}
	if err := report.Errors[binding("booking")]; fault.ClassOf(err) != fault.Waiting {
		t.Errorf("it is told %v", err)
	}
	s.world.Fail = nil
	s.apply()
	if s.world.Look(theEndpoint("booking")) == nil {
		t.Error("it is not locked once the key manager can be written")
	}
}

// A history that the applied revision is no part of is not taken for applied
// because nothing could be read when it came.
func TestForcePushWhileNothingCanBeRead(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.apply()
	s.descends = false
	s.push(agent("search", schema.SchemeOAuth2))
	for _, down := range []bool{true, false} {
		s.world.Down[resource.KindClient], s.world.Down[resource.KindCredential] = down, down
		s.apply()
	}
	if s.world.Look(theClient("booking", resource.ClientOwn)) == nil {
		t.Error("it is pruned")
	}
}

// One that takes nothing away counts as applied, whatever can be read.
func TestForcePushThatTakesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	s.descends = false
	s.push(agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2))
	s.apply()
	s.descends = true
	s.push(agent("search", schema.SchemeOAuth2))
	s.apply()
	if s.world.Look(theClient("booking", resource.ClientOwn)) != nil {
		t.Error("it is not pruned")
	}
}

// Drift that is only to be reported stays so, whatever kept the binding from
// being converged meanwhile.
func TestDriftIsReportedAfterwards(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(s *scene, drift func()){
		"an outage": func(s *scene, drift func()) {
			drift()
			s.apply()
			s.world.Down[resource.KindClient] = true
			s.apply()
			s.world.Down[resource.KindClient] = false
		},
		"a suspension": func(s *scene, drift func()) {
			s.suspend("acme/travel/booking", time.Hour)
			drift()
			s.apply()
			s.resume("acme/travel/booking")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: time.Millisecond})
			s.engine.Environments[0].ReportDrift = true
			s.push(agent("booking", schema.SchemeOAuth2))
			s.apply()
			meanwhile(s, func() { s.world.Things[theClient("booking", resource.ClientOwn)].State.Client.Validity = 60 })
			before := s.world.Count()
			s.apply()
			if n := s.world.Count() - before; n != 0 {
				t.Errorf("%d effects: %v", n, s.world.Steps[before:])
			}
			if row := s.row("booking"); row.Reason != "Drift" {
				t.Errorf("it is told %s, %s", row.Status, row.Message)
			}
			s.push(changedAgent("booking"))
			s.apply()
			if row := s.row("booking"); row.Status != inventory.Converged {
				t.Errorf("what its spec asks anew is no drift: %s, %s", row.Status, row.Message)
			}
		})
	}
}

// Consumers keep their credentials as long as the endpoint asks for tokens.
func TestConsumersStayUntilTheEndpointIsChanged(t *testing.T) {
	t.Parallel()
	for name, hinder := range map[string]func(*scene){
		"the gateway cannot be read": func(s *scene) { s.world.Down[resource.KindEndpoint] = true },
		"the gateway refuses it": func(s *scene) {
			s.world.Fail = func(step plan.Step, after bool) error {
				if !after && step.ID.Kind == resource.KindEndpoint {
					return fault.New(fault.Stalled, "Refused", "a webhook says no")
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: time.Millisecond})
			a := agent("booking", schema.SchemeOAuth2)
			a.Environments[0].Authentication.Clients = []schema.Client{{Name: "mobile"}}
			s.push(a)
			s.apply()
			hinder(s)
			s.push(agent("booking", schema.SchemeNone))
			s.apply()
			for _, client := range []string{resource.ClientOwn, "mobile"} {
				if s.world.Look(theClient("booking", client)) == nil || s.secret("booking", client).IsZero() {
					t.Errorf("%s is gone", client)
				}
			}
			s.world.Fail, s.world.Down[resource.KindEndpoint] = nil, false
			s.apply()
			if s.world.Look(theClient("booking", "mobile")) != nil {
				t.Error("mobile stays when the endpoint is open")
			}
		})
	}
}

// What was reached and proved is forgotten with a spec that is gone, and not with
// one that cannot be read for a while.
func TestWhatWasReachedStays(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	both := []schema.Agent{agent("booking", schema.SchemeOAuth2), agent("search", schema.SchemeOAuth2)}
	s.push(both...)
	s.apply()
	was := s.row("booking")
	s.broken = true
	s.push(both[1])
	s.apply()
	s.broken = false
	s.push(both...)
	s.apply()
	if row := s.row("booking"); row.LastProof == nil || !row.LastProof.At.Equal(was.LastProof.At) || row.ConvergedAt.IsZero() {
		t.Errorf("unreadable for a while: %+v\nbefore: %+v", row, was)
	}
	s.push(both[1])
	s.apply()
	if row := s.row("booking"); !row.ConvergedAt.IsZero() || row.DesiredHash != "" {
		t.Errorf("gone: %+v", row)
	}
}
