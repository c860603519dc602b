package openbao_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/fixtures/faulty"
	sim "github.com/gatewright/gatewright/fixtures/openbao"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// observe asks for one credential and insists on an answer.
func (b *bench) observe(tg *openbao.Target, n int) resource.Observed {
	b.t.Helper()
	got, err := tg.Observe(b.t.Context(), []resource.Resource{{ID: id(n), State: b.state(n, "a")}})
	if err != nil {
		b.t.Fatal(err)
	}
	if got[0].Err != nil {
		b.t.Fatal(got[0].Err)
	}
	return got[0]
}

// step is the step that a plan would hold for an observation.
func (b *bench) step(o resource.Observed, n int, fresh bool) plan.Step {
	after := b.state(n, "a")
	s := plan.Step{ID: id(n), Action: plan.Create, After: &after, NewSecret: true}
	if o.Found {
		s.Action, s.Before, s.Version, s.NewSecret = plan.Update, &o.State, o.Version, fresh
	}
	return s
}

func (b *bench) apply(tg *openbao.Target, s plan.Step, in target.Input) target.Outcome {
	b.t.Helper()
	out, err := tg.Apply(b.t.Context(), s, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// created makes the n-th credential and returns its outcome.
func (b *bench) created(tg *openbao.Target, n int) target.Outcome {
	b.t.Helper()
	return b.apply(tg, b.step(b.observe(tg, n), n, true), target.Input{})
}

func digest(s resource.Secret) string {
	return s.Digest(id(0).Binding.ClientID(resource.ClientOwn))
}

// TestSecretsSurvive: whatever people do to an entry, the secret that the client
// holds comes back as long as some version has it.
func TestSecretsSurvive(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		meddle []string // METHOD API BODY
		kept   bool
		reason string
	}{
		"overwritten":             {[]string{`PATCH data {"data":{"client_secret":"mine"}}`}, true, "the version before has it"},
		"overwritten twice":       {[]string{`PATCH data {"data":{"client_secret":"x"}}`, `PATCH data {"data":{"client_secret":"y"}}`}, true, "two versions before"},
		"deleted":                 {[]string{`DELETE data`}, true, "a deleted version can be restored"},
		"overwritten and deleted": {[]string{`PATCH data {"data":{"client_secret":"x"}}`, `DELETE data`}, true, "the first version was never deleted"},
		"all versions deleted":    {[]string{`PATCH data {"data":{"client_secret":"x"}}`, `PUT delete {"versions":[1,2]}`}, true, "both are restored to look at them"},
		"secret removed":          {[]string{`PATCH data {"data":{"client_secret":null}}`}, true, "the version before has it"},
		"secret of another type":  {[]string{`PATCH data {"data":{"client_secret":7}}`}, true, "a number is no secret"},
		"emptied":                 {[]string{`PUT data {"data":{}}`}, true, "the version before has it"},
		"destroyed":               {[]string{`PUT destroy {"versions":[1]}`}, false, "nothing is left of it"},
		"overwritten, destroyed":  {[]string{`PATCH data {"data":{"client_secret":"x"}}`, `PUT destroy {"versions":[1]}`}, false, "nothing is left of it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tg := b.target(b.config())
			first := b.created(tg, 0)
			for _, m := range tt.meddle {
				var method, api, body string
				_, _ = fmt.Sscanf(m, "%s %s", &method, &api)
				if rest := len(method) + len(api) + 2; len(m) > rest {
					body = m[rest:]
				}
				b.must(method, b.mount+"/"+api+"/"+key(0), body)
			}
			o := b.observe(tg, 0)
			if !o.Found || o.Owner != resource.OwnerUs || o.State.Credential.SecretDigest == digest(first.Secret) {
				t.Fatalf("after meddling: found %v, owner %q, same secret %v", o.Found, o.Owner, o.State.Credential.SecretDigest == digest(first.Secret))
			}
			out := b.apply(tg, b.step(o, 0, true), target.Input{PeerDigest: digest(first.Secret)})
			if kept := out.Secret == first.Secret; kept != tt.kept || out.Secret.IsZero() {
				t.Errorf("secret kept: got %v, want %v: %s", kept, tt.kept, tt.reason)
			}
			o = b.observe(tg, 0)
			c := o.State.Credential
			if c.ClientSecret != out.Secret || c.SecretDigest != c.MarkDigest || o.Version != out.Version {
				t.Errorf("what stands is not what was reported: version %q, reported %q", o.Version, out.Version)
			}
			if out = b.apply(tg, b.step(o, 0, false), target.Input{PeerDigest: digest(first.Secret)}); out.Writes != 0 {
				t.Errorf("a second pass made %d writes", out.Writes)
			}
		})
	}
}

