package access

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const local = "http://127.0.0.1:8485"

// linkSite is a console on loopback, with a link for Ann.
func linkSite(t *testing.T) (*site, string) {
	t.Helper()
	u, err := url.Parse(local)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, Config{Links: &Memory{}, PublicURL: u})
	return s, s.link(t)
}

// link makes a link and returns its token.
func (s *site) link(t *testing.T) string {
	t.Helper()
	token, l := NewLink("ann", "Ann Example", s.clock.Now())
	if err := s.Links.Put(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return token
}

func form(token string) url.Values { return url.Values{"token": {token}, "return": {"/runs?page=2"}} }

// TestLink: whoever opens the link is admin of everything, as the user of the
// operating system who made it.
func TestLink(t *testing.T) {
	t.Parallel()
	s, token := linkSite(t)
	b := newBrowser(t, s, local)
	b.get("/runs?page=2").expectTo(t, "before", "/link?return=%2Fruns%3Fpage%3D2")
	page := b.get("/link?return=%2Fruns%3Fpage%3D2")
	page.expect(t, "the page", 200, `value="/runs?page=2"`)
	if strings.Contains(page.body, token) {
		t.Error("the page holds the token")
	}
	b.send(http.MethodPost, "/link", form(token)).expectTo(t, "the link", "/runs?page=2")
	b.get("/").expect(t, "after", 200, "hello ann")
	c := b.set["gatewright-8485"]
	if c == nil || c.SameSite != http.SameSiteStrictMode || len(c.Value) != 43 {
		t.Errorf("the cookie of the session is %+v", c)
	}
	for what, text := range map[string]string{"token": token, "id of the session": c.Value} {
		if strings.Contains(s.log.String(), text) {
			t.Errorf("the log holds the %s:\n%s", what, s.log)
		}
	}
	b.send(http.MethodPost, "/logout", nil).expectTo(t, "logout", "/login/out")
	b.cookies[c.Name] = c.Value
	b.get("/").expectTo(t, "with the cookie of the session that has ended", "/link")
}

// TestLinkScript: what the page runs is a file that its policy allows.
func TestLinkScript(t *testing.T) {
	t.Parallel()
	s, _ := linkSite(t)
	b := newBrowser(t, s, local)
	page := b.get("/link")
	page.expect(t, "page", 200, `<script src="/login/static/link.js" defer></script>`)
	if strings.Contains(page.body, "style=") || strings.Contains(page.body, "onclick") || strings.Contains(page.body, "<script>") {
		t.Error("the page has a script or a style that its policy forbids")
	}
	b.get("/login/static/link.js").expect(t, "script", 200, "replaceState")
	b.get("/login/static/style.css").expect(t, "style", 200, "main")
}

func TestLinkRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reason string
		token  func(s *site, token string) string
		change func(*http.Request)
		status int
	}{
		"whole link": {"a person pastes what was printed", func(_ *site, token string) string { return LinkURL(local, token) }, nil, 303},
		"used": {"a link in a terminal's history must be worthless", func(s *site, token string) string {
			newBrowser(t, s, local).send(http.MethodPost, "/link", form(token)).expectTo(t, "first use", "/runs?page=2")
			return token
		}, nil, 403},
		"expired":    {"nobody uses it later", func(s *site, token string) string { s.clock.pass(LinkLife); return token }, nil, 403},
		"superseded": {"the newest counts", func(s *site, token string) string { s.link(t); return token }, nil, 403},
		"guessed":    {"", func(*site, string) string { return random() }, nil, 403},
		"cut":        {"", func(_ *site, token string) string { return token[:42] }, nil, 403},
		"empty":      {"no link is not the zero link", func(*site, string) string { return "" }, nil, 403},
		"long":       {"", func(*site, string) string { return strings.Repeat("x", 10000) }, nil, 403},
		"huge":       {"", func(*site, string) string { return strings.Repeat("x", maxForm) }, nil, 403},
		"other site": {"a page of another site must not log anybody in", func(_ *site, token string) string { return token }, header("Sec-Fetch-Site", "cross-site"), 403},
		"same site":  {"another port of this machine is another origin", func(_ *site, token string) string { return token }, header("Sec-Fetch-Site", "same-site"), 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, token := linkSite(t)
			b := newBrowser(t, s, local)
			change := tt.change
			if change == nil {
				change = func(*http.Request) {}
			}
			got := b.send(http.MethodPost, "/link", form(tt.token(s, token)), change)
			if got.StatusCode != tt.status {
				t.Errorf("%d %s, want %d: %s", got.StatusCode, got.body, tt.status, tt.reason)
			}
			if in := len(b.cookies) > 0; in != (tt.status == 303) {
				t.Errorf("logged in: %t", in)
			}
		})
	}
}

