package proof_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

const canary = "canary-secret-8f3a"

// token signs a token with a key that nobody checks.
func token(t *testing.T, issuer, audience string) string {
	t.Helper()
	tok, err := jwt.NewBuilder().Issuer(issuer).Audience([]string{audience}).Subject("app").
		Claim("client_id", "acme").Expiration(time.Now().Add(time.Hour)).Build()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.Sign(tok, jwt.WithKey(jwa.HS256(), []byte(strings.Repeat("k", 32))))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func prover(now func() time.Time) *proof.Prover {
	c := &http.Client{Timeout: 5 * time.Second}
	return &proof.Prover{Identity: c, Gateway: c, Now: now}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestCredential(t *testing.T) {
	t.Parallel()
	answer := func(status int, body any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		}
	}
	good := func(issuer, audience string) http.HandlerFunc {
		return answer(200, map[string]any{"access_token": token(t, issuer, audience), "token_type": "Bearer", "expires_in": 60})
	}
	tests := map[string]struct {
		reason string
		answer http.HandlerFunc
		class  fault.Class
		want   string
	}{
		"right":          {"", good("https://id.example", "urn:a"), "", ""},
		"wrong audience": {"a token for one agent must not open another", good("https://id.example", "urn:b"), fault.Stalled, "audience: want urn:a, got [urn:b]"},
		"wrong issuer":   {"the gateway would refuse it", good("https://evil.example", "urn:a"), fault.Stalled, "issuer"},
		"refused":        {"", answer(401, map[string]string{"error": "invalid_client", "error_description": canary}), fault.Stalled, "401 invalid_client"},
		"odd code":       {"an answer may hold anything", answer(400, map[string]string{"error": "Canary " + canary}), fault.Stalled, "odd error code"},
		"down":           {"", answer(503, canary), fault.Transient, "503"},
		"login page": {"a proxy answers for the server", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, "<html>"+canary)
		}, fault.Transient, "could not be read"},
		"opaque token": {"", answer(200, map[string]any{"access_token": canary, "token_type": "Bearer"}), fault.Stalled, "not a JWT"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := resource.Credential{
				ClientID: "acme", ClientSecret: resource.NewSecret(canary), TokenEndpoint: serve(t, tc.answer),
				Issuer: "https://id.example", Audience: "urn:a",
			}
			_, got, err := prover(nil).Credential(t.Context(), c)
			if tc.class == "" {
				if err != nil || !got.OK {
					t.Fatalf("got %+v, %v", got, err)
				}
				return
			}
			if fault.ClassOf(err) != tc.class || !strings.Contains(fmt.Sprint(err), tc.want) || got.OK {
				t.Errorf("%s: got %v (%s), want %s with %q", tc.reason, err, fault.ClassOf(err), tc.class, tc.want)
			}
			if all := fmt.Sprintf("%+v %v", got, err); strings.Contains(all, canary) {
				t.Errorf("the secret or the answer shows: %s", all)
			}
		})
	}
}

