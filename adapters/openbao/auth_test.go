package openbao_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// appRole enables AppRole at a path of its own and returns how to log in.
func (b *bench) appRole(role string) *openbao.AppRole {
	b.t.Helper()
	mount := b.mount + "-approle"
	b.must("POST", "sys/auth/"+mount, `{"type":"approle"}`)
	b.later("DELETE", "sys/auth/"+mount)
	b.must("PUT", "sys/policies/acl/"+b.mount+"-role", fmt.Sprintf(`{"policy":%q}`, b.policy()))
	b.later("DELETE", "sys/policies/acl/"+b.mount+"-role")
	b.must("POST", "auth/"+mount+"/role/d", role)
	data := func(m map[string]any, field string) string {
		d, _ := m["data"].(map[string]any)
		s, _ := d[field].(string)
		return s
	}
	return &openbao.AppRole{
		Mount:    mount,
		RoleID:   data(b.must("GET", "auth/"+mount+"/role/d/role-id", ""), "role_id"),
		SecretID: resource.NewSecret(data(b.must("POST", "auth/"+mount+"/role/d/secret-id", ""), "secret_id")),
	}
}

func (b *bench) role(ttl, longest string) string {
	return fmt.Sprintf(`{"token_policies":["%s-role"],"token_ttl":%q,"token_max_ttl":%q}`, b.mount, ttl, longest)
}

