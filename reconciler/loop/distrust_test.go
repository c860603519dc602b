package loop_test

import (
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// TestSecretChangedAtTheApplication: the secret of an application that somebody
// changed without touching its mark is found when the proof is old, and the
// stored one is given to it again.
func TestSecretChangedAtTheApplication(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.apply()
	client := resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: resource.ClientOwn}
	credential := client
	credential.Kind = resource.KindCredential
	stored := s.world.Look(credential).State.Credential.ClientSecret
	s.changeSecret(client)

	s.ahead(10 * time.Minute)
	if p, report := s.apply(); !p.Empty() || len(report.Outcomes) > 0 {
		t.Errorf("a fresh proof is not believed: %s, %+v", p.Counts(), report)
	}
	s.ahead(2 * time.Hour)
	s.apply()
	if row := s.row("booking"); row.Status != inventory.Stalled || row.Reason != "InvalidClient" {
		t.Fatalf("a refused credential is not noticed: %+v", row)
	}
	s.apply()
	if row := s.row("booking"); row.Status != inventory.Converged || !row.LastProof.OK {
		t.Errorf("the application does not have the stored secret again: %+v", row)
	}
	if now := s.world.Look(credential).State.Credential.ClientSecret; now != stored {
		t.Error("the credential got another secret")
	}
	before := s.world.Count()
	if p, report := s.apply(); !p.Empty() || len(report.Outcomes) > 0 || s.world.Count() != before {
		t.Errorf("a pass after that does something: %s, %+v", p.Counts(), report)
	}
}

// ahead sets the clocks forward.
func (s *scene) ahead(d time.Duration) {
	now := func() time.Time { return time.Now().Add(d) }
	s.engine.Options.Now, s.engine.Environments[0].Prover.Now = now, now
}