// TestSlot: proofs ask for no more tokens at once than there are places.
func TestSlot(t *testing.T) {
	t.Parallel()
	const places, requests = 2, 8
	slots := make(chan struct{}, places)
	p := prover(nil)
	p.Slot = func(ctx context.Context) (func(), error) {
		select {
		case slots <- struct{}{}:
			return func() { <-slots }, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	good := token(t, "i", "urn:a")
	// Each request is answered when as many as there are places have come.
	var arrived sync.WaitGroup
	arrived.Add(places)
	var count, under, most atomic.Int32
	c := resource.Credential{ClientID: "acme", ClientSecret: resource.NewSecret(canary), TokenEndpoint: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		now := under.Add(1)
		defer under.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		if count.Add(1) <= places {
			arrived.Done()
		}
		arrived.Wait()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": good, "token_type": "Bearer"})
	})}
	var all sync.WaitGroup
	for range requests {
		all.Go(func() {
			if _, err := p.Token(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := most.Load(); got != places {
		t.Errorf("%d requests at once, want %d", got, places)
	}
	for range places {
		slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Token(ctx, c); fault.ClassOf(err) != fault.Transient {
		t.Errorf("without a place: got %v, want a transient fault", err)
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	own, other := token(t, "i", "urn:a"), token(t, "i", "urn:b")
	tokens := proof.Tokens{Own: proof.Token{Access: resource.NewSecret(own)}, Other: proof.Token{Access: resource.NewSecret(other)}}
	protected := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+own {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
	status := func(n int) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) } }
	oauth2 := resource.Endpoint{Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer"}
	tests := map[string]struct {
		reason   string
		endpoint resource.Endpoint
		answer   http.HandlerFunc
		ok       bool
		got      []string
	}{
		"protected": {"", oauth2, protected, true, []string{"401", "401", "404"}},
		"open":      {"anyone gets in", oauth2, status(200), false, []string{"200", "200", "200"}},
		"any token": {"the audience is not checked", oauth2, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}, false, []string{"401", "200", "200"}},
		"locked for all":   {"the key manager is unknown", oauth2, status(401), false, []string{"401", "401", "401"}},
		"gateway has none": {"a bad gateway is no admission", oauth2, status(502), false, []string{"502", "502", "502"}},
		"redirect": {"a token follows no redirect", oauth2, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, false, []string{"302", "302", "302"}},
		"api key":           {"", resource.Endpoint{Scheme: schema.SchemeAPIKey}, status(401), true, []string{"401"}},
		"open as asked":     {"", resource.Endpoint{Scheme: schema.SchemeNone}, status(200), true, []string{"200"}},
		"not open as asked": {"", resource.Endpoint{Scheme: schema.SchemeNone}, status(401), false, []string{"401"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := prover(nil).Endpoint(t.Context(), serve(t, tc.answer), tc.endpoint, tokens)
			var statuses []string
			for _, c := range got.Checks {
				statuses = append(statuses, c.Got)
			}
			if diff := cmp.Diff(tc.got, statuses); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.OK != tc.ok || (err == nil) != tc.ok {
				t.Errorf("%s: got OK %v, %v", tc.reason, got.OK, err)
			}
			if all := fmt.Sprintf("%+v %v", got, err); strings.Contains(all, own) || strings.Contains(all, other) {
				t.Errorf("a token shows: %s", all)
			}
		})
	}
}

func TestProbeRequest(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reason   string
		ops      []schema.Operation
		method   string
		path     string
		admitted bool
	}{
		"default":  {"", nil, "GET", "/gatewright-probe", true},
		"wildcard": {"the harmless one is chosen", []schema.Operation{{Method: "POST", Path: "/chat"}, {Method: "GET", Path: "/v1/*"}}, "GET", "/v1/gatewright-probe", true},
		"nothing is safe": {
			"a request that would reach the agent is not made", []schema.Operation{{Method: "POST", Path: "/chat/{id}"}},
			"POST", "/chat/gatewright-probe", false,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			admitted := false
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method+" "+r.URL.Path)
				if r.Header.Get("Authorization") == "Bearer own" {
					admitted = true
					return
				}
				w.WriteHeader(http.StatusUnauthorized)
			})
			e := resource.Endpoint{Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", Interface: &schema.Interface{Operations: tc.ops}}
			tokens := proof.Tokens{
				Own: proof.Token{Access: resource.NewSecret("own")}, Other: proof.Token{Access: resource.NewSecret("other")},
			}
			if _, err := prover(nil).Endpoint(t.Context(), url+"/base", e, tokens); err != nil {
				t.Error(err)
			}
			if asked[0] != tc.method+" /base"+tc.path || admitted != tc.admitted {
				t.Errorf("%s: asked %v, admitted %v", tc.reason, asked, admitted)
			}
		})
	}
}

func TestNoURL(t *testing.T) {
	t.Parallel()
	_, err := prover(nil).Endpoint(t.Context(), "", resource.Endpoint{Scheme: schema.SchemeOAuth2}, proof.Tokens{})
	if fault.ClassOf(err) != fault.Waiting || fault.HintOf(err) == "" {
		t.Errorf("got %v, want waiting with a hint", err)
	}
}
