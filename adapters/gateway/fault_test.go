package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/gatewright/gatewright/reconciler/fault"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	status := func(code int, extra string) string {
		return fmt.Sprintf(`{"kind":"Status","status":"Failure","message":"told so","code":%d%s}`, code, extra)
	}
	const named = `,"details":{"name":"booking"}`
	tests := map[string]struct {
		code        int
		body        string
		read, write fault.Class
		reason      string
		unreachable bool
	}{
		"unauthenticated":     {401, status(401, ""), fault.Stalled, fault.Stalled, "Unauthenticated", false},
		"forbidden":           {403, status(403, ""), fault.Stalled, fault.Stalled, "PermissionDenied", false},
		"no object":           {404, status(404, named), fault.Waiting, fault.Waiting, "NotFound", false},
		"no such kind":        {404, "404 page not found\n", fault.Stalled, fault.Stalled, "NotServed", false},
		"managers":            {409, status(409, `,"details":{"name":"b","causes":[{"reason":"FieldManagerConflict","message":"conflict with \"argocd\"","field":".spec.x"}]}`), fault.Conflict, fault.Conflict, "FieldManagerConflict", false},
		"moved":               {409, status(409, named), fault.Transient, fault.Transient, "Moved", false},
		"expired":             {410, status(410, ""), fault.Transient, fault.Transient, "Expired", false},
		"invalid":             {422, status(422, named), fault.Stalled, fault.Stalled, "Refused", false},
		"too many":            {429, status(429, ""), fault.Transient, fault.Transient, "Overloaded", false},
		"server's own 503":    {503, status(503, ""), fault.Transient, fault.Transient, "Overloaded", true},
		"server's own 500":    {500, status(500, ""), fault.Transient, fault.Unknown, "", false},
		"a proxy's 502":       {502, "<html>secret-canary</html>", fault.Transient, fault.Unknown, "", true},
		"a proxy's 503":       {503, "secret-canary", fault.Transient, fault.Unknown, "", true},
		"a login page":        {200, "<html>secret-canary</html>", fault.Stalled, fault.Unknown, "", true},
		"a redirect to login": {302, "", fault.Stalled, fault.Unknown, "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Location", "/login")
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			}))
			t.Cleanup(server.Close)
			c, err := newClient(&rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.do(t.Context(), request{verb: http.MethodGet, path: "/x"})
			for write, want := range map[bool]fault.Class{false: tt.read, true: tt.write} {
				f := classify(err, access{"get", groupChoreo, "components", "acme", "booking"}, write)
				if f.Class != want || tt.reason != "" && f.Reason != tt.reason || f.Unreachable != tt.unreachable {
					t.Errorf("write %v: want %s %s, got %+v", write, want, tt.reason, f)
				}
				if strings.Contains(f.Error()+f.Hint, "canary") {
					t.Errorf("the body is repeated: %v", f)
				}
				if tt.code == 429 && f.RetryAfter != 7*time.Second {
					t.Errorf("retry after %s", f.RetryAfter)
				}
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	for host, want := range map[string]struct {
		class  fault.Class
		reason string
	}{
		"http://127.0.0.1:1": {fault.Transient, "Unreachable"},
		server.URL:           {fault.Stalled, "CertificateInvalid"},
	} {
		c, err := newClient(&rest.Config{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.do(t.Context(), request{verb: http.MethodPatch, path: "/x"})
		for _, write := range []bool{false, true} {
			if f := classify(err, access{}, write); f.Class != want.class || f.Reason != want.reason || !f.Unreachable || f.Hint == "" {
				t.Errorf("%s: %+v", host, f)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := func() Config { return Config{RESTConfig: &rest.Config{Host: "http://127.0.0.1:1"}} }
	for name, change := range map[string]func(*Config){
		"no server":            func(c *Config) { c.RESTConfig = nil },
		"a fixed instance":     func(c *Config) { c.InstanceName = "api" },
		"an unknown source":    func(c *Config) { c.Rollout = "guess" },
		"managing nothing":     func(c *Config) { c.ManageKeyManagers = true },
		"an address of no use": func(c *Config) { c.RESTConfig = &rest.Config{Host: "http://%zz"} },
	} {
		cfg := good()
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	if _, err := New(good()); err != nil {
		t.Errorf("a server that is down is no error yet: %v", err)
	}
}
