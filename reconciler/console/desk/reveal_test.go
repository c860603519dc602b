package desk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

func TestToken(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	for asked, want := range map[string]string{"": "test", "own": "own", "mobile-app": "mobile-app"} {
		got, err := s.Desk.Token(t.Context(), desktest.Developer, desktest.Booking, asked)
		if err != nil {
			t.Fatal(err)
		}
		if got.Client != want || got.ClientID != desktest.Booking.ClientID(want) || got.Access.IsZero() || got.Header != "Authorization" ||
			got.Prefix != "Bearer" || got.URL != s.World.URL+"/acme/travel/booking" || got.Claims["aud"] == nil {
			t.Errorf("asked for %q: %+v", asked, got)
		}
	}
	var f *fault.Error
	if _, err := s.Desk.Token(t.Context(), desktest.Developer, desktest.Binding("acme", "travel", "open"), ""); !errors.As(err, &f) || f.Reason != "NoCredential" {
		t.Errorf("of an agent without OAuth: %v", err)
	}
}

func TestProve(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	p, err := s.Desk.Prove(t.Context(), desktest.Developer, desktest.Booking)
	if err != nil || !p.OK || len(p.Checks) < 6 {
		t.Errorf("%+v, %v", p, err)
	}
	// Somebody opens the API: the proof says so, and is no error.
	endpoint := resource.ID{Kind: resource.KindEndpoint, Binding: desktest.Booking}
	other := desktest.Booking
	other.Environment = "development"
	s.World.Things[endpoint].State.Endpoint.Scheme = schema.SchemeNone
	s.World.Things[resource.ID{Kind: resource.KindEndpoint, Binding: other}].State.Endpoint.Scheme = schema.SchemeNone
	if p, err = s.Desk.Prove(t.Context(), desktest.Developer, desktest.Booking); err != nil || p.OK {
		t.Errorf("with the API open: %+v, %v", p, err)
	}
	row, _, err := s.Store.Binding(t.Context(), desktest.Booking)
	if err != nil || !row.LastProof.OK {
		t.Errorf("the last proof is the daemon's own: %+v, %v", row.LastProof, err)
	}
	if got := s.Actions()[0]; got != "dev prove" {
		t.Errorf("the last event is %q", got)
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	got, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "mobile-app", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Secret.Reveal() != s.Secret(desktest.Booking, "mobile-app") || got.ClientID != desktest.Booking.ClientID("mobile-app") || got.Key || got.Version == "" {
		t.Errorf("%+v", got)
	}
	events, err := s.Store.Events(t.Context(), inventory.EventFilter{Action: desk.ActionReveal})
	if err != nil || len(events) != 1 || events[0].Actor != "dev" || events[0].Subject != "mobile-app" || events[0].Binding != desktest.Booking {
		t.Errorf("%+v, %v", events, err)
	}
	for _, wrap := range []time.Duration{time.Second, 25 * time.Hour, -time.Minute, 90*time.Second + 1} {
		if _, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "own", wrap); !errors.As(err, new(*desk.InvalidError)) {
			t.Errorf("wrapped for %s: %v", wrap, err)
		}
	}
}

// wrapper is a store of credentials that wraps.
type wrapper struct {
	target.Target

	asked func() // when it is asked
}

func (w wrapper) Wrap(_ context.Context, r resource.Resource, life time.Duration) (resource.Secret, time.Time, error) {
	w.asked()
	return resource.NewSecret("wrapped " + r.ID.Name), time.Now().Add(life), nil
}

func TestRevealWrapped(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	_, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "own", time.Minute)
	var f *fault.Error
	if !errors.As(err, &f) || f.Reason != "NoWrapping" {
		t.Fatalf("of a store that cannot: %v", err)
	}
	env := s.Engine.Environment("production")
	var recorded []string
	env.Targets[resource.KindCredential] = target.NewGate(wrapper{env.Targets[resource.KindCredential], func() { recorded = s.Actions() }}, target.Limits{})
	got, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "own", time.Minute)
	if err != nil || got.Wrapping.Reveal() != "wrapped own" || !got.Secret.IsZero() || got.WrappingEnds.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if len(recorded) == 0 || recorded[0] != "dev reveal-secret" {
		t.Errorf("when it was wrapped the events were %q", recorded)
	}
}

