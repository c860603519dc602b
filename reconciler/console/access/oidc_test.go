package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/resource"
)

const public = "https://console.example"

var travelDeveloper = Rule{Claim: "groups", Value: "travel", Grant: Grant{
	Role: Developer, Scope: resource.Selector{Organization: "acme", Project: "travel"},
}}

// oidcSite is a console that people reach at a public address.
func oidcSite(t *testing.T, change ...func(*Config, *idp)) (*site, *idp) {
	t.Helper()
	u, err := url.Parse(public)
	if err != nil {
		t.Fatal(err)
	}
	var s *site
	p := newIDP(t, func() time.Time { return s.clock.Now() })
	c := Config{
		PublicURL: u, Rules: []Rule{travelDeveloper}, Contact: "platform@example.com",
		OIDC: &OIDC{Issuer: p.URL, ClientID: clientID, Scopes: []string{"openid", "email"}, Client: p.Client()},
	}
	for _, f := range change {
		f(&c, p)
	}
	s = newSite(t, c)
	return s, p
}

// people are browsers elsewhere.
func people(t *testing.T, s *site) *browser {
	t.Helper()
	b := newBrowser(t, s, public)
	b.peer = "192.0.2.7:5000"
	return b
}

// begin opens a page and returns where the provider sends the browser back to.
func (b *browser) begin(p *idp, page string) string {
	b.t.Helper()
	to := b.get(page).Header.Get("Location")
	if !strings.HasPrefix(to, "/login") {
		b.t.Fatalf("GET %s leads to %q", page, to)
	}
	got := b.get(to)
	if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), p.URL+"/authorize?") {
		b.t.Fatalf("GET %s: %d %s to %q", to, got.StatusCode, got.body, got.Header.Get("Location"))
	}
	return p.approve(b.t, got.Header.Get("Location"))
}

// fromProvider is a navigation that another site began.
var fromProvider = header("Sec-Fetch-Site", "cross-site")

func TestOIDC(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config, *idp){
		"public client": func(*Config, *idp) {},
		"secret": func(c *Config, p *idp) {
			p.secret = "s3cr3t"
			c.OIDC.ClientSecret = func() (resource.Secret, error) { return resource.NewSecret("s3cr3t"), nil }
		},
		"groups at the user info endpoint": func(_ *Config, p *idp) {
			p.change = func(c map[string]any) { delete(c, "groups") }
			p.info = map[string]any{"sub": "0001", "groups": []string{"travel"}, "name": "Mallory"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := oidcSite(t, change)
			b := people(t, s)
			back := b.begin(p, "/runs?page=2")
			got := b.get(back, fromProvider)
			got.expectTo(t, "callback", "/runs?page=2")
			b.get("/").expect(t, "after", 200, "hello ann@example.com")
			c := b.set["__Host-gatewright"]
			if c == nil || !c.Secure || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("the cookie of the session is %+v", c)
			}
			if len(b.cookies) != 1 {
				t.Errorf("cookies are left: %v", b.cookies)
			}
			b.get("/login").expectTo(t, "who is logged in already", "/")
			found, ok := s.sessions.find(c.Value)
			principal := found.principal
			if !ok || principal.Name != "Ann" || principal.Email != "ann@example.com" {
				t.Errorf("principal = %+v", principal)
			}
			code, err := url.Parse(back)
			if err != nil {
				t.Fatal(err)
			}
			for what, text := range map[string]string{"code": code.Query().Get("code"), "session": c.Value, "secret": "s3cr3t"} {
				if strings.Contains(s.log.String(), text) {
					t.Errorf("the log holds the %s:\n%s", what, s.log)
				}
			}
		})
	}
}

