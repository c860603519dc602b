package apply_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

const (
	every   = 30 * 24 * time.Hour
	overlap = 24 * time.Hour
)

// rotating is set with a rotation of each client.
func rotating(t *testing.T, clients ...string) desired.Set {
	t.Helper()
	s := set(t, clients...)
	for i := range s.Bindings {
		s.Bindings[i].Rotations = map[string]schema.Rotation{}
		for _, c := range append([]string{resource.ClientOwn}, clients...) {
			s.Bindings[i].Rotations[c] = schema.Rotation{Every: schema.Seconds(every / time.Second), Overlap: schema.Seconds(overlap / time.Second)}
		}
	}
	return s
}

var stored = resource.ID{Kind: resource.KindCredential, Binding: booking, Name: resource.ClientOwn}

// credential is what a consumer finds in the store.
func (s *scene) credential() resource.Credential { return *s.Look(stored).State.Credential }

// works reports whether a credential gets a token.
func (s *scene) works(c resource.Credential) bool {
	_, _, err := s.Credential(nil, c) //nolint:staticcheck // it needs none
	return err == nil
}

func application(name string) resource.ID {
	return resource.ID{Kind: resource.KindClient, Binding: booking, Name: name}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	s, want := newScene(), rotating(t)
	s.converge(t, want)
	first := s.credential()
	s.now = s.now.Add(every - time.Second)
	if p, _ := s.pass(t.Context(), want); !p.Empty() {
		t.Fatalf("it rotates before it is due: %v", p.Steps)
	}
	for turn, serving := range []string{"own_b", "own", "own_b"} {
		s.now = s.now.Add(every)
		before := s.credential()
		if p, r := s.pass(t.Context(), want); r.Err != nil || !r.Rotated || p.Counts().Create != 1 || p.Counts().Update != 1 {
			t.Fatalf("turn %d: got %v, %v", turn, p.Counts(), r.Err)
		}
		after := s.credential()
		if after.ClientID != booking.ClientID(serving) || after.Application != serving {
			t.Errorf("turn %d: the credential names %s, want that of %s", turn, after.ClientID, serving)
		}
		if !s.works(before) || !s.works(after) {
			t.Errorf("turn %d: in the overlap the old one works %t, the new one %t, want both", turn, s.works(before), s.works(after))
		}
		s.now = s.now.Add(overlap - time.Second)
		if p, _ := s.pass(t.Context(), want); !p.Empty() {
			t.Errorf("turn %d: within the overlap: %v", turn, p.Counts())
		}
		s.now = s.now.Add(time.Second)
		if p, r := s.pass(t.Context(), want); r.Err != nil || p.Counts().Delete != 1 {
			t.Errorf("turn %d: after the overlap: %v, %v", turn, p.Counts(), r.Err)
		}
		if s.works(before) || !s.works(after) {
			t.Errorf("turn %d: after the overlap the old one works %t, the new one %t", turn, s.works(before), s.works(after))
		}
	}
	if s.works(first) {
		t.Error("the first secret works again")
	}
	s.converge(t, desired.Set{})
	if n := len(s.Things); n != 2 { // the key manager and the locked endpoint
		t.Errorf("%d things stand when all is pruned: %v", n, s.ids())
	}
}

func TestRotationThatIsAskedFor(t *testing.T) {
	t.Parallel()
	s, want := newScene(), set(t)
	s.converge(t, want)
	before := s.credential()
	s.now = s.now.Add(time.Minute)
	minute := schema.Seconds(60)
	ask := plan.Rotation{Overlap: &minute, At: s.now, Reason: "it leaked"}
	s.asked = map[resource.ID]plan.Rotation{stored: ask}
	s.converge(t, want)
	between := s.credential()
	if between.ClientSecret == before.ClientSecret || !s.works(before) || !s.works(between) {
		t.Fatal("it was not rotated with an overlap")
	}
	s.now = s.now.Add(time.Second)
	ask.At = s.now
	s.asked[stored] = ask
	if p, _ := s.pass(t.Context(), want); !p.Empty() {
		t.Errorf("it cuts an overlap that nobody asked to cut: %v", p.Counts())
	}
	ask.Cut = true
	s.asked[stored] = ask
	s.converge(t, want)
	if s.works(before) || !s.works(between) || !s.works(s.credential()) {
		t.Errorf("cut: the first works %t, the second %t, the third %t; want the last two",
			s.works(before), s.works(between), s.works(s.credential()))
	}
}

func TestRotationThatCannotBeProvedIsRolledBack(t *testing.T) {
	t.Parallel()
	s, want := newScene(), rotating(t)
	s.converge(t, want)
	before, things := s.credential(), fmt.Sprint(s.ids())
	s.now = s.now.Add(every)
	s.refuse[booking.ClientID("own_b")] = fault.New(fault.Stalled, "ProofFailed", "audience: want a, got b")
	for range 3 {
		_, r := s.pass(t.Context(), want)
		if fault.ClassOf(r.Err) != fault.Stalled || r.Rotated || !r.Settled[0].RolledBack {
			t.Fatalf("got %+v, want a failure that is rolled back", r)
		}
		if s.credential() != before || fmt.Sprint(s.ids()) != things || !s.works(before) {
			t.Fatalf("it left something: %v", s.ids())
		}
	}
	delete(s.refuse, booking.ClientID("own_b"))
	s.converge(t, want)
	if after := s.credential(); after.Application != "own_b" || !s.works(after) {
		t.Errorf("it does not rotate once it can: %v", after.Application)
	}
}