// TestRevealUnrecorded: what cannot be recorded is not shown.
func TestRevealUnrecorded(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	file := "sqlite://" + t.TempDir() + "/inventory.db"
	written, err := inventory.Open(t.Context(), file, inventory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	row, _, err := s.Store.Binding(t.Context(), desktest.Booking)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(written.SaveBindings(t.Context(), []inventory.Binding{row}), written.Close()); err != nil {
		t.Fatal(err)
	}
	readOnly, err := inventory.Open(t.Context(), file, inventory.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = readOnly.Close() })
	s.Desk.Store = readOnly
	got, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "own", 0)
	if err == nil || !got.Secret.IsZero() {
		t.Errorf("shown %t, %v", !got.Secret.IsZero(), err)
	}
	before := s.Called.Load()
	if _, err := s.Desk.Try(t.Context(), desktest.Developer, desktest.Booking, desk.Request{Path: "/"}); err == nil || s.Called.Load() != before {
		t.Errorf("sent %d times, %v", s.Called.Load()-before, err)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	var f *fault.Error
	for i := range 11 {
		_, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "own", 0)
		if limited := errors.As(err, &f); limited != (i == 10) {
			t.Fatalf("reveal %d: %v", i+1, err)
		}
	}
	if f.Class != fault.Transient || f.Reason != "RateLimited" || f.RetryAfter <= 0 || f.RetryAfter > 6*time.Second {
		t.Errorf("%+v", f)
	}
	if _, err := s.Desk.Reveal(t.Context(), desktest.Admin, desktest.Booking, "own", 0); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	s.Later(7 * time.Second)
	if _, err := s.Desk.Reveal(t.Context(), desktest.Developer, desktest.Booking, "own", 0); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

// TestNoSecret: no answer but a token and a credential holds a secret, and no log
// line and no event does.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	d, ctx := s.Desk, t.Context()
	canaries := s.Secrets()
	if len(canaries) < 6 {
		t.Fatalf("only %d secrets stand", len(canaries))
	}
	var said strings.Builder
	tell := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		said.Write(text)
		fmt.Fprintf(&said, "%v %+v %#v\n", v, v, v)
	}
	token, err := d.Token(ctx, desktest.Admin, desktest.Booking, "own")
	canaries = append(canaries, token.Access.Reveal())
	tell(token, err)
	credential, err := d.Reveal(ctx, desktest.Admin, desktest.Booking, "own", 0)
	tell(credential, err)
	overview, err := d.Overview(ctx, desktest.Admin, desk.Query{})
	tell(overview, err)
	detail, err := d.Detail(ctx, desktest.Admin, desktest.Booking)
	tell(detail, err)
	s.World.Remove(resource.ID{Kind: resource.KindClient, Binding: desktest.Booking, Name: "test"})
	pending, err := d.Pending(ctx, desktest.Admin, desktest.Booking)
	tell(pending, err)
	answer, err := d.Try(ctx, desktest.Admin, desktest.Booking, desk.Request{Path: "/", Client: "own"})
	tell(answer, err)
	said.Write(answer.Body)
	proof, err := d.Prove(ctx, desktest.Admin, desktest.Booking)
	if err != nil {
		said.WriteString(err.Error())
	} else {
		tell(proof, nil)
	}
	past, err := d.Past(ctx, desktest.Admin, desktest.Booking, 100)
	tell(past, err)
	audit, err := d.Audit(ctx, desktest.Admin, inventory.EventFilter{})
	tell(audit, err)
	runs, err := d.Runs(ctx, desktest.Admin, inventory.RunFilter{})
	tell(runs, err)
	said.WriteString(s.Logs.String())
	for i, c := range canaries {
		if strings.Contains(said.String(), c) {
			t.Errorf("secret %d of %d is in an answer, an event or a log", i, len(canaries))
		}
	}
}