// TestOIDCTampered: what comes back is accepted only as it went.
func TestOIDCTampered(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
	mallory, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	query := func(name, value string) func(*browser, *url.URL) {
		return func(_ *browser, u *url.URL) {
			q := u.Query()
			q.Set(name, value)
			u.RawQuery = q.Encode()
		}
	}
	for name, tt := range map[string]struct {
		change func(map[string]any)
		forge  func(p *idp) func(header, claims map[string]any) string
		tamper func(*browser, *url.URL)
	}{
		"wrong audience":       {change: set("aud", "another-client")},
		"wrong issuer":         {change: set("iss", "https://evil.example")},
		"wrong nonce":          {change: set("nonce", "replayed")},
		"no nonce":             {change: func(c map[string]any) { delete(c, "nonce") }},
		"expired":              {change: func(c map[string]any) { c["exp"] = c["iat"].(int64) - 1 }},
		"no expiry":            {change: func(c map[string]any) { delete(c, "exp") }},
		"from the future":      {change: func(c map[string]any) { c["nbf"] = c["iat"].(int64) + 3600 }},
		"another party":        {change: set("azp", "another-client")},
		"two audiences":        {change: func(c map[string]any) { c["aud"] = []string{clientID, "another"} }},
		"another access token": {change: set("at_hash", b64(make([]byte, 16)))},
		"nobody":               {change: func(c map[string]any) { delete(c, "sub"); delete(c, "email") }},
		"alg none": {forge: func(*idp) func(h, c map[string]any) string {
			return func(_, c map[string]any) string { return unsigned(map[string]any{"alg": "none"}, c) + "." }
		}},
		"alg hs256 with the public key": {forge: func(p *idp) func(h, c map[string]any) string {
			return func(_, c map[string]any) string {
				point, err := p.key.PublicKey.Bytes()
				if err != nil {
					panic(err)
				}
				text := unsigned(map[string]any{"alg": "HS256", "kid": "k1"}, c)
				mac := hmac.New(sha256.New, point)
				mac.Write([]byte(text))
				return text + "." + b64(mac.Sum(nil))
			}
		}},
		"another key": {forge: func(*idp) func(h, c map[string]any) string {
			return func(h, c map[string]any) string { return signWith(mallory, h, c) }
		}},
		"claims replaced": {forge: func(p *idp) func(h, c map[string]any) string {
			return func(h, c map[string]any) string {
				signed := p.sign(h, c)
				other := maps.Clone(c)
				other["groups"] = []string{"admins"}
				return unsigned(map[string]any{"alg": "ES256", "kid": "k1"}, other) + signed[strings.LastIndex(signed, "."):]
			}
		}},
		"no ID token":       {forge: func(*idp) func(h, c map[string]any) string { return func(_, _ map[string]any) string { return "" } }},
		"state":             {tamper: query("state", "another")},
		"no state":          {tamper: query("state", "")},
		"code":              {tamper: query("code", "guessed")},
		"no code":           {tamper: query("code", "")},
		"issuer of another": {tamper: query("iss", "https://evil.example")},
		"refused":           {tamper: query("error", "access_denied")},
		"no cookie":         {tamper: func(b *browser, _ *url.URL) { clear(b.cookies) }},
		"cookie of another": {tamper: func(b *browser, _ *url.URL) {
			for name := range b.cookies {
				b.cookies[name] = b64([]byte(`{"s":"x","n":"x","v":"x","r":"/"}`))
			}
		}},
		"broken cookie": {tamper: func(b *browser, _ *url.URL) {
			for name := range b.cookies {
				b.cookies[name] = "%"
			}
		}},
		"another verifier": {tamper: func(b *browser, u *url.URL) {
			for name := range b.cookies {
				b.cookies[name] = b64([]byte(`{"s":"` + u.Query().Get("state") + `","n":"x","v":"x","r":"/"}`))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := oidcSite(t)
			p.change = tt.change
			if tt.forge != nil {
				p.forge = tt.forge(p)
			}
			b := people(t, s)
			back, err := url.Parse(b.begin(p, "/"))
			if err != nil {
				t.Fatal(err)
			}
			if tt.tamper != nil {
				tt.tamper(b, back)
			}
			code := back.Query().Get("code")
			got := b.get(back.String(), fromProvider)
			got.expect(t, "callback", 403, "You are not logged in")
			if _, in := b.cookies["__Host-gatewright"]; in || len(s.sessions.byDigest) > 0 {
				t.Error("a session was made")
			}
			if code != "" && len(code) > 20 && strings.Contains(got.body+s.log.String(), code) {
				t.Error("the code shows")
			}
			if !strings.Contains(s.log.String(), "login refused") {
				t.Errorf("nothing was logged:\n%s", s.log)
			}
		})
	}
}

// TestCallbackOnce: an answer of the provider that somebody has copied is worth
// nothing.
func TestCallbackOnce(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t)
	b := people(t, s)
	back := b.begin(p, "/")
	thief := people(t, s)
	thief.get(back, fromProvider).expect(t, "in another browser", 403, "")
	b.get(back, fromProvider).expectTo(t, "in its own", "/")
	b.get(back, fromProvider).expect(t, "again", 403, "")
}

