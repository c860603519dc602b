package proof_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
)

func TestRefusedToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reason      string
		status      int
		body        string
		class       fault.Class
		unreachable bool
		retryAfter  time.Duration
	}{
		"invalid client":         {"a person has to act", 401, `{"error":"invalid_client"}`, fault.Stalled, false, 0},
		"unauthorized client":    {"a person has to act", 400, `{"error":"unauthorized_client"}`, fault.Stalled, false, 0},
		"server error":           {"the world may mend itself", 500, `{"error":"server_error"}`, fault.Transient, false, 7 * time.Second},
		"unavailable":            {"the world may mend itself", 503, `{"error":"temporarily_unavailable"}`, fault.Transient, false, 7 * time.Second},
		"too many":               {"it says when to come again", 429, `{"error":"slow_down"}`, fault.Transient, false, 7 * time.Second},
		"too many, of a proxy":   {"it says when to come again", 429, `<html>`, fault.Transient, true, 7 * time.Second},
		"bad gateway of a proxy": {"something else answers", 502, `<html>`, fault.Transient, true, 7 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if tt.retryAfter > 0 {
					w.Header().Set("Retry-After", "7")
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			t.Cleanup(server.Close)
			got := refused(t, server.Client(), server.URL)
			if got.Class != tt.class || got.Unreachable != tt.unreachable || got.RetryAfter != tt.retryAfter {
				t.Errorf("%s: got %s, unreachable %v, retry after %s", tt.reason, got.Class, got.Unreachable, got.RetryAfter)
			}
			if got.Class == fault.Stalled && got.Hint == "" {
				t.Errorf("a person has to act, and is not told how: %v", got)
			}
		})
	}
}

func TestCertificateOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // its certificate is meant to be refused
	server.StartTLS()
	t.Cleanup(server.Close)
	if got := refused(t, &http.Client{Timeout: 5 * time.Second}, server.URL); got.Class != fault.Stalled || got.Reason != "CertificateInvalid" || got.Hint == "" {
		t.Errorf("got %+v", got)
	}
}

// refused asks for a token that does not come.
func refused(t *testing.T, client *http.Client, endpoint string) *fault.Error {
	t.Helper()
	p := &proof.Prover{Identity: client}
	_, err := p.Token(t.Context(), resource.Credential{ClientID: "a", ClientSecret: resource.NewSecret("b"), TokenEndpoint: endpoint})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("no run error: %v", err)
	}
	return f
}
