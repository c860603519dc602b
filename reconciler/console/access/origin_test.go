package access

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
)

// TestOrigin: what a proxy says counts only from one that is ours.
func TestOrigin(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(public)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{PublicURL: u, OIDC: &OIDC{}, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		peer   string
		header http.Header
		want   origin
	}{
		"direct":       {"192.0.2.7:1", nil, origin{netip.MustParseAddr("192.0.2.7"), "direct.example"}},
		"a stranger":   {"192.0.2.7:1", http.Header{"X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Host": {"console.example"}}, origin{netip.MustParseAddr("192.0.2.7"), "direct.example"}},
		"our proxy":    {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Host": {"console.example:443"}}, origin{netip.MustParseAddr("192.0.2.7"), "console.example"}},
		"two proxies":  {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"192.0.2.7, 10.0.0.2"}}, origin{netip.MustParseAddr("192.0.2.7"), "direct.example"}},
		"forged start": {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"127.0.0.1, 192.0.2.7"}}, origin{netip.MustParseAddr("192.0.2.7"), "direct.example"}},
		"two headers":  {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"127.0.0.1", "192.0.2.7"}}, origin{netip.MustParseAddr("192.0.2.7"), "direct.example"}},
		"rubbish":      {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"127.0.0.1, rubbish"}}, origin{netip.MustParseAddr("10.0.0.1"), "direct.example"}},
		"none":         {"10.0.0.1:1", nil, origin{netip.MustParseAddr("10.0.0.1"), "direct.example"}},
		"mapped proxy": {"[::ffff:10.0.0.1]:1", http.Header{"X-Forwarded-For": {"::ffff:192.0.2.7"}}, origin{netip.MustParseAddr("192.0.2.7"), "direct.example"}},
		"ipv6":         {"[::1]:1", http.Header{"X-Forwarded-For": {"2001:db8::1"}}, origin{netip.MustParseAddr("2001:db8::1"), "direct.example"}},
		"last host":    {"10.0.0.1:1", http.Header{"X-Forwarded-Host": {"evil.example, console.example"}}, origin{netip.MustParseAddr("10.0.0.1"), "console.example"}},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://direct.example/", nil)
		r.RemoteAddr = tt.peer
		maps.Copy(r.Header, tt.header)
		if got := a.originOf(r); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

// TestProxy: behind a proxy the console has its public name alone, and failures
// are counted for whoever asked the proxy.
func TestProxy(t *testing.T) {
	t.Parallel()
	s, _ := oidcSite(t, func(c *Config, _ *idp) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	b := newBrowser(t, s, "http://10.0.0.9:8485")
	b.peer = "10.0.0.1:1"
	b.get("/").expect(t, "by its address", 421, "")
	through := func(peer string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("X-Forwarded-Host", "console.example")
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-For", peer)
		}
	}
	b.get("/", through("192.0.2.7")).expectTo(t, "through the proxy", "/login")
	for range maxFailures {
		b.get("/login/callback?state=x", through("192.0.2.7")).expect(t, "wrong", 403, "")
	}
	b.get("/login/callback?state=x", through("192.0.2.7")).expect(t, "too many", 429, "")
	b.get("/login/callback?state=x", through("192.0.2.8")).expect(t, "somebody else", 403, "")
	b.peer = "192.0.2.9:1"
	b.get("/", through("192.0.2.7")).expect(t, "past the proxy", 421, "")
}
