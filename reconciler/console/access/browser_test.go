package access

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now().Truncate(time.Second)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// site is a console with one page, which says who asks.
type site struct {
	*Access
	http.Handler

	clock *clock
	log   *bytes.Buffer
}

func newSite(t *testing.T, c Config) *site {
	t.Helper()
	s := &site{clock: newClock(), log: &bytes.Buffer{}}
	c.Now, c.Log = s.clock.Now, slog.New(slog.NewTextHandler(s.log, nil))
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := From(r.Context())
		_, _ = io.WriteString(w, "hello "+p.Subject)
	})
	mux := http.NewServeMux()
	for _, path := range []string{"/login", "/login/", "/logout", "/link"} {
		mux.Handle(path, a.Handler())
	}
	mux.Handle("/", a.Middleware(page))
	s.Access, s.Handler = a, a.Guard(mux)
	return s
}

// browser keeps cookies, and insists that no script can read them.
type browser struct {
	t    *testing.T
	site http.Handler
	// base is the address that it has opened; peer is its own.
	base, peer string
	cookies    map[string]string
	set        map[string]*http.Cookie
}

func newBrowser(t *testing.T, site http.Handler, base string) *browser {
	t.Helper()
	return &browser{t: t, site: site, base: base, peer: "127.0.0.1:40000", cookies: map[string]string{}, set: map[string]*http.Cookie{}}
}

// answer is an answer that was read.
type answer struct {
	*http.Response

	body string
}

// send sends a request as a page of the console would.
func (b *browser) send(method, target string, form url.Values, change ...func(*http.Request)) answer {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.RemoteAddr = b.peer
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r)
	resp := w.Result()
	for _, c := range resp.Cookies() {
		if !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite == http.SameSiteNoneMode || c.SameSite == 0 {
			b.t.Errorf("the cookie %s is not for this host and the browser alone: %+v", c.Name, c)
		}
		b.set[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return answer{resp, w.Body.String()}
}

func (b *browser) get(target string, change ...func(*http.Request)) answer {
	b.t.Helper()
	return b.send(http.MethodGet, target, nil, change...)
}

// header sets a header of a request.
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// expect insists on a status, and on a text in the body.
func (a answer) expect(t *testing.T, what string, status int, text string) {
	t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, text) {
		t.Errorf("%s: %d %q (Location %q), want %d and %q", what, a.StatusCode, a.body, a.Header.Get("Location"), status, text)
	}
}

// expectTo insists on a redirect.
func (a answer) expectTo(t *testing.T, what, location string) {
	t.Helper()
	if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != location {
		t.Errorf("%s: %d to %q, want 303 to %q", what, a.StatusCode, got, location)
	}
}