// TestTabs: several tabs of a browser log in at once.
func TestTabs(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t)
	b := people(t, s)
	first, second := b.begin(p, "/runs"), b.begin(p, "/audit")
	b.get(second, fromProvider).expectTo(t, "second", "/audit")
	b.get(first, fromProvider).expectTo(t, "first", "/runs")
	clear(b.cookies)
	for range 3 * maxPending {
		b.begin(p, "/")
	}
	if len(b.cookies) > maxPending {
		t.Errorf("%d cookies of logins", len(b.cookies))
	}
}

// TestFixation: a session that somebody planted in a browser is not the one
// that its owner logs in to.
func TestFixation(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t)
	for what, planted := range map[string]string{"an invented one": random(), "somebody else's": s.sessions.begin(Principal{Subject: "mallory"})} {
		b := people(t, s)
		b.cookies["__Host-gatewright"] = planted
		b.get(b.begin2(p), fromProvider)
		if id := b.cookies["__Host-gatewright"]; id == planted || id == "" {
			t.Errorf("%s: the session after the login is %q", what, id)
		}
		if _, ok := s.sessions.find(planted); ok {
			t.Errorf("%s goes on", what)
		}
	}
}

// begin2 begins a login though the browser has a session.
func (b *browser) begin2(p *idp) string {
	b.t.Helper()
	return p.approve(b.t, b.get("/login?again=1").Header.Get("Location"))
}

// TestWithoutRole: whoever the provider knows and no rule does is told whom to
// ask, and has no session.
func TestWithoutRole(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t)
	p.change = func(c map[string]any) { c["groups"] = []string{"travel-agents", "Travel", "trav"} }
	b := people(t, s)
	got := b.get(b.begin(p, "/"), fromProvider)
	got.expect(t, "callback", 403, "platform@example.com")
	got.expect(t, "callback", 403, "ann@example.com")
	got.expect(t, "callback", 403, "/login?again=1")
	if len(b.cookies) > 0 || len(s.sessions.byDigest) > 0 {
		t.Error("a session was made")
	}
	if to := b.get("/login?again=1").Header.Get("Location"); !strings.Contains(to, "prompt=login") {
		t.Errorf("logging in as somebody else leads to %q", to)
	}
}

// TestProviderAway: the console starts and serves what it can while the
// provider is away, and asks it again.
func TestProviderAway(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t)
	p.away.Store(true)
	b := people(t, s)
	b.get("/").expectTo(t, "a page", "/login")
	got := b.get("/login")
	got.expect(t, "login", 503, "The identity provider is away")
	if got.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	p.away.Store(false)
	b.get("/login").expect(t, "at once", 503, "")
	s.clock.pass(askAgain)
	b.get(b.begin(p, "/"), fromProvider).expectTo(t, "later", "/")
	// Whoever is logged in does not need the provider.
	p.away.Store(true)
	b.get("/").expect(t, "after", 200, "hello ann")
}

// TestUserInfoOfAnother: claims of somebody else are not added.
func TestUserInfoOfAnother(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t, func(_ *Config, p *idp) {
		p.change = func(c map[string]any) { delete(c, "groups") }
		p.info = map[string]any{"sub": "0002", "groups": []string{"travel"}}
	})
	b := people(t, s)
	b.get(b.begin(p, "/"), fromProvider).expect(t, "callback", 403, "You are not logged in")
}
