//go:build unix

package console

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// audience is what the console's own tokens are for.
const audience = "gatewright-console"

// issuer gives out tokens of people, as an identity provider of the platform's
// operators does.
type issuer struct {
	t   *testing.T
	url string
	key jwk.Key
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t}
	if i.key, err = jwk.Import(raw); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{jwk.KeyIDKey: "one", jwk.AlgorithmKey: jwa.ES256(), jwk.KeyUsageKey: "sig"} {
		if err := i.key.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	public, err := i.key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	answer := func(v func() any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(v()) // whoever asked is gone if this fails
		}
	}
	mux.Handle("/jwks", answer(func() any { return set }))
	mux.Handle("/.well-known/openid-configuration", answer(func() any {
		return map[string]any{
			"issuer": i.url, "jwks_uri": i.url + "/jwks", "authorization_endpoint": i.url + "/authorize", "token_endpoint": i.url + "/token",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		}
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

// token is one for somebody in a group.
func (i *issuer) token(group, audience string) string {
	i.t.Helper()
	tok, err := jwt.NewBuilder().Issuer(i.url).Subject(group+"@acme.example").Audience([]string{audience}).
		IssuedAt(time.Now()).Expiration(time.Now().Add(time.Hour)).Claim("groups", []string{group}).
		Claim("client_id", "tests").JwtID("1").Build()
	if err != nil {
		i.t.Fatal(err)
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "at+jwt"); err != nil {
		i.t.Fatal(err)
	}
	signed, err := jwt.Sign(tok, jwt.WithKey(jwa.ES256(), i.key, jws.WithProtectedHeaders(header)))
	if err != nil {
		i.t.Fatal(err)
	}
	return string(signed)
}

// config is the section of a console that trusts the issuer beside its link.
func (i *issuer) config(listen string) string {
	return fmt.Sprintf(`console:
  listen: %q
  bearer: {issuer: %q, audience: %q}
  roles:
    viewers: {claim: groups, value: viewers, role: viewer}
    developers: {claim: groups, value: developers, role: developer, organization: acme}
    strangers: {claim: groups, value: strangers, role: developer, organization: globex}
`, listen, i.url, audience)
}

func copyText(w io.Writer, r io.Reader) error {
	_, err := io.Copy(w, io.LimitReader(r, 4<<20))
	return err
}
