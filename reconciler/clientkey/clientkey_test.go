package clientkey_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/gatewright/gatewright/reconciler/clientkey"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

func key(t *testing.T) resource.Secret {
	t.Helper()
	s, err := clientkey.New(schema.AuthPrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAssertion(t *testing.T) {
	t.Parallel()
	secret, now := key(t), time.Now().Truncate(time.Second)
	text, err := clientkey.JWKS(secret)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, `"d"`) {
		t.Fatal("the set holds the private half")
	}
	set, err := jwk.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := clientkey.Assertion(secret, "acme", "https://id.example", now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := jwt.ParseString(signed, jwt.WithKeySet(set), jwt.WithIssuer("acme"), jwt.WithSubject("acme"), jwt.WithAudience("https://id.example"))
	if err != nil {
		t.Fatal(err)
	}
	if exp, _ := got.Expiration(); !exp.Equal(now.Add(time.Minute)) {
		t.Errorf("it expires at %v", exp)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(signed, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["aud"] != "https://id.example" || claims["jti"] == "" {
		t.Errorf("aud is %v, jti %v; want one string each", claims["aud"], claims["jti"])
	}
	if _, err := jwt.ParseString(signed, jwt.WithKeySet(mustSet(t, key(t)))); err == nil {
		t.Error("another key verifies it")
	}
	again, err := clientkey.Assertion(secret, "acme", "https://id.example", now)
	if err != nil || again == signed {
		t.Error("two assertions are the same: a server takes each once")
	}
}

func mustSet(t *testing.T, s resource.Secret) jwk.Set {
	t.Helper()
	text, err := clientkey.JWKS(s)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwk.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestNew(t *testing.T) {
	t.Parallel()
	a, b := key(t), key(t)
	ida, erra := clientkey.ID(a)
	idb, errb := clientkey.ID(b)
	if erra != nil || errb != nil || ida == idb || ida == "" {
		t.Errorf("ids %q, %q, %v, %v", ida, idb, erra, errb)
	}
	s, err := clientkey.New("")
	if err != nil || len(s.Reveal()) != 43 {
		t.Errorf("a client_secret of %d characters, %v", len(s.Reveal()), err)
	}
	const canary = "planted-secret"
	if _, err := clientkey.JWKS(resource.NewSecret(canary)); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("what is no key: %v", err)
	}
}
