package openbao_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// TestTokenGoesToNoLoginPage: the redirect of a proxy is not followed, neither
// by reads nor by writes, since the token would go along.
func TestTokenGoesToNoLoginPage(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 308} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			b := newSimBench(t)
			var visited, away atomic.Bool
			login := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Store(true) }))
			t.Cleanup(login.Close)
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if away.Load() || r.Method != http.MethodGet {
					http.Redirect(w, r, login.URL+"/login", status)
					return
				}
				b.server.ServeHTTP(w, r)
			}))
			t.Cleanup(proxy.Close)
			c := b.config()
			c.Address = proxy.URL
			tg := b.target(c)
			o := b.observe(tg, 0)
			_, err := tg.Apply(t.Context(), b.step(o, 0, true), target.Input{})
			if err == nil {
				t.Error("a redirect was taken for a write")
			}
			away.Store(true)
			var got []resource.Observed
			got, err = tg.Observe(t.Context(), []resource.Resource{{ID: id(0), State: b.state(0, "a")}})
			if err == nil {
				err = got[0].Err
			}
			check(t, err, fault.Transient, "Redirected", "redirects")
			if visited.Load() {
				t.Error("the login page was visited, and has the token")
			}
		})
	}
}