// TestFreshSecretOnRequest: where both sides agree and a new secret is asked
// for all the same, that is a rotation; it happens once however often the step
// is applied.
func TestFreshSecretOnRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tg := b.target(b.config())
	first := b.created(tg, 0)
	s := b.step(b.observe(tg, 0), 0, true)
	in := target.Input{PeerDigest: digest(first.Secret)}
	second := b.apply(tg, s, in)
	if second.Secret == first.Secret || second.Secret.IsZero() {
		t.Error("no fresh secret")
	}
	if again := b.apply(tg, s, in); again.Secret != second.Secret || again.Writes != 0 {
		t.Errorf("applied again: another secret or %d writes", again.Writes)
	}
}

// TestUpdateKeepsTheRest: an update corrects our fields alone, and leaves
// fields, custom metadata and numbers of others as they are.
func TestUpdateKeepsTheRest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tg := b.target(b.config())
	first := b.created(tg, 0)
	b.must("PATCH", b.mount+"/data/"+key(0), `{"data":{"issuer":"x","note":"by hand","n":123456789012345,"deep":{"a":[1,null]}}}`)
	b.must("PATCH", b.mount+"/metadata/"+key(0), `{"custom_metadata":{"team":"blue"}}`)
	out := b.apply(tg, b.step(b.observe(tg, 0), 0, false), target.Input{})
	if out.Secret != first.Secret || out.Writes != 1 {
		t.Errorf("same secret: %v, writes: %d", out.Secret == first.Secret, out.Writes)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/v1/"+b.mount+"/data/"+key(0), nil)
	req.Header.Set("X-Vault-Token", b.root)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var in struct {
		Data struct {
			Data     map[string]json.RawMessage `json:"data"`
			Metadata struct {
				Custom map[string]string `json:"custom_metadata"`
			} `json:"metadata"`
		} `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&in); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"issuer": `"https://idp.test/a"`, "note": `"by hand"`, "n": `123456789012345`, "deep": `{"a":[1,null]}`,
	} {
		if got := string(in.Data.Data[field]); got != want {
			t.Errorf("%s: want %s, got %s", field, want, got)
		}
	}
	if in.Data.Metadata.Custom["team"] != "blue" {
		t.Errorf("custom metadata of others is gone: %v", in.Data.Metadata.Custom)
	}
}

// TestCrashAfterTheMark: a marked entry without data is completed; a pass that
// no longer wants it removes it.
func TestCrashAfterTheMark(t *testing.T) {
	t.Parallel()
	for _, wanted := range []bool{true, false} {
		b := newBench(t)
		tg := b.target(b.config())
		b.must("POST", b.mount+"/metadata/"+key(0), `{"custom_metadata":{"managed_by":"gatewright","installation":"test",`+
			`"binding":"acme/travel/a0@production","client":"own","digest":"abc"}}`)
		o := b.observe(tg, 0)
		if !o.Found || o.Owner != resource.OwnerUs || o.State.Credential.SecretDigest != "" {
			t.Fatalf("a marked entry without data: found %v, owner %q, digest %q", o.Found, o.Owner, o.State.Credential.SecretDigest)
		}
		s := b.step(o, 0, true)
		if !wanted {
			s = plan.Step{ID: id(0), Action: plan.Delete, Before: &o.State, Version: o.Version}
		}
		out := b.apply(tg, s, target.Input{})
		if now := b.observe(tg, 0); now.Found != wanted || wanted && now.State.Credential.ClientSecret != out.Secret {
			t.Errorf("wanted %v: found %v", wanted, now.Found)
		}
		// The step that saw nothing is as good as the one that saw the mark.
		if wanted {
			if again := b.apply(tg, b.step(resource.Observed{}, 0, true), target.Input{}); again.Secret != out.Secret || again.Writes != 0 {
				t.Errorf("creating again: another secret or %d writes", again.Writes)
			}
		}
	}
}

// TestSecondLife: an entry that was purged and made again begins with version 1
// as the first did; a step that saw the first life must not touch the second.
func TestSecondLife(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tg := b.target(b.config())
	b.created(tg, 0)
	s := b.step(b.observe(tg, 0), 0, true)
	b.must("DELETE", b.mount+"/metadata/"+key(0), "")
	other := b.target(b.config())
	b.created(other, 0)
	before := b.observe(other, 0)
	if _, err := other.Apply(t.Context(), s, target.Input{}); fault.ClassOf(err) != fault.Transient {
		t.Errorf("a step of the first life: want %s, got %v", fault.Transient, err)
	}
	if now := b.observe(other, 0); now.Version != before.Version {
		t.Errorf("the second life was changed: %s is now %s", before.Version, now.Version)
	}
}

// TestMarkOnForeignData: somebody writes data between our look and our mark. The
// mark must not make it ours.
func TestMarkOnForeignData(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	s := b.step(b.observe(tg, 0), 0, true)
	// The write of data lags; meanwhile somebody else's arrives.
	b.arm(faulty.Fault{Method: http.MethodPut, Route: "/v1/kv/metadata/{path}", Nth: 1, Action: faulty.Delay, Delay: faulty.Duration(300 * time.Millisecond)})
	done := make(chan error, 1)
	go func() {
		_, err := tg.Apply(t.Context(), s, target.Input{})
		done <- err
	}()
	for b.server.Faults().Counts().Struck == 0 {
		<-time.After(time.Millisecond)
	}
	b.must("PUT", "kv/data/"+key(0), `{"data":{"client_secret":"theirs"}}`)
	if err := <-done; fault.ClassOf(err) != fault.Conflict {
		t.Errorf("want a %s, got %v", fault.Conflict, err)
	}
	if o := b.observe(tg, 0); o.Owner != resource.OwnerOther || o.State.Credential.ClientSecret.Reveal() != "theirs" {
		t.Errorf("owner %q of what somebody else wrote", o.Owner)
	}
}

// TestStaleReads: a standby answers with the state before our write. The secret
// is not replaced, and absence is not believed.
func TestStaleReads(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	b.observe(tg, 1)
	b.server.SetMode(sim.Mode{Standby: true, StaleFor: faulty.Duration(150 * time.Millisecond)})
	first := b.created(tg, 0)
	if o := b.observe(tg, 0); !o.Found || o.State.Credential.ClientSecret != first.Secret {
		t.Error("a short lag is not waited for")
	}
	b.server.SetMode(sim.Mode{Standby: true, StaleFor: faulty.Duration(time.Hour)})
	got, err := tg.Observe(t.Context(), []resource.Resource{{ID: id(0)}})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Err == nil || fault.ClassOf(got[0].Err) != fault.Transient {
		t.Errorf("a state from before our write: want a %s error, got found %v", fault.Transient, got[0].Found)
	}
	// The active node is believed: somebody purged the entry.
	b.server.SetMode(sim.Mode{})
	b.must("DELETE", "kv/metadata/"+key(0), "")
	if o := b.observe(tg, 0); o.Found {
		t.Error("the active node says that it is gone, and is not believed")
	}
}

// TestOneSecretHoweverOftenAnswersAreLost: half of all answers are lost, and
// still one secret comes to stand.
func TestOneSecretHoweverOftenAnswersAreLost(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	b.observe(tg, 0)
	b.arm(faulty.Fault{Class: faulty.Write, Probability: 0.5, Action: faulty.Reset, When: faulty.After})
	var out target.Outcome
	for range 20 {
		o := b.observe(tg, 0)
		if o.Found && o.State.Credential.SecretDigest != "" {
			out.Secret = o.State.Credential.ClientSecret
			break
		}
		_, err := tg.Apply(context.WithoutCancel(t.Context()), b.step(o, 0, true), target.Input{})
		if err != nil && fault.ClassOf(err) != fault.Unknown {
			t.Fatal(err)
		}
	}
	if out.Secret.IsZero() {
		t.Fatal("nothing stands after 20 passes")
	}
	data := b.must("GET", "kv/metadata/"+key(0), "")["data"].(map[string]any)
	if data["current_version"] != 1.0 {
		t.Errorf("want one version, got %v", data["current_version"])
	}
}
