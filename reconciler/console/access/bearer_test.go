package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// bearerSite is a console for machines alone.
func bearerSite(t *testing.T, jwks bool) (*site, *idp) {
	t.Helper()
	var s *site
	p := newIDP(t, func() time.Time { return s.clock.Now() })
	bearer := &Bearer{Issuer: p.URL, Audience: "gatewright", Client: p.Client()}
	if jwks {
		bearer.JWKS = p.URL + "/jwks"
	}
	rule := Rule{Claim: "scope", Value: "gatewright:view", Grant: Grant{Role: Viewer, Scope: resource.Selector{Organization: "acme"}}}
	s = newSite(t, Config{Bearer: bearer, Rules: []Rule{rule}})
	return s, p
}

// access is an access token for the console.
func (p *idp) access(change func(header, claims map[string]any)) string {
	header := map[string]any{"typ": "at+jwt"}
	claims := map[string]any{
		"iss": p.URL, "sub": "ci", "aud": "gatewright", "iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(),
		"client_id": "ci", "jti": "1", "scope": "other gatewright:view",
	}
	if change != nil {
		change(header, claims)
	}
	return p.sign(header, claims)
}

func TestBearer(t *testing.T) {
	t.Parallel()
	mallory, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(*idp) string {
		return func(p *idp) string { return p.access(func(_, c map[string]any) { c[name] = value }) }
	}
	kind := func(typ string) func(*idp) string {
		return func(p *idp) string { return p.access(func(h, _ map[string]any) { h["typ"] = typ }) }
	}
	for name, tt := range map[string]struct {
		token  func(*idp) string
		status int
	}{
		"good":                {func(p *idp) string { return p.access(nil) }, 200},
		"long name of type":   {kind("application/at+jwt"), 200},
		"several audiences":   {set("aud", []string{"other", "gatewright"}), 200},
		"another audience":    {set("aud", "acme_travel_booking_production"), 401},
		"no audience":         {set("aud", []string{}), 401},
		"another issuer":      {set("iss", "https://evil.example"), 401},
		"expired":             {set("exp", 1), 401},
		"no expiry":           {set("exp", nil), 401},
		"not yet":             {set("nbf", 1<<33), 401},
		"nobody":              {set("sub", ""), 401},
		"an ID token":         {kind("JWT"), 401},
		"no type":             {kind(""), 401},
		"without a role":      {set("scope", "other"), 403},
		"scope that contains": {set("scope", "gatewright:viewer"), 403},
		"alg none": {func(p *idp) string {
			parts := strings.Split(p.access(nil), ".")
			return b64([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + parts[1] + "."
		}, 401},
		"another key": {func(p *idp) string {
			return signWith(mallory, map[string]any{"typ": "at+jwt"}, map[string]any{"iss": p.URL, "sub": "ci", "aud": "gatewright", "exp": 1 << 33})
		}, 401},
		"signature cut":  {func(p *idp) string { t := p.access(nil); return t[:len(t)-4] }, 401},
		"not a token":    {func(*idp) string { return "opaque" }, 401},
		"empty":          {func(*idp) string { return "" }, 401},
		"as long as mad": {func(*idp) string { return strings.Repeat("x", maxToken+1) }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, jwks := range []bool{false, true} {
				s, p := bearerSite(t, jwks)
				token := tt.token(p)
				b := newBrowser(t, s, "http://10.1.2.3:8485")
				b.peer = "10.9.9.9:1"
				// What changes something needs no origin: no page sends such a header.
				got := b.send(http.MethodPost, "/api/v1/sync", nil, header("Authorization", "bearer "+token), header("Sec-Fetch-Site", "cross-site"))
				if got.StatusCode != tt.status {
					t.Errorf("%d %s, want %d\n%s", got.StatusCode, got.body, tt.status, s.log)
				}
				if len(b.cookies) > 0 {
					t.Error("a machine got a session")
				}
				if tt.status == 200 {
					if got.body != "hello ci" {
						t.Errorf("body = %q", got.body)
					}
					continue
				}
				checkProblem(t, got)
				if tt.status == 401 && got.Header.Get("WWW-Authenticate") != `Bearer realm="gatewright", error="invalid_token"` {
					t.Errorf("WWW-Authenticate = %q", got.Header.Get("WWW-Authenticate"))
				}
				if len(token) > 20 && strings.Contains(got.body+s.log.String(), token[len(token)-20:]) {
					t.Error("the token shows")
				}
			}
		})
	}
}

// checkProblem insists on RFC 9457.
func checkProblem(t *testing.T, got answer) {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != got.StatusCode || p.Title == "" || p.Type == "" {
		t.Errorf("%q is no problem: %v", got.body, err)
	}
	if kind := got.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("Content-Type = %q", kind)
	}
}

