package access

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Config says how people and machines log in.
type Config struct {
	// Links keeps one-time links; nil means that there are none. With it only
	// this machine is served.
	Links Links
	// OIDC logs people in; nil means that it does not.
	OIDC *OIDC
	// Bearer accepts tokens of machines; nil means that it does not.
	Bearer *Bearer
	// Rules say which claims give which roles.
	Rules []Rule
	// PublicURL is the address that browsers know, without a path. Cookies are
	// for https alone if it is. It may be nil where nobody but machines log in.
	PublicURL *url.URL
	// Proxies are the peers whose X-Forwarded-… headers are believed.
	Proxies  []netip.Prefix
	Lifetime Lifetime
	// Contact says in a line whom somebody asks who has no role; it may be empty.
	Contact string
	Log     *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Access decides who may use the console.
type Access struct {
	Config

	sessions *sessions
	limiter  *limiter
	provider *provider
	bearer   *verifier
	// origins refuses what changes something and does not come from a page of
	// the console.
	origins *http.CrossOriginProtection
}

// The paths of this package, and those that it has to know.
const (
	pathLogin    = "/login"
	pathCallback = pathLogin + "/callback"
	pathOut      = pathLogin + "/out"
	pathFiles    = pathLogin + "/static/"
	pathLogout   = "/logout"
	pathLink     = "/link"
	pathAPI      = "/api/"
	pathStatic   = "/static/"
)

// maxBody is the largest body of a request: that of a request to try an API
// with, in base64, and something around it.
const maxBody = 2 << 20

// New checks c. It reaches nobody: an identity provider that is away now may be
// there when the first person logs in.
func New(c Config) (*Access, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &Access{Config: c, sessions: newSessions(c.Lifetime, c.Now), limiter: newLimiter(c.Now), origins: http.NewCrossOriginProtection()}
	switch {
	case c.Links == nil && c.OIDC == nil && c.Bearer == nil:
		return nil, stalled("NobodyCanLogIn", "nobody could log in", "name an OpenID Connect provider, or an issuer of bearer tokens")
	case c.Links != nil && c.OIDC != nil:
		return nil, stalled("TwoLogins", "one-time links and OpenID Connect exclude each other", "keep one of them")
	case c.OIDC != nil && c.PublicURL == nil:
		return nil, stalled("NoPublicURL", "an identity provider has to know where to send people back to", "name the public address of the console")
	}
	if c.PublicURL != nil {
		if err := a.origins.AddTrustedOrigin(c.PublicURL.Scheme + "://" + c.PublicURL.Host); err != nil {
			return nil, stalled("InvalidPublicURL", err.Error(), "write an address such as https://console.example")
		}
	}
	if c.OIDC != nil {
		a.provider = newProvider(c.OIDC.Issuer, c.OIDC.Client, c.Now)
	}
	if c.Bearer != nil {
		a.bearer = newVerifier(*c.Bearer, c.Now)
	}
	return a, nil
}

// stalled is the fault of a configuration.
func stalled(reason, message, hint string) error {
	e := &fault.Error{Class: fault.Stalled, Target: "console", Reason: reason, Err: errors.New(message), Hint: hint}
	return e
}

// Guard wraps everything that is served: it refuses strangers and other hosts'
// names before anything else looks at a request, bounds its body, and sets the
// headers of the answer.
func (a *Access) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.harden(w, r)
		o := a.originOf(r)
		switch {
		case a.Links != nil && !o.peer.IsLoopback():
			refuse(w, http.StatusForbidden)
		case a.Links != nil && a.undeclared(r):
			// A proxy on this machine would let everybody in who reaches it.
			http.Error(w, "a proxy stands before the console; set console.behindProxy and a way to log in", http.StatusForbidden)
		case !a.serves(o.host):
			refuse(w, http.StatusMisdirectedRequest)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, o.peer)))
		}
	})
}

// refuse says no more than that.
func refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }

// Middleware lets through who is known and has a role, with their Principal in
// the context. It stands within Guard.
func (a *Access) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, over, ok := a.principal(w, r)
		if !ok {
			return
		}
		if !p.MayAny(Viewer) {
			a.withoutRole(w, r, p)
			return
		}
		// A stream ends with what it was opened by.
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(over, cancel)()
		next.ServeHTTP(w, r.WithContext(With(ctx, p)))
	})
}

