package access

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newSessions(Lifetime{Whole: time.Hour, Idle: 20 * time.Minute}, c.Now)
	used, idle := s.begin(Principal{Subject: "ann"}), s.begin(Principal{Subject: "bob"})
	for range 5 {
		c.pass(10 * time.Minute)
		if one, ok := s.find(used); !ok || one.principal.Subject != "ann" {
			t.Fatal("a session ended that was used")
		}
	}
	if _, ok := s.find(idle); ok {
		t.Error("a session goes on that nobody used")
	}
	c.pass(10 * time.Minute)
	if _, ok := s.find(used); ok {
		t.Error("a session goes on for ever")
	}
	if len(s.byDigest) != 0 {
		t.Errorf("%d sessions are kept", len(s.byDigest))
	}
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := newSessions(Lifetime{}, c.Now)
	first := s.begin(Principal{Subject: "ann"})
	c.pass(time.Second)
	second := s.begin(Principal{Subject: "bob"})
	c.pass(time.Second)
	if _, ok := s.find(first); !ok {
		t.Fatal("no session")
	}
	for range maxSessions {
		s.begin(Principal{})
		if len(s.byDigest) == maxSessions {
			break
		}
	}
	s.begin(Principal{})
	if len(s.byDigest) > maxSessions {
		t.Errorf("%d sessions", len(s.byDigest))
	}
	if _, ok := s.find(first); !ok {
		t.Error("a session ended that was used after another")
	}
	if _, ok := s.find(second); ok {
		t.Error("the session goes on that was not used for longest")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLimiter(c.Now)
	bad := netip.MustParseAddr("192.0.2.1")
	for range maxFailures {
		l.failed(bad)
	}
	peer := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxPeers {
		l.failed(peer)
		peer = peer.Next()
	}
	if len(l.peers) > maxPeers {
		t.Errorf("%d peers", len(l.peers))
	}
	if l.wait(bad) == 0 {
		t.Error("others made room for the one that fails most")
	}
	// A customer of IPv6 is one peer, with all of their addresses.
	for i := range maxFailures {
		l.failed(netip.AddrFrom16([16]byte{0x20, 0x01, 0xd, 0xb8, 0, 0, 0, 1, 15: byte(i)}))
	}
	if l.wait(netip.MustParseAddr("2001:db8:0:1::ffff")) == 0 || l.wait(netip.MustParseAddr("2001:db8:0:2::1")) != 0 {
		t.Error("peers of IPv6 are not counted by their network")
	}
	c.pass(failureWindow)
	if l.wait(bad) != 0 {
		t.Error("a peer waits for ever")
	}
}

// TestHeaders: every answer has them, and only static files are kept.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t)
	b := people(t, s)
	b.get(b.begin(p, "/"), fromProvider)
	stranger := people(t, s)
	stranger.base = "https://evil.example"
	for what, got := range map[string]answer{
		"page": b.get("/"), "api": b.get("/api/"), "redirect": people(t, s).get("/"), "problem": people(t, s).get("/api/"),
		"login page": b.get("/login/out"), "refused": stranger.get("/"),
	} {
		for name, want := range headers {
			if h := got.Header.Get(name); h != want {
				t.Errorf("%s: %s = %q", what, name, h)
			}
		}
		if h := got.Header.Get("Cache-Control"); h != "no-store" {
			t.Errorf("%s: Cache-Control = %q", what, h)
		}
		if h := got.Header.Get("Strict-Transport-Security"); h == "" {
			t.Errorf("%s: no Strict-Transport-Security", what)
		}
	}
	static := b.get("/static/x.css")
	if h := static.Header.Get("Cache-Control"); h != "" {
		t.Errorf("static: Cache-Control = %q", h)
	}
	local, _ := linkSite(t)
	if h := newBrowser(t, local, local.PublicURL.String()).get("/").Header.Get("Strict-Transport-Security"); h != "" {
		t.Errorf("http: Strict-Transport-Security = %q", h)
	}
}

// TestBodyIsBounded: nobody fills the memory.
func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := linkSite(t)
	var err error
	h := s.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for buf := make([]byte, 1<<16); err == nil; {
			_, err = r.Body.Read(buf)
		}
	}))
	b := newBrowser(t, h, local)
	b.send(http.MethodPost, "/", map[string][]string{"x": {string(make([]byte, maxBody))}})
	if _, ok := err.(*http.MaxBytesError); !ok {
		t.Errorf("reading ended with %v", err)
	}
}

// TestStreamsEnd: what a session or a token has opened ends with it.
func TestStreamsEnd(t *testing.T) {
	t.Parallel()
	s, p := oidcSite(t, func(c *Config, p *idp) {
		c.Bearer = &Bearer{Issuer: p.URL, Audience: "gatewright", Client: p.Client()}
		c.Rules = append(c.Rules, Rule{Claim: "client_id", Value: "ci", Grant: Grant{Role: Viewer}})
	})
	b := people(t, s)
	b.get(b.begin(p, "/"), fromProvider)
	begun := make(chan struct{})
	stream := s.Guard(s.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	})))
	open := func(change func(*http.Request)) (ended chan struct{}) {
		ended = make(chan struct{})
		r := httptest.NewRequest(http.MethodGet, public+"/api/v1/events", nil)
		change(r)
		go func() {
			defer close(ended)
			stream.ServeHTTP(httptest.NewRecorder(), r)
		}()
		<-begun
		return ended
	}
	session := open(func(r *http.Request) {
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	})
	token := p.access(func(_, c map[string]any) { c["exp"] = time.Now().Add(2 * time.Second).Unix() })
	machine := open(header("Authorization", "Bearer "+token))
	select {
	case <-session:
		t.Error("the stream of a session ended before it")
	default:
	}
	b.send(http.MethodPost, "/logout", nil)
	<-session
	<-machine
}
