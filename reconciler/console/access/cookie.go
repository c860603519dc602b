package access

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// secure reports whether browsers reach the console by https.
func (a *Access) secure() bool { return a.PublicURL != nil && a.PublicURL.Scheme == "https" }

// cookieName is the name of a cookie. With https no other host can set one that
// begins with __Host- (RFC 6265bis §4.1.3); on loopback, where all ports share
// their cookies, the port tells consoles apart.
func (a *Access) cookieName(what string) string {
	if a.secure() {
		return "__Host-gatewright" + what
	}
	port := ""
	if a.PublicURL != nil {
		port = "-" + a.PublicURL.Port()
	}
	return "gatewright" + port + what
}

// cookie is a cookie that no script sees.
func (a *Access) cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // on loopback there is no https
		Name: name, Value: value, Path: "/", HttpOnly: true, Secure: a.secure(), SameSite: http.SameSiteStrictMode,
		MaxAge: int(life / time.Second),
	}
	if a.OIDC != nil {
		// The way back from the identity provider is one from another site.
		c.SameSite = http.SameSiteLaxMode
	}
	if life <= 0 {
		c.MaxAge = -1
	}
	return c
}

// sessionCookie is the name of the cookie with the id of a session.
func (a *Access) sessionCookie() string { return a.cookieName("") }

// enter starts a session for p in this browser, and ends the one before.
func (a *Access) enter(w http.ResponseWriter, r *http.Request, p Principal) {
	a.leave(r)
	id := a.sessions.begin(p)
	http.SetCookie(w, a.cookie(a.sessionCookie(), id, a.sessions.lifetime.Whole))
}

// leave ends the session of this browser.
func (a *Access) leave(r *http.Request) {
	for _, c := range r.CookiesNamed(a.sessionCookie()) {
		a.sessions.end(c.Value)
	}
}

// current returns the session of this browser.
func (a *Access) current(r *http.Request) (session, bool) {
	for _, c := range r.CookiesNamed(a.sessionCookie()) {
		if s, ok := a.sessions.find(c.Value); ok {
			return s, true
		}
	}
	return session{}, false
}

// pending is a login that has begun: what must come back from the identity
// provider as it went there.
type pending struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	// Return is where the person wanted to go.
	Return string `json:"r"`
}

const (
	// loginLife is how long a person may take at the identity provider.
	loginLife = 10 * time.Minute
	// maxPending is how many logins a browser may have begun: one a tab.
	maxPending = 5
)

// pendingPrefix begins the names of the cookies of logins that have begun.
func (a *Access) pendingPrefix() string { return a.cookieName("-login-") }

// remember keeps a login in a cookie of its own, so that several tabs can log
// in at once.
func (a *Access) remember(w http.ResponseWriter, r *http.Request, p pending) {
	var begun []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, a.pendingPrefix()) {
			begun = append(begun, c.Name)
		}
	}
	if len(begun) >= maxPending {
		for _, name := range begun {
			http.SetCookie(w, a.cookie(name, "", 0))
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // four strings
	}
	http.SetCookie(w, a.cookie(a.pendingPrefix()+label(p.State), base64.RawURLEncoding.EncodeToString(text), loginLife))
}

// recall returns the login that a state belongs to, once.
func (a *Access) recall(w http.ResponseWriter, r *http.Request, state string) (pending, bool) {
	name := a.pendingPrefix() + label(state)
	c, err := r.Cookie(name)
	if err != nil {
		return pending{}, false
	}
	http.SetCookie(w, a.cookie(name, "", 0))
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return pending{}, false
	}
	var p pending
	if err := json.Unmarshal(text, &p); err != nil || p.State == "" || p.Nonce == "" || p.Verifier == "" || !same(p.State, state) {
		return pending{}, false
	}
	p.Return = returnPath(p.Return)
	return p, true
}

// label tells the logins of one browser apart; it is fit for the name of a
// cookie, whatever a stranger sends as state.
func label(state string) string { return digest(state)[:12] }
