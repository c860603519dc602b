package loop_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// ownCredential is where the own credential of booking stands.
var ownCredential = resource.ID{Kind: resource.KindCredential, Binding: binding("booking"), Name: resource.ClientOwn}

// stored is what a consumer reads from the store.
func (s *scene) stored() resource.Credential { return *s.world.Look(ownCredential).State.Credential }

// consume asks for a token as a consumer does, and reports whether it got one.
func (s *scene) consume(c resource.Credential) bool {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.issuer, strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		return false
	}
	req.SetBasicAuth(c.ClientID, c.ClientSecret.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only the status counts
	return resp.StatusCode == http.StatusOK
}

// TestConsumersUnderRotation counts the requests that fail while the daemon
// rotates a credential again and again: of a consumer that reads it anew when it
// is refused, and of one that reads it only at its start and runs no longer than
// the overlap.
func TestConsumersUnderRotation(t *testing.T) {
	t.Parallel()
	const every, overlap, lasts = 2, 1, 9 * time.Second
	s := newScene(t, loop.Options{Interval: 100 * time.Millisecond})
	a := agent("booking", schema.SchemeOAuth2)
	a.Environments[0].Authentication.Rotation = &schema.Rotation{Every: every, Overlap: overlap}
	s.push(a)
	s.daemon()
	eventually(t, "booking converges", func() bool { return s.row("booking").Status == inventory.Converged })
	var asked, again, failed, starts, failedLate atomic.Int64
	end := time.Now().Add(lasts)
	var consumers errgroup.Group
	consumers.Go(func() error {
		for c := s.stored(); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			asked.Add(1)
			if s.consume(c) {
				continue
			}
			again.Add(1)
			if c = s.stored(); !s.consume(c) {
				failed.Add(1)
			}
		}
		return nil
	})
	consumers.Go(func() error {
		for time.Now().Before(end) {
			starts.Add(1)
			started := time.Now()
			for c := s.stored(); time.Since(started) < overlap*time.Second*9/10; time.Sleep(5 * time.Millisecond) {
				asked.Add(1)
				// Only what was asked within the overlap counts: on a busy
				// machine a request may take longer than that.
				if !s.consume(c) && time.Since(started) < overlap*time.Second {
					failedLate.Add(1)
				}
			}
		}
		return nil
	})
	_ = consumers.Wait() // no member fails
	steps, err := s.store.Steps(t.Context(), inventory.StepFilter{Binding: binding("booking"), State: inventory.Done, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	rotations := 0
	for _, step := range steps {
		if step.ID == ownCredential && strings.HasPrefix(step.Reason, "its secret is of") {
			rotations++
		}
	}
	t.Logf("%d token requests over %d rotations: %d were refused and repeated with the credential read anew, %d of these failed; %d starts, %d failures within the overlap",
		asked.Load(), rotations, again.Load(), failed.Load(), starts.Load(), failedLate.Load())
	if rotations < 2 || again.Load() == 0 {
		t.Errorf("%d rotations, %d refusals: nothing was shown", rotations, again.Load())
	}
	if failed.Load()+failedLate.Load() > 0 {
		t.Errorf("%d requests failed though the credential was read anew, %d within the overlap", failed.Load(), failedLate.Load())
	}
}

func TestDaemonRotatesWhenAsked(t *testing.T) {
	t.Parallel()
	s := newScene(t, loop.Options{Interval: time.Hour})
	s.push(agent("booking", schema.SchemeOAuth2))
	s.daemon()
	eventually(t, "booking is proved", func() bool { p := s.row("booking").LastProof; return p != nil && p.OK })
	before, proved := s.stored(), s.row("booking").LastProof.At
	second := schema.Seconds(1)
	ask := inventory.Rotation{Binding: binding("booking"), Client: "own", Overlap: &second, Reason: "it leaked", Author: "ada"}
	lost := ask
	lost.Client = "nobody"
	for _, r := range []inventory.Rotation{ask, lost} {
		if err := s.store.AskRotation(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it is rotated", func() bool { return s.stored().ClientSecret != before.ClientSecret })
	eventually(t, "the endpoint is proved with it", func() bool {
		row := s.row("booking")
		return row.LastProof != nil && row.LastProof.OK && row.LastProof.At.After(proved) && row.ClientID == s.stored().ClientID
	})
	eventually(t, "the old application goes when the overlap ends", func() bool { return !s.consume(before) })
	eventually(t, "the requests are done with", func() bool {
		left, err := s.store.Rotations(t.Context())
		return err == nil && len(left) == 0
	})
	if !s.consume(s.stored()) {
		t.Error("the stored credential does not work")
	}
}