// TestLinkOnce: of many who use a link at once, one is let in.
func TestLinkOnce(t *testing.T) {
	t.Parallel()
	m := &Memory{}
	token, l := NewLink("ann", "", time.Now())
	if err := m.Put(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	in := make(chan bool)
	for range 50 {
		go func() {
			got, err := m.Take(context.Background(), digest(token))
			in <- err == nil && got.Is(digest(token))
		}()
	}
	count := 0
	for range 50 {
		if <-in {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d were let in", count)
	}
}

// TestLinkLimit: whoever tries too often waits, and nobody else does.
func TestLinkLimit(t *testing.T) {
	t.Parallel()
	s, token := linkSite(t)
	b := newBrowser(t, s, local)
	for range maxFailures {
		b.send(http.MethodPost, "/link", form("wrong")).expect(t, "a wrong link", 403, "")
	}
	got := b.send(http.MethodPost, "/link", form(token))
	got.expect(t, "too many", 429, "")
	if got.Header.Get("Retry-After") != "61" {
		t.Errorf("Retry-After = %q", got.Header.Get("Retry-After"))
	}
	other := newBrowser(t, s, local)
	other.peer = "[::1]:4000"
	other.send(http.MethodPost, "/link", form(token)).expectTo(t, "somebody else", "/runs?page=2")
	s.clock.pass(failureWindow)
	b.send(http.MethodPost, "/link", form(s.link(t))).expectTo(t, "later", "/runs?page=2")
}

// TestStrangers: on loopback nobody but this machine gets anything, whatever
// they send.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s, token := linkSite(t)
	for name, tt := range map[string]struct {
		peer, base string
		change     func(*http.Request)
		status     int
	}{
		"this machine":       {"127.0.0.1:1", local, nil, 303},
		"by name":            {"127.0.0.1:1", "http://localhost:8485", nil, 303},
		"ipv6":               {"[::1]:1", "http://[::1]:8485", nil, 303},
		"another port":       {"127.0.0.1:1", "http://localhost:9000", nil, 303}, // ssh -L
		"the network":        {"192.0.2.7:1", local, nil, 403},
		"mapped":             {"[::ffff:192.0.2.7]:1", local, nil, 403},
		"no address":         {"@", local, nil, 403},
		"rebound name":       {"127.0.0.1:1", "http://evil.example:8485", nil, 421},
		"localhost.evil":     {"127.0.0.1:1", "http://localhost.evil.example", nil, 421},
		"another loopback":   {"127.0.0.1:1", "http://127.0.0.2:8485", nil, 421},
		"undeclared proxy":   {"127.0.0.1:1", local, header("X-Forwarded-For", "192.0.2.7"), 403},
		"forged loopback":    {"192.0.2.7:1", local, header("X-Forwarded-For", "127.0.0.1"), 403},
		"forwarded (7239)":   {"127.0.0.1:1", local, header("Forwarded", "for=192.0.2.7"), 403},
		"forged host":        {"127.0.0.1:1", "http://evil.example", header("X-Forwarded-Host", "localhost"), 403},
		"an unlikely method": {"127.0.0.1:1", "http://evil.example", func(r *http.Request) { r.Method = "PURGE" }, 421},
	} {
		change := tt.change
		if change == nil {
			change = func(*http.Request) {}
		}
		for _, path := range []string{"/", "/static/x.css", "/login/static/link.js", "/api/v1/bindings", "/link"} {
			b := newBrowser(t, s, tt.base)
			b.peer = tt.peer
			got := b.get(path, change)
			refused := got.StatusCode == http.StatusForbidden || got.StatusCode == http.StatusMisdirectedRequest
			if tt.status == 303 && refused || tt.status != 303 && got.StatusCode != tt.status {
				t.Errorf("%s: GET %s: %d, want %d", name, path, got.StatusCode, tt.status)
			}
			if tt.status != 303 && (strings.Contains(got.body, "<") || got.Header.Get("Location") != "") {
				t.Errorf("%s: GET %s tells a stranger %q", name, path, got.body)
			}
		}
		if tt.status == 303 {
			continue
		}
		b := newBrowser(t, s, tt.base)
		b.peer = tt.peer
		if got := b.send(http.MethodPost, "/link", form(token), change); got.StatusCode != tt.status || len(b.cookies) > 0 {
			t.Errorf("%s: the link: %d, cookies %v", name, got.StatusCode, b.cookies)
		}
	}
}