// TestRotationWaits shows what a rotation does not touch.
func TestRotationWaits(t *testing.T) {
	t.Parallel()
	s, want := newScene(), rotating(t)
	s.converge(t, want)
	before := s.credential()
	s.now = s.now.Add(every)
	theirs := application("own_b")
	s.Things[theirs] = s.Look(application("own"))
	s.Things[theirs].Owner = resource.OwnerOther
	p, _ := s.pass(t.Context(), want)
	if p.Counts().Effects() != 0 || p.Counts().Skip != 2 || p.Steps[1].Class != fault.Conflict {
		t.Errorf("got %+v, want it to wait for an application of somebody else's", p.Steps)
	}
	if s.credential() != before {
		t.Error("the credential was changed")
	}
}

// TestRotationCrashes ends a rotation before and after each of its effects, and
// the deletion after its overlap, and goes on as a new process would. At each
// point the stored credential works, and so does the one before.
func TestRotationCrashes(t *testing.T) {
	t.Parallel()
	want := rotating(t, "mobile")
	for n := range 4 {
		for _, after := range []bool{false, true} {
			s := newScene()
			s.converge(t, want)
			before := s.credential()
			s.now = s.now.Add(every)
			s.crash(t, want, n, after)
			if !s.works(before) || !s.works(s.credential()) {
				t.Errorf("crash at %d, after %t: the old one works %t, the stored one %t", n, after, s.works(before), s.works(s.credential()))
			}
			s.converge(t, want)
			now := s.credential()
			if now.Application != "own_b" || !s.works(before) || !s.works(now) {
				t.Errorf("crash at %d, after %t: it does not end rotated: %v", n, after, s.ids())
			}
			s.now = s.now.Add(overlap)
			s.crash(t, want, n%2, after)
			s.converge(t, want)
			if s.works(before) || !s.works(now) || s.Look(application("own")) != nil || s.Look(application("mobile")) != nil {
				t.Errorf("crash at %d, after %t: what was replaced stands: %v", n, after, s.ids())
			}
		}
	}
}

// TestAnotherWayToAuthenticate: a client whose way to authenticate changes is
// rotated, so that what knows the old credential goes on working meanwhile.
func TestAnotherWayToAuthenticate(t *testing.T) {
	t.Parallel()
	s, want := newScene(), set(t, "mobile")
	s.converge(t, want)
	id := resource.ID{Kind: resource.KindCredential, Binding: booking, Name: "mobile"}
	before := *s.Look(id).State.Credential
	for i := range want.Bindings {
		for _, r := range want.Bindings[i].Resources {
			if r.ID.Name != "mobile" {
				continue
			}
			if r.State.Client != nil {
				r.State.Client.AuthMethod = schema.AuthPrivateKey
			} else {
				r.State.Credential.AuthMethod = schema.AuthPrivateKey
			}
		}
	}
	p, r := s.pass(t.Context(), want)
	if r.Err != nil || p.Counts().Create != 1 || p.Counts().Update != 1 {
		t.Fatalf("got %v, %v, want a rotation", p.Counts(), r.Err)
	}
	after := *s.Look(id).State.Credential
	if after.AuthMethod != schema.AuthPrivateKey || after.Application != "mobile_b" || !strings.HasPrefix(after.ClientSecret.Reveal(), "-----BEGIN PRIVATE KEY-----") {
		t.Errorf("the credential is that of %s, which authenticates by %s", after.Application, after.AuthMethod)
	}
	if !s.works(before) || !s.works(after) {
		t.Errorf("in the overlap the old one works %t, the new one %t", s.works(before), s.works(after))
	}
	if p, _ := s.pass(t.Context(), want); !p.Empty() {
		t.Errorf("it goes on: %v", p.Counts())
	}
	s.now = s.now.Add(24 * time.Hour)
	s.converge(t, want)
	if s.works(before) || !s.works(after) {
		t.Errorf("after the overlap the old one works %t, the new one %t", s.works(before), s.works(after))
	}
}

// TestRotationThatIsAskedForOfAnOverwrittenSecret: the secret is restored first,
// and that does not count as the rotation.
func TestRotationThatIsAskedForOfAnOverwrittenSecret(t *testing.T) {
	t.Parallel()
	s, want := newScene(), set(t)
	s.converge(t, want)
	leaked := s.credential()
	s.now = s.now.Add(time.Minute)
	s.asked = map[resource.ID]plan.Rotation{stored: {At: s.now, Reason: "it leaked"}}
	s.Overwrite(stored, resource.NewSecret("a stranger's"))
	for range 3 {
		s.now = s.now.Add(time.Second)
		s.pass(t.Context(), want)
	}
	if now := s.credential(); now.ClientSecret == leaked.ClientSecret || now.Application != "own_b" || !s.works(now) {
		t.Errorf("the leaked secret stands: %t; the credential is that of %s", now.ClientSecret == leaked.ClientSecret, now.Application)
	}
}
