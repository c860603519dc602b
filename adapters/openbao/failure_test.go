package openbao_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/fixtures/faulty"
	sim "github.com/gatewright/gatewright/fixtures/openbao"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// canary stands in answers of servers; no error may repeat it.
const canary = "s.canary-0123456789-canary"

// observed is the error of an observation of one credential, wherever it stands.
func observed(t *testing.T, tg *openbao.Target, b *bench) (resource.Observed, *fault.Error) {
	t.Helper()
	got, err := tg.Observe(t.Context(), []resource.Resource{{ID: id(0), State: b.state(0, "a")}})
	var o resource.Observed
	if err == nil {
		o = got[0]
		err = o.Err
	}
	if err == nil {
		return o, nil
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("no run error: %v", err)
	}
	return o, f
}

// TestFailures is the table of the README.
func TestFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config      func(b *bench, c *openbao.Config)
		prepare     func(b *bench)
		class       fault.Class
		reason      string
		says        string
		unreachable bool
		real        bool // also on a real server
	}{
		"sealed": {
			prepare: func(b *bench) { b.server.SetMode(sim.Mode{Sealed: true}) },
			class:   fault.Waiting, reason: "Sealed", says: "sealed", unreachable: true,
		},
		"not initialized": {
			prepare: func(b *bench) { b.server.SetMode(sim.Mode{Uninitialized: true}) },
			class:   fault.Waiting, reason: "NotInitialized", says: "not initialized", unreachable: true,
		},
		"mount in the making": {
			prepare: func(b *bench) { b.server.SetMode(sim.Mode{Upgrading: true}) },
			class:   fault.Waiting, reason: "MountUpgrading", says: "version 2",
		},
		"no active node": {
			prepare: func(b *bench) {
				b.arm(faulty.Fault{Action: faulty.Answer, Body: `{"errors":["local node not active but active cluster node not found"]}`})
			},
			class: fault.Waiting, reason: "NoActiveNode", says: "no active node", unreachable: true,
		},
		"dead token": {
			config: func(_ *bench, c *openbao.Config) {
				c.Auth = openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(canary)}}
			},
			class: fault.Stalled, reason: "TokenDead", says: "expired, revoked or unknown", real: true,
		},
		"policy without read": {
			config: func(b *bench, c *openbao.Config) {
				text := fmt.Sprintf(`path "%s/metadata/agents/*" { capabilities = ["read", "list"] }`, b.mount)
				c.Auth = openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(b.token(text, "1h"))}}
			},
			class: fault.Stalled, reason: "PermissionDenied", says: `"read" on`, real: true,
		},
		"policy for nothing": {
			config: func(b *bench, c *openbao.Config) {
				c.Auth = openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(b.token(`path "x" { capabilities = ["read"] }`, "1h"))}}
			},
			class: fault.Stalled, reason: "MountUnavailable", says: "no engine", real: true,
		},
		"no such mount": {
			config: func(b *bench, c *openbao.Config) {
				c.Mount = "nomount"
				c.Auth = openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(b.root)}}
			},
			class: fault.Stalled, reason: "MountUnavailable", says: "nomount/", real: true,
		},
		"KV version 1": {
			config: func(b *bench, c *openbao.Config) {
				c.Mount = b.mount + "-one"
				b.must("POST", "sys/mounts/"+c.Mount, `{"type":"kv"}`)
				b.later("DELETE", "sys/mounts/"+c.Mount)
				c.Auth = openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(b.root)}}
			},
			class: fault.Stalled, reason: "WrongEngine", says: "version 1", real: true,
		},
		"no such namespace": {
			config: func(_ *bench, c *openbao.Config) { c.Namespace = "nowhere" },
			class:  fault.Stalled, reason: "NoNamespace", says: `"nowhere"`, real: true,
		},
		"no such login method": {
			config: func(_ *bench, c *openbao.Config) {
				c.Auth = openbao.Auth{AppRole: &openbao.AppRole{RoleID: "x", SecretID: resource.NewSecret(canary)}}
			},
			class: fault.Stalled, reason: "LoginRefused", says: "auth/approle/login", real: true,
		},
		"rate quota": {
			prepare: func(b *bench) { b.must("PUT", "sys/quotas/rate-limit/q", `{"rate":1,"interval":"1h","path":"kv"}`) },
			class:   fault.Transient, reason: "RateLimited", says: "quota",
		},
		"unreachable": {
			config: func(b *bench, c *openbao.Config) {
				l, err := (&net.ListenConfig{}).Listen(b.t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					b.t.Fatal(err)
				}
				c.Address = "http://" + l.Addr().String()
				_ = l.Close()
			},
			class: fault.Transient, reason: "Unreachable", says: "connection refused", unreachable: true,
		},
		"hanging": {
			config:  func(_ *bench, c *openbao.Config) { c.Timeout = 100 * time.Millisecond },
			prepare: func(b *bench) { b.arm(faulty.Fault{Action: faulty.Hang}) },
			class:   fault.Transient, reason: "Timeout", says: "in time", unreachable: true,
		},
		"login page": {
			prepare: func(b *bench) {
				b.arm(faulty.Fault{Action: faulty.Answer, Status: 200, Body: "<html>" + canary + "</html>"})
			},
			class: fault.Transient, reason: "NotOpenBAO", says: "OpenBAO's", unreachable: true,
		},
		"bad gateway": {
			prepare: func(b *bench) {
				b.arm(faulty.Fault{Action: faulty.Answer, Status: 502, Body: canary})
			},
			class: fault.Transient, reason: "NotOpenBAO", says: "502", unreachable: true,
		},
		"server error": {
			prepare: func(b *bench) {
				b.arm(faulty.Fault{Route: "/v1/kv/data/{path}", Action: faulty.Answer, Status: 500, Body: `{"errors":["` + canary + `"]}`})
			},
			class: fault.Transient, reason: "ServerError", says: "500",
		},
		"cut short": {
			prepare: func(b *bench) { b.arm(faulty.Fault{Route: "/v1/kv/data/{path}", Action: faulty.Truncate, Bytes: 5}) },
			class:   fault.Transient, reason: "Unreachable", says: "whole answer", unreachable: true,
		},
		"JSON that is not ours": {
			prepare: func(b *bench) {
				b.arm(faulty.Fault{Route: "/v1/kv/data/{path}", Action: faulty.Answer, Status: 404, Body: `{"message":"` + canary + `"}`})
			},
			class: fault.Transient, reason: "NotOpenBAO", unreachable: true,
		},
		"404 of a mount that went away": {
			prepare: func(b *bench) {
				b.arm(faulty.Fault{
					Route: "/v1/kv/data/{path}", Action: faulty.Answer, Status: 404,
					Body: `{"errors":["no handler for route \"kv/data/x\". route entry not found."]}`,
				})
			},
			class: fault.Stalled, reason: "WrongMount", says: "no engine",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh := newSimBench
			if tt.real {
				fresh = newBench
			}
			bench := fresh(t)
			c := bench.config()
			if tt.config != nil {
				tt.config(bench, &c)
			}
			if tt.prepare != nil {
				tt.prepare(bench)
			}
			tg := bench.target(c)
			s := bench.state(0, "a")
			s.Credential.Path = c.Mount + "/" + key(0)
			got, err := tg.Observe(t.Context(), []resource.Resource{{ID: id(0), State: s}})
			if err == nil {
				err = got[0].Err
			}
			check(t, err, tt.class, tt.reason, tt.says)
			if fault.IsUnreachable(err) != tt.unreachable {
				t.Errorf("unreachable: got %v, want %v", fault.IsUnreachable(err), tt.unreachable)
			}
			for _, f := range tg.Check(t.Context()) {
				if strings.Contains(f.Message+f.Hint, canary) {
					t.Errorf("a finding shows the canary: %+v", f)
				}
			}
			if strings.Contains(bench.logs.String(), canary) {
				t.Errorf("the log shows the canary: %s", bench.logs)
			}
		})
	}
}