// TestBearerAndSession: a token counts alone. One that is not good is not made
// up for by a session, and none needs a session's origin.
func TestBearerAndSession(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t, func(c *Config, p *idp) {
		c.Bearer = &Bearer{Issuer: p.URL, Audience: "gatewright", Client: p.Client()}
		c.Rules = append(c.Rules, Rule{Claim: "client_id", Value: "ci", Grant: Grant{Role: Viewer}})
	})
	b := people(t, s)
	b.get(b.begin(p, "/"), fromProvider)
	b.get("/").expect(t, "session", 200, "hello ann@example.com")
	b.get("/", header("Authorization", "Bearer "+p.access(nil))).expect(t, "both", 200, "hello ci")
	b.get("/", header("Authorization", "Bearer wrong")).expect(t, "a session and a wrong token", 401, "")
	b.send(http.MethodPost, "/sync", nil, header("Sec-Fetch-Site", "cross-site")).expect(t, "another origin", 403, "did not come from the console")
	b.send(http.MethodPost, "/api/v1/sync", nil, header("Sec-Fetch-Site", "cross-site")).expect(t, "another origin", 403, `"status":403`)
	b.send(http.MethodPost, "/sync", nil, func(r *http.Request) {
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://evil.example")
	}).expect(t, "an old browser", 403, "")
	b.send(http.MethodPost, "/sync", nil).expect(t, "the console", 200, "hello ann")
	b.send(http.MethodPost, "/logout", nil, header("Sec-Fetch-Site", "cross-site")).expect(t, "logged out by another site", 403, "")
	b.get("/").expect(t, "still", 200, "hello ann")
}

// TestIssuerAway: a token that cannot be checked is neither good nor bad.
func TestIssuerAway(t *testing.T) {
	t.Parallel()
	for _, jwks := range []bool{false, true} {
		s, p := bearerSite(t, jwks)
		p.away.Store(true)
		b := newBrowser(t, s, "http://10.1.2.3:8485")
		auth := header("Authorization", "Bearer "+p.access(nil))
		got := b.get("/api/v1/bindings", auth)
		got.expect(t, "away", 503, `"status":503`)
		if strings.Contains(got.body, p.URL) || got.Header.Get("Retry-After") == "" {
			t.Errorf("body = %s, Retry-After = %q", got.body, got.Header.Get("Retry-After"))
		}
		p.away.Store(false)
		s.clock.pass(askAgain)
		b.get("/api/v1/bindings", auth).expect(t, "back", 200, "hello ci")
	}
}

// TestUnknown: programs are told, browsers are sent to the login.
func TestUnknown(t *testing.T) {
	t.Parallel()
	s, _ := oidcSite(t)
	b := people(t, s)
	got := b.get("/api/v1/bindings")
	got.expect(t, "api", 401, "not logged in")
	checkProblem(t, got)
	if got.Header.Get("WWW-Authenticate") == "" {
		t.Error("the API does not say how to authenticate")
	}
	got = b.get("/runs?page=2", header("Hx-Request", "true"), header("Sec-Fetch-Mode", "cors"))
	got.expect(t, "a part of a page", 401, "")
	if got.Header.Get("Hx-Redirect") != "/login" {
		t.Errorf("Hx-Redirect = %q", got.Header.Get("Hx-Redirect"))
	}
	b.send(http.MethodPost, "/sync", nil).expect(t, "a form", 401, "")
	b.get("/api/").expect(t, "api", 401, "")
	machines, _ := bearerSite(t, true)
	m := newBrowser(t, machines, "http://10.1.2.3")
	m.get("/").expect(t, "a browser where machines alone log in", 401, "bearer token")
	m.get("/login").expect(t, "login", 404, "People cannot log in here")
	m.get("/link").expect(t, "link", 404, "")
}

// TestLimitOfTokens: wrong tokens cost us little.
func TestLimitOfTokens(t *testing.T) {
	t.Parallel()
	s, p := bearerSite(t, true)
	b := newBrowser(t, s, "http://10.1.2.3")
	for range maxFailures {
		b.get("/api/", header("Authorization", "Bearer wrong")).expect(t, "wrong", 401, "")
	}
	good := header("Authorization", "Bearer "+p.access(nil))
	b.get("/api/", good).expect(t, "too many", 429, `"status":429`)
	s.clock.pass(failureWindow)
	good = header("Authorization", "Bearer "+p.access(nil))
	b.get("/api/", good).expect(t, "later", 200, "hello ci")
}

// TestNew: what nobody could use is refused.
func TestNew(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(public)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{
		"nobody":      {PublicURL: u},
		"link and id": {PublicURL: u, Links: &Memory{}, OIDC: &OIDC{}},
		"no address":  {OIDC: &OIDC{}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
