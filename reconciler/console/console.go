// Package console puts the console together: who may use it (access), its pages
// and its API, and serves it.
//
// It promises that nothing but /healthz and the files below /static/ is answered
// without the middleware of access, that a panic in one request ends that
// request alone, and that no log line holds a query string, a header or a body.
package console

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/console/access"
)

// Options are the parts of a console.
type Options struct {
	Access *access.Access
	// Pages serves what people look at, and the files below /static/.
	Pages http.Handler
	// API serves what is below /api/.
	API http.Handler
	Log *slog.Logger
}

// New puts the parts together.
//
//	/healthz                    whoever asks: ok
//	/static/                    whoever may connect
//	/login, /logout, /link      access
//	/api/                       the API, for whoever has a role
//	everything else             the pages, likewise
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	inside := http.NewServeMux()
	logins := o.Access.Handler()
	for _, path := range []string{"/login", "/login/", "/logout", "/link"} {
		inside.Handle(path, logins)
	}
	inside.Handle("/static/", static(o.Pages))
	inside.Handle("/api/", o.Access.Middleware(o.API))
	inside.Handle("/", o.Access.Middleware(o.Pages))
	return logged(o.Log, healthy(o.Access.Guard(inside)))
}

// static passes on what is below /static/, and no path that leaves it again: a
// mux leaves %2e%2e as it is.
func static(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(strings.Split(r.URL.Path, "/"), "..") {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// healthy answers whoever asks whether the console lives, by whatever name: an
// engine knows the address alone.
func healthy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, "ok\n") // whoever asked has gone
			return
		}
		next.ServeHTTP(w, r)
	})
}