func check(t *testing.T, err error, class fault.Class, reason, says string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("want a run error, got %v", err)
	}
	if f.Class != class || f.Reason != reason {
		t.Errorf("want %s %s, got %s %s: %v", class, reason, f.Class, f.Reason, f)
	}
	if !strings.Contains(f.Error(), says) || f.Hint == "" {
		t.Errorf("want an error that says %q with a hint, got %v, hint %q", says, f, f.Hint)
	}
	for err := error(f); err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, canary) {
			t.Errorf("the error shows the canary: %s", text)
		}
	}
}

// TestQuotaSaysWhen: the time to wait comes through.
func TestQuotaSaysWhen(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	b.observe(tg, 0)
	b.arm(faulty.Fault{Action: faulty.Answer, Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: `{"errors":["request path \"kv/data/x\": rate limit quota exceeded"]}`})
	if _, f := observed(t, tg, b); f == nil || f.RetryAfter != 7*time.Second {
		t.Errorf("reading: want 7 s, got %+v", f)
	}
	after := b.state(0, "a")
	_, err := tg.Apply(t.Context(), b.step(resource.Observed{}, 0, true), target.Input{})
	var f *fault.Error
	if !errors.As(err, &f) || f.RetryAfter != 7*time.Second {
		t.Errorf("writing %v: want 7 s, got %v", after.Credential.Path, err)
	}
}

