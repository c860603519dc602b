package command_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/command"
	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/api"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
)

// TestServer runs commands against a console, whose token says who asks. They
// come one after the other, as a person would type them.
func TestServer(t *testing.T) {
	s := desktest.New(t).Usual()
	h := api.New(s.Desk, "test")
	people := map[string]access.Principal{"Bearer ada": desktest.Admin, "Bearer vera": desktest.Viewer}
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(access.With(r.Context(), people[r.Header.Get("Authorization")])))
	}))
	defer console.Close()
	const binding = "acme/travel/booking@production"
	tests := []struct {
		token, line string
		code        int
		out, err    string
	}{
		{"vera", "status acme/travel", 0, "\n4 bindings, 4 converged\n", ""},
		{"vera", "status -o json acme/travel/booking --environment production", 0, `"clientID": "acme_travel_booking_production"`, ""},
		{"vera", "history", 0, "RUN ", ""},
		{"vera", "history " + binding, 0, "create credential " + binding, ""},
		{"vera", "history --run 1", 0, "create client " + binding, ""},
		{"vera", "token " + binding, 1, "", "console: your role does not allow this"},
		{"ada", "token " + binding + " --client own", 0, "eyJ", ""},
		{"ada", "token -o json " + binding, 0, `"client_id": "acme_travel_booking_production_test"`, ""},
		{"ada", "token -v " + binding, 0, "eyJ", "curl -i -H \"Authorization: Bearer $(gatewright token " + binding + ")\" http://127.0.0.1:"},
		{"ada", "history --events", 0, "ada    test-token  " + binding + " own", ""},
		{"ada", "suspend acme/travel --reason freeze --for 1h", 0, "acme/travel is suspended until ", ""},
		{"vera", "status", 0, "suspended: acme/travel until ", ""},
		{"vera", "resume acme/travel", 1, "", "console: your role does not allow this"},
		{"ada", "resume acme/travel", 0, "acme/travel is resumed\n", ""},
		{"ada", "resume acme/travel", 1, "", "there is no suspension of acme/travel"},
		{"ada", "suspend acme --reason x --for 1h --author eve", 64, "", "the console knows who you are"},
		{"nobody", "status", 1, "", "console: nobody has logged in"},
		{"", "status", 64, "", "no token for the console"},
		{"ada", "status --server http://gatewright.example.org", 64, "", "--server begins with https://"},
		{"ada", "status --server http://127.0.0.1:1", 3, "", "connection refused"},
	}
	for _, tt := range tests {
		t.Setenv("GATEWRIGHT_SERVER_TOKEN", tt.token)
		args := strings.Fields(tt.line)
		if !strings.Contains(tt.line, "--server") {
			args = append(args, "--server", console.URL)
		}
		var out, errs bytes.Buffer
		app := &command.App{Out: &out, Err: &errs, Version: "test"}
		code := app.Run(context.Background(), args)
		if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.err) {
			t.Errorf("%s: %s: exit status %d, want %d\n%s\n%s", tt.token, tt.line, code, tt.code, out.String(), errs.String())
		}
		if strings.Contains(errs.String(), "eyJ") {
			t.Errorf("%s: a token is on standard error", tt.line)
		}
	}
}