// TestAppRole logs in by itself, survives the revocation of its token, and
// renews.
func TestAppRole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.config()
	file := filepath.Join(t.TempDir(), "secret-id")
	role := b.appRole(b.role("1h", "24h"))
	if err := os.WriteFile(file, []byte(role.SecretID.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	role.SecretID, role.SecretIDFile = resource.Secret{}, file
	c.Auth = openbao.Auth{AppRole: role}
	tg := b.target(c)
	b.created(tg, 0)
	// Everything that was issued under the login method dies at once.
	b.must("DELETE", "sys/auth/"+role.Mount, "")
	again := b.appRole(b.role("1h", "24h"))
	_, f := observed(t, tg, b)
	check(t, f, fault.Stalled, "LoginRefused", "role id or the secret id")
	// A person replaces the secret id; the role id of the method stays.
	b.must("POST", "auth/"+role.Mount+"/role/d/role-id", fmt.Sprintf(`{"role_id":%q}`, role.RoleID))
	if err := os.WriteFile(file, []byte(again.SecretID.Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for f != nil && time.Now().Before(deadline) {
		if _, f = observed(t, tg, b); f != nil {
			<-time.After(50 * time.Millisecond)
		}
	}
	if f != nil {
		t.Fatalf("with a new secret id: %v", f)
	}
}

// TestRevokedTokenCostsOneLogin: many reads find the token dead at once; one
// login mends it, and no read fails.
func TestRevokedTokenCostsOneLogin(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	c := b.config()
	c.Auth = openbao.Auth{AppRole: b.appRole(b.role("1h", "24h"))}
	tg := b.target(c)
	rs := make([]resource.Resource, 100)
	for i := range rs {
		rs[i].ID = id(i)
	}
	if _, err := tg.Observe(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	login := "PUT /v1/auth/" + c.Auth.AppRole.Mount + "/login"
	if n := b.server.Faults().Counts().Routes[login]; n != 1 {
		t.Fatalf("want one login, got %d", n)
	}
	b.server.RevokeAll("auth/" + c.Auth.AppRole.Mount + "/login")
	got, err := tg.Observe(t.Context(), rs)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range got {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	if n := b.server.Faults().Counts().Routes[login]; n != 2 {
		t.Errorf("want one more login, got %d in all", n)
	}
}

// TestRenewal: a token of seconds is renewed ahead of its end, replaced ahead of
// its longest life, and no call meets a dead one.
func TestRenewal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.config()
	c.Auth = openbao.Auth{AppRole: b.appRole(b.role("2s", "5s"))}
	tg := b.target(c)
	b.created(tg, 0)
	for end := time.Now().Add(7 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if _, f := observed(t, tg, b); f != nil {
			t.Fatal(f)
		}
	}
	if b.server == nil {
		return
	}
	n := b.server.Faults().Counts()
	login, renew := n.Routes["PUT /v1/auth/"+c.Auth.AppRole.Mount+"/login"], n.Routes["PUT /v1/auth/token/renew-self"]
	if login < 2 || login > 4 || renew < 3 || renew > 12 {
		t.Errorf("in 7 s: %d logins, %d renewals", login, renew)
	}
	if dead := n.Routes["GET /v1/auth/token/lookup-self"]; dead != 0 {
		t.Errorf("%d calls met a dead token", dead)
	}
}

// TestRenewalMeetsTrouble: a server that is away for one renewal is asked again
// while the token still lives.
func TestRenewalMeetsTrouble(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	c := b.config()
	c.Auth = openbao.Auth{AppRole: b.appRole(b.role("3s", "1h"))}
	tg := b.target(c)
	b.created(tg, 0)
	b.arm(faulty.Fault{Route: "/v1/auth/*", Times: 2, Action: faulty.Reset})
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if _, f := observed(t, tg, b); f != nil {
			t.Fatal(f)
		}
	}
}

// TestTokenFile: a token from a file is replaced by a person.
func TestTokenFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.config()
	file := filepath.Join(t.TempDir(), "token")
	first := b.token(b.policy(), "1h")
	if err := os.WriteFile(file, []byte(first+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Auth = openbao.Auth{Token: &openbao.Token{File: file}}
	tg := b.target(c)
	b.created(tg, 0)
	b.must("POST", "auth/token/revoke", fmt.Sprintf(`{"token":%q}`, first))
	_, f := observed(t, tg, b)
	check(t, f, fault.Stalled, "TokenDead", "revoked")
	if err := os.WriteFile(file, []byte(b.token(b.policy(), "1h")), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); f != nil && time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		_, f = observed(t, tg, b)
	}
	if f != nil {
		t.Fatal(f)
	}
}

// TestKubernetes reads the service account token at each login.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	b := newSimBench(t)
	b.must("POST", "sys/auth/kubernetes", `{"type":"kubernetes"}`)
	b.must("PUT", "sys/policies/acl/"+b.mount+"-role", fmt.Sprintf(`{"policy":%q}`, b.policy()))
	b.must("POST", "auth/kubernetes/role/daemon", fmt.Sprintf(`{"bound_service_account_names":["gatewright"],`+
		`"bound_service_account_namespaces":["ops"],"token_policies":["%s-role"],"token_ttl":"1h"}`, b.mount))
	jwt := func(account string) string {
		claims := fmt.Sprintf(`{"sub":"system:serviceaccount:%s","exp":%d}`, account, time.Now().Add(time.Hour).Unix())
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	good, stranger := jwt("ops:gatewright"), jwt("other:gatewright")
	b.server.ReviewServiceAccount(good)
	b.server.ReviewServiceAccount(stranger)
	file := filepath.Join(t.TempDir(), "token")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := b.config()
	c.Auth = openbao.Auth{Kubernetes: &openbao.Kubernetes{Role: "daemon", TokenFile: file}}
	for name, tt := range map[string]struct{ content, reason, says string }{
		"no file":           {"", "LoginFailed", "service account token"},
		"not reviewed":      {jwt("ops:gatewright2"), "LoginRefused", "believe"},
		"another namespace": {stranger, "LoginRefused", "not bound"},
	} {
		_ = os.Remove(file)
		if tt.content != "" {
			write(tt.content)
		}
		_, f := observed(t, b.target(c), b)
		if f == nil {
			t.Fatalf("%s: logged in", name)
		}
		check(t, f, fault.Stalled, tt.reason, tt.says)
	}
	write(good)
	tg := b.target(c)
	b.created(tg, 0)
	if err := tg.Close(); err != nil {
		t.Fatal(err)
	}
	if n := b.server.Faults().Counts().Routes[http.MethodPut+" /v1/auth/token/revoke-self"]; n != 1 {
		t.Errorf("closing: want the token revoked once, got %d", n)
	}
}
