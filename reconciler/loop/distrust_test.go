package loop_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// TestProofTriesEveryClient: the credential of a named consumer that stops
// working shows when the proof is old, and is repaired; and the endpoint is tried
// with a token that has expired.
func TestProofTriesEveryClient(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Lag: time.Millisecond})
	a := agent("booking", schema.SchemeOAuth2)
	a.Environments[0].Authentication.Clients = []schema.Client{{Name: "mobile"}}
	s.push(a)
	s.apply()
	for _, c := range s.row("booking").LastProof.Checks {
		if c.Name == "with an expired token" || strings.HasPrefix(c.Name, "client mobile") {
			t.Errorf("the first proof makes the check %q: there is no such token yet, and the client was proved when it was made", c.Name)
		}
	}
	s.ahead(2 * time.Hour)
	s.apply()
	var names []string
	for _, c := range s.row("booking").LastProof.Checks {
		names = append(names, c.Name)
	}
	want := []string{
		"client own: token", "client own: issuer", "client own: audience", "without a token", "with a token for another audience",
		"with an expired token", "with a token", "client mobile: token", "client mobile: issuer", "client mobile: audience",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	mobile := resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: "mobile"}
	s.changeSecret(mobile)
	s.ahead(4 * time.Hour)
	s.apply()
	if row := s.row("booking"); row.Status != inventory.Stalled || row.Reason != "InvalidClient" || row.LastProof.OK {
		t.Fatalf("a consumer's refused credential is not noticed: %+v", row)
	}
	s.apply()
	if row := s.row("booking"); row.Status != inventory.Converged || !row.LastProof.OK {
		t.Errorf("it is not repaired: %+v", row)
	}
	events, err := s.store.Events(t.Context(), inventory.EventFilter{Binding: binding("booking")})
	if err != nil || len(events) != 2 || events[0].Action != "proof-passed" || events[1].Action != "proof-failed" {
		t.Errorf("got the events %+v, %v, want that the proof failed and passed again", events, err)
	}
}

// TestConsumerKeepsNoEndpointOpen: an endpoint that somebody opens is closed at
// once though a consumer's credential is refused and nothing else can be looked
// at; where the binding's own credential is refused, nobody knows a key to it.
func TestConsumerKeepsNoEndpointOpen(t *testing.T) {
	t.Parallel()
	for client, closed := range map[string]bool{"mobile": true, resource.ClientOwn: false} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, loop.Options{Lag: time.Millisecond})
			a := agent("booking", schema.SchemeOAuth2)
			a.Environments[0].Authentication.Clients = []schema.Client{{Name: "mobile"}}
			s.push(a)
			s.apply()
			s.changeSecret(resource.ID{Kind: resource.KindClient, Binding: binding("booking"), Name: client})
			s.ahead(2 * time.Hour)
			s.apply()
			row := s.row("booking")
			if row.Status != inventory.Stalled || row.Reason != "InvalidClient" || row.LastProof.OK || row.LastProof.Endpoint != closed {
				t.Fatalf("the refused credential is not noticed as what it is: %+v", row)
			}
			endpoint := resource.ID{Kind: resource.KindEndpoint, Binding: binding("booking")}
			s.world.Things[endpoint].State.Endpoint = &resource.Endpoint{Scheme: schema.SchemeNone}
			s.world.Down = map[resource.Kind]bool{resource.KindClient: true, resource.KindCredential: true}
			s.apply()
			if got := s.world.Look(endpoint).State.Endpoint.Scheme == schema.SchemeOAuth2; got != closed {
				t.Errorf("closed: %v, want %v", got, closed)
			}
			s.world.Down = map[resource.Kind]bool{}
			for range 3 {
				s.apply()
			}
			if row := s.row("booking"); row.Status != inventory.Converged || !row.LastProof.OK {
				t.Errorf("it is not mended: %+v", row)
			}
		})
	}
}