// TestDeniedWrites names the capability and the path of each write, and leaves
// nothing half done that a better policy does not complete.
func TestDeniedWrites(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.config()
	text := strings.Replace(b.policy(), `["create", "read", "update"]`, `["read"]`, 1)
	c.Auth.Token = &openbao.Token{Value: resource.NewSecret(b.token(text, "1h"))}
	tg := b.target(c)
	_, err := tg.Apply(t.Context(), b.step(b.observe(tg, 0), 0, true), target.Input{})
	check(t, err, fault.Stalled, "PermissionDenied", b.mount+"/data/"+key(0))
	better := b.target(b.config())
	o := b.observe(better, 0)
	b.apply(better, b.step(o, 0, true), target.Input{})
	if o = b.observe(better, 0); o.State.Credential.SecretDigest == "" {
		t.Error("not completed")
	}
	found := false
	for _, f := range tg.Check(t.Context()) {
		found = found || !f.OK && strings.Contains(f.Message, "create, update on "+b.mount+"/data/")
	}
	if !found {
		t.Errorf("the examination does not name what is missing: %+v", tg.Check(t.Context()))
	}
}

// TestPassGivesUp: against a server that hangs, a thousand reads cost three
// time-outs and not a thousand.
func TestPassGivesUp(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	c := b.config()
	c.Timeout, c.Reads = 200*time.Millisecond, 2
	tg := b.target(c)
	b.observe(tg, 0)
	b.arm(faulty.Fault{Route: "/v1/kv/data/{path}", Action: faulty.Hang})
	rs := make([]resource.Resource, 200)
	for i := range rs {
		rs[i].ID = id(i)
	}
	start := time.Now()
	_, err := tg.Observe(t.Context(), rs)
	check(t, err, fault.Transient, "Timeout", "in time")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the pass took %s", took)
	}
}

// TestOneFailureStopsNoOther: what fails for one credential fails for it alone.
func TestOneFailureStopsNoOther(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	for n := range 5 {
		b.created(tg, n)
	}
	b.arm(faulty.Fault{Route: "/v1/kv/data/" + key(2), Action: faulty.Answer, Status: 500, Body: `{"errors":["boom"]}`})
	rs := make([]resource.Resource, 5)
	for i := range rs {
		rs[i].ID = id(i)
	}
	got, err := tg.Observe(t.Context(), rs)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range got {
		if (o.Err != nil) != (i == 2) || (i != 2 && !o.Found) {
			t.Errorf("observation %d: found %v, error %v", i, o.Found, o.Err)
		}
	}
}

// TestStandbyRedirects: a standby that does not answer itself sends clients to
// the active node, reads and writes alike.
func TestStandbyRedirects(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, b.url+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	defer standby.Close()
	c := b.config()
	c.Address = standby.URL
	tg := b.target(c)
	out := b.created(tg, 0)
	if o := b.observe(tg, 0); o.State.Credential.ClientSecret != out.Secret {
		t.Error("not the secret that was written")
	}
}

// TestFailureOfAllNamesNone: what all credentials fail of is not said to be of
// the one at which it was met.
func TestFailureOfAllNamesNone(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	tg := b.target(b.config())
	if _, f := observed(t, tg, b); f != nil {
		t.Fatal(f)
	}
	b.server.SetMode(sim.Mode{Sealed: true})
	_, f := observed(t, tg, b)
	if f == nil || f.Resource != b.mount {
		t.Errorf("got %v, want it of the mount %s", f, b.mount)
	}
}