// principal returns who asks and until when they are known, or answers that they
// are not. A request with a token counts as the token's alone: it needs no
// cookie, and no page of another site can send it.
func (a *Access) principal(w http.ResponseWriter, r *http.Request) (p Principal, over context.Context, ok bool) {
	if token, ok := bearerToken(r); ok {
		return a.machine(w, r, token)
	}
	s, ok := a.current(r)
	if !ok {
		a.unknown(w, r)
		return Principal{}, nil, false
	}
	return s.principal, s.over, a.sameOrigin(w, r)
}

// sameOrigin refuses a request that changes something and that another site's
// page sent, as far as the browser tells.
func (a *Access) sameOrigin(w http.ResponseWriter, r *http.Request) bool {
	if err := a.origins.Check(r); err != nil {
		a.Log.Warn("request from another origin refused", "peer", Peer(r.Context()).String(), "path", r.URL.Path)
		a.fail(w, r, message{
			Status: http.StatusForbidden, Title: "This did not come from the console",
			Text: "A page of another site sent the request, and nothing was done.",
		})
		return false
	}
	return true
}

// unknown answers somebody who has not logged in: a browser that opens a page
// is shown where to, and anything else is told.
func (a *Access) unknown(w http.ResponseWriter, r *http.Request) {
	to := a.loginPath(r)
	if to != "" && navigates(r) {
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // a path of ours, with what returnPath lets through
		return
	}
	if to != "" && r.Header.Get("Hx-Request") != "" {
		// htmx asked for a part of a page, and goes to the whole one.
		w.Header().Set("Hx-Redirect", to)
	}
	a.challenge(w, "")
	a.fail(w, r, message{Status: http.StatusUnauthorized, Title: "You are not logged in", Text: "Send a bearer token, or log in with a browser."})
}

// loginPath is where a browser logs in, to come back to what it asked for; it is
// empty where none can.
func (a *Access) loginPath(r *http.Request) string {
	to := pathLogin
	switch {
	case a.Links != nil:
		to = pathLink
	case a.OIDC == nil:
		return ""
	}
	back := "/"
	if r.Method == http.MethodGet && navigates(r) {
		back = returnPath(r.URL.RequestURI())
	}
	if back == "/" {
		return to
	}
	return to + "?return=" + url.QueryEscape(back)
}

// navigates reports whether a browser opens a page, as against a script or a
// program that wants data.
func navigates(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, pathAPI) &&
		(mode == "" || mode == "navigate") && r.Header.Get("Hx-Request") == ""
}

// withoutRole tells somebody who is known that they may do nothing.
func (a *Access) withoutRole(w http.ResponseWriter, r *http.Request, p Principal) {
	a.Log.Warn("somebody without a role was refused", "subject", p.Subject, "peer", Peer(r.Context()).String())
	text := "You are known as " + p.Subject + ", and have no role here."
	if a.Contact != "" {
		text += " Ask for one: " + a.Contact
	} else {
		text += " Ask whoever runs gatewright for one; roles are given in its configuration, console.roles."
	}
	m := message{Status: http.StatusForbidden, Title: "You have no role", Text: text}
	if a.OIDC != nil {
		m.Link, m.LinkText = pathLogin+"?again=1", "Log in as somebody else"
	}
	a.fail(w, r, m)
}

// limited answers a peer that has to wait before it tries again.
func (a *Access) limited(w http.ResponseWriter, r *http.Request) bool {
	wait := a.limiter.wait(Peer(r.Context()))
	if wait <= 0 {
		return false
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	a.fail(w, r, message{Status: http.StatusTooManyRequests, Title: "Too many logins have failed", Text: "Wait a minute, then try again."})
	return true
}

// refused counts and logs a login that failed. The reason holds no token.
func (a *Access) refused(r *http.Request, how string, err error) {
	peer := Peer(r.Context())
	a.limiter.failed(peer)
	a.Log.Warn("login refused", "how", how, "peer", peer.String(), "reason", plainLine(err.Error()))
}
