package openbao_test

import (
	"testing"
	"time"

	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/reconciler/clientkey"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

const overlap = 3600

// rotation is the step that lets a credential name the client's other
// application, with a secret.
func (b *bench) rotation(o resource.Observed, to string) (plan.Step, target.Input) {
	s := b.step(o, 0, true)
	after := *s.After.Credential
	after.ClientID = id(0).Binding.ClientID(to)
	s.After = &resource.State{Credential: &after}
	s.Rotates, s.Overlap = true, overlap
	return s, target.Input{Secret: resource.GenerateSecret(), At: time.Now()}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tg := b.target(b.config())
	first := b.created(tg, 0)
	if c := b.observe(tg, 0).State.Credential; c.Application != "own" || c.Since.IsZero() || !c.Until.IsZero() {
		t.Fatalf("before: application %q, since %v, until %v", c.Application, c.Since, c.Until)
	}
	for _, to := range []string{"own_b", "own"} {
		s, in := b.rotation(b.observe(tg, 0), to)
		out := b.apply(tg, s, in)
		if out.Secret != in.Secret || out.Writes != 2 {
			t.Errorf("to %s: the given secret stands %t, %d writes", to, out.Secret == in.Secret, out.Writes)
		}
		o := b.observe(tg, 0)
		c := o.State.Credential
		if c.Application != to || c.ClientID != id(0).Binding.ClientID(to) || c.SecretDigest != in.Secret.Digest(c.ClientID) || c.MarkDigest != c.SecretDigest {
			t.Errorf("to %s: got application %q, client id %q", to, c.Application, c.ClientID)
		}
		if !c.Since.Equal(in.At) || !c.Until.Equal(in.At.Add(overlap*time.Second)) || o.Version != out.Version {
			t.Errorf("to %s: since %v, until %v, want those of %v", to, c.Since, c.Until, in.At)
		}
		if again := b.apply(tg, s, in); again.Secret != in.Secret || again.Writes != 0 {
			t.Errorf("to %s, applied again: another secret or %d writes", to, again.Writes)
		}
	}
	if first.Secret == b.observe(tg, 0).State.Credential.ClientSecret {
		t.Error("the first secret stands again")
	}
}

// TestApplicationOfACredential: what people change of an entry does not make
// its secret one of the client's other application.
func TestApplicationOfACredential(t *testing.T) {
	t.Parallel()
	first, other := id(0).Binding.ClientID("own"), id(0).Binding.ClientID("own_b")
	tests := map[string]struct {
		rotated      bool
		method, body string
		api          string
		want         string
		mine         bool // the secret is the one that we wrote
	}{
		"client id changed to the other":        {false, "PATCH", `{"data":{"client_id":"` + other + `"}}`, "data", "own", true},
		"client id changed back":                {true, "PATCH", `{"data":{"client_id":"` + first + `"}}`, "data", "own_b", true},
		"client id changed to nonsense":         {true, "PATCH", `{"data":{"client_id":"x"}}`, "data", "own_b", true},
		"secret changed":                        {true, "PATCH", `{"data":{"client_secret":"x"}}`, "data", "own_b", false},
		"deleted":                               {true, "DELETE", "", "data", "own_b", false},
		"marked for the other before the data":  {false, "PATCH", `{"custom_metadata":{"application":"own_b","digest":"d"}}`, "metadata", "own", false},
		"restored from before, with that mark":  {true, "PATCH", `{"custom_metadata":{"application":null,"digest":"d"}}`, "metadata", "own_b", false},
		"marked for an application that is not": {false, "PATCH", `{"custom_metadata":{"application":"y"}}`, "metadata", "own", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tg := b.target(b.config())
			b.created(tg, 0)
			if tt.rotated {
				s, in := b.rotation(b.observe(tg, 0), "own_b")
				b.apply(tg, s, in)
			}
			b.must(tt.method, b.mount+"/"+tt.api+"/"+key(0), tt.body)
			c := b.observe(tg, 0).State.Credential
			mine := c.SecretDigest != "" && c.SecretDigest == c.MarkDigest
			if c.Application != tt.want || mine != tt.mine {
				t.Errorf("got application %q, the secret we wrote: %t; want %q, %t", c.Application, mine, tt.want, tt.mine)
			}
		})
	}
}

// TestRotationWithLostAnswers loses the answer to each write of a rotation,
// before and after its effect. Applied again it ends with the same secret.
func TestRotationWithLostAnswers(t *testing.T) {
	t.Parallel()
	for nth := 1; nth <= 2; nth++ {
		for _, when := range []faulty.When{faulty.Before, faulty.After} {
			b := newSimBench(t)
			tg := b.target(b.config())
			b.created(tg, 0)
			s, in := b.rotation(b.observe(tg, 0), "own_b")
			b.arm(faulty.Fault{Class: faulty.Write, Nth: nth, Action: faulty.Reset, When: when})
			out, err := tg.Apply(t.Context(), s, in)
			if err != nil {
				s.Version = b.observe(tg, 0).Version
				out = b.apply(tg, s, in)
			}
			now := b.observe(tg, 0).State.Credential
			if out.Secret != in.Secret || now.ClientSecret != in.Secret || now.Application != "own_b" || now.MarkDigest != now.SecretDigest {
				t.Errorf("write %d, %s: the given secret stands %t for %q", nth, when, now.ClientSecret == in.Secret, now.Application)
			}
		}
	}
}

// TestPrivateKey: the credential of a client that authenticates with a key holds
// that key and its id, and no client_secret, until it is one with a secret again.
func TestPrivateKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tg := b.target(b.config())
	with := func(o resource.Observed, method schema.AuthMethod) target.Outcome {
		s := b.step(o, 0, true)
		after := *s.After.Credential
		after.AuthMethod = method
		s.After = &resource.State{Credential: &after}
		return b.apply(tg, s, target.Input{At: time.Now()})
	}
	first := with(b.observe(tg, 0), schema.AuthPrivateKey)
	o := b.observe(tg, 0)
	id, err := clientkey.ID(o.State.Credential.ClientSecret)
	if err != nil || o.State.Credential.AuthMethod != schema.AuthPrivateKey || o.State.Credential.ClientSecret != first.Secret {
		t.Fatalf("it holds no key: %v", err)
	}
	_, answer := b.ask("GET", b.mount+"/data/"+key(0), "")
	fields := answer["data"].(map[string]any)["data"].(map[string]any)
	if _, has := fields["client_secret"]; has || fields["key_id"] != id || fields["token_endpoint_auth_method"] != "private_key_jwt" {
		t.Errorf("beside the key it holds a client_secret %t, key id %v, method %v", has, fields["key_id"], fields["token_endpoint_auth_method"])
	}
	again := with(o, schema.AuthPrivateKey)
	if again.Secret == first.Secret {
		t.Error("no other key when a fresh one is asked for")
	}
	with(b.observe(tg, 0), schema.AuthSecretBasic)
	_, answer = b.ask("GET", b.mount+"/data/"+key(0), "")
	fields = answer["data"].(map[string]any)["data"].(map[string]any)
	for _, left := range []string{"private_key", "key_id", "token_endpoint_auth_method"} {
		if _, has := fields[left]; has {
			t.Errorf("%s is left", left)
		}
	}
	if c := b.observe(tg, 0).State.Credential; c.AuthMethod != schema.AuthSecretBasic || c.SecretDigest != c.MarkDigest || c.SecretDigest == "" {
		t.Errorf("it is no credential with a secret again: %+v", c)
	}
}

// TestAgeOfARestoredSecret: a secret that is brought back does not pass for a
// young one. A rotation that somebody has asked for meanwhile, since it leaked,
// would else count as carried out.
func TestAgeOfARestoredSecret(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tg := b.target(b.config())
	at := func(o resource.Observed, peer string) resource.Secret {
		return b.apply(tg, b.step(o, 0, true), target.Input{At: time.Now(), PeerDigest: peer}).Secret
	}
	first := at(b.observe(tg, 0), "")
	asked := time.Now()
	at(b.observe(tg, 0), "")
	if c := b.observe(tg, 0).State.Credential; c.Since.Before(asked) {
		t.Errorf("a fresh secret is of %v, before %v", c.Since, asked)
	}
	if got := at(b.observe(tg, 0), digest(first)); got != first {
		t.Fatal("the first secret is not restored")
	}
	if c := b.observe(tg, 0).State.Credential; !c.Since.Before(asked) || c.SecretDigest != c.MarkDigest {
		t.Errorf("the restored secret is of %v, want it older than %v", c.Since, asked)
	}
}
