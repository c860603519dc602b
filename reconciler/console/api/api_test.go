package api_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/api"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

var update = flag.Bool("update", false, "write the golden files anew")

// bench is a scene behind the API.
type bench struct {
	*desktest.Scene

	url string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Scene: desktest.New(t).Usual()}
	people := map[string]access.Principal{}
	for _, p := range []access.Principal{desktest.Viewer, desktest.Developer, desktest.Admin, desktest.Stranger, desktest.Nobody} {
		people[p.Subject] = p
	}
	h := api.New(b.Desk, "v1.2.3")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(access.With(r.Context(), people[r.Header.Get("X-Test-Subject")])))
	}))
	t.Cleanup(server.Close)
	b.url = server.URL + "/api/v1"
	return b
}

// ask makes a call as somebody.
func (b *bench) ask(t *testing.T, who access.Principal, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Test-Subject", who.Subject)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

const booking = "/bindings/acme/travel/booking/production"

// TestOperations makes each call as who may, and as others.
func TestOperations(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	tests := []struct { // in order: the last ones change something
		method, path, body string
		who                access.Principal
		status             int
		holds              string
	}{
		{"GET", "/bindings?search=booking&limit=1", "", desktest.Viewer, 200, `"total":2`},
		{"GET", booking, "", desktest.Viewer, 200, `"consumers":[{"name":"own"`},
		{"GET", booking + "/clients", "", desktest.Viewer, 200, `"clients":[{"name":"own"`},
		{"GET", booking + "/pending", "", desktest.Viewer, 200, `"empty":true`},
		{"GET", booking + "/history", "", desktest.Viewer, 200, `"steps":[{`},
		{"GET", "/plan?revision=main&scope=acme/travel", "", desktest.Viewer, 200, `"empty":true`},
		{"GET", "/runs", "", desktest.Viewer, 200, `"runs":[{`},
		{"GET", "/audit", "", desktest.Viewer, 200, `"events":[`},
		{"GET", "/me", "", desktest.Developer, 200, `"grants":[{"role":"developer","scope":"acme/travel"}]`},
		{"POST", booking + "/token", `{"client":"own"}`, desktest.Developer, 200, `"access_token":"eyJ`},
		{"POST", booking + "/token", "", desktest.Developer, 200, `"client":"test"`},
		{"POST", booking + "/try", `{"method":"GET","path":"/x","client":"own"}`, desktest.Developer, 200, `"status":200`},
		{"POST", booking + "/proof", "", desktest.Developer, 200, `"ok":true`},
		{"POST", booking + "/credentials/own", "", desktest.Developer, 200, `"client_secret":"` + b.Secret(desktest.Booking, "own")},
		{"POST", booking + "/credentials/own", `{"wrapTTL":60}`, desktest.Developer, 422, `"reason":"NoWrapping"`},
		{"POST", "/sync", "", desktest.Developer, 202, ""},
		{"POST", booking + "/clients/own/rotate", `{"reason":"it leaked","overlap":0}`, desktest.Developer, 202, ""},
		{"POST", "/suspensions", `{"scope":"acme/travel","reason":"freeze","until":"` + until + `"}`, desktest.Admin, 204, ""},
		{"GET", "/suspensions", "", desktest.Viewer, 200, `"scope":"acme/travel"`},
		{"DELETE", "/suspensions?scope=acme/travel", "", desktest.Admin, 204, ""},
		{"DELETE", "/suspensions?scope=acme/travel", "", desktest.Admin, 404, `"title":"Not Found"`},

		{"GET", booking, "", desktest.Stranger, 404, `"detail":"there is no such thing"`},
		{"GET", booking, "", desktest.Nobody, 404, `"title":"Not Found"`},
		{"GET", booking, "", access.Principal{}, 401, `"title":"Unauthorized"`},
		{"GET", "/bindings", "", desktest.Nobody, 403, `"title":"Forbidden"`},
		{"GET", "/events", "", desktest.Nobody, 403, `"title":"Forbidden"`},
		{"POST", booking + "/token", "", desktest.Viewer, 403, `"detail":"your role does not allow this"`},
		{"POST", booking + "/credentials/own", "", desktest.Viewer, 403, `"status":403`},
		{"POST", "/suspensions", `{"scope":"acme/travel","reason":"x","until":"` + until + `"}`, desktest.Developer, 403, `"status":403`},
		{"POST", "/suspensions", `{"scope":"a/b/c/d","reason":"x","until":"` + until + `"}`, desktest.Admin, 422, `"location":"body.scope"`},
		{"POST", "/suspensions", `{"scope":"*","until":"` + until + `"}`, desktest.Admin, 422, `"location":"body"`},
		{"POST", booking + "/try", `{"method":"GET","path":"/../open"}`, desktest.Developer, 422, `"location":"path"`},
		{"POST", booking + "/try", `{"method":"GET","path":"/","secret":1}`, desktest.Developer, 422, `"location":"body.secret"`},
		{"POST", booking + "/try", `{"method":`, desktest.Developer, 400, `"status":400`},
		{"POST", booking + "/credentials/own", `{"wrapTTL":-5}`, desktest.Developer, 422, `"location":"body.wrapTTL"`},
		{"GET", "/bindings?limit=501", "", desktest.Viewer, 422, `"location":"query.limit"`},
		{"GET", "/bindings?sort=agent", "", desktest.Viewer, 422, `"location":"query.sort"`},
		{"GET", "/nothing", "", desktest.Admin, 404, `"title":"Not Found"`},
	}
	for _, tt := range tests {
		resp, body := b.ask(t, tt.who, tt.method, tt.path, tt.body)
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.holds) {
			t.Errorf("%s %s as %s: %d %s, want %d with %s", tt.method, tt.path, tt.who.Subject, resp.StatusCode, body, tt.status, tt.holds)
		}
		if got := resp.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", tt.method, tt.path, got)
		}
		if kind := resp.Header.Get("Content-Type"); tt.status >= 400 && kind != "application/problem+json" {
			t.Errorf("%s %s: an error of type %q", tt.method, tt.path, kind)
		}
	}
}

func TestTooOften(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 10 {
		b.ask(t, desktest.Developer, "POST", booking+"/credentials/own", "")
	}
	resp, body := b.ask(t, desktest.Developer, "POST", booking+"/credentials/own", "")
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, `"class":"transient"`) || !strings.Contains(body, `"hint":"try again in`) {
		t.Errorf("%d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), body)
	}
}

// TestNoSecret: secrets are in the answers of two operations alone.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var said strings.Builder
	for _, call := range []string{
		"GET /bindings", "GET " + booking, "GET " + booking + "/clients", "GET " + booking + "/pending", "GET " + booking + "/history", "GET /plan", "GET /runs",
		"POST " + booking + "/proof", "GET /audit", "GET /audit.csv", "GET /suspensions", "GET /me", "GET /docs", "GET /openapi.json",
	} {
		method, path, _ := strings.Cut(call, " ")
		resp, body := b.ask(t, desktest.Admin, method, path, "")
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", call, resp.StatusCode, body)
		}
		said.WriteString(body)
	}
	_, body := b.ask(t, desktest.Admin, "POST", booking+"/try", `{"method":"GET","path":"/","client":"own"}`)
	said.WriteString(body)
	said.WriteString(b.Logs.String())
	for _, secret := range append(b.Secrets(), "eyJ") {
		if strings.Contains(said.String(), secret) {
			t.Error("a secret is in an answer or a log")
		}
	}
}

// TestDocument checks the OpenAPI document, and that no operation comes or goes
// unnoticed.
func TestDocument(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	resp, text := b.ask(t, desktest.Viewer, "GET", "/openapi.json", "")
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/vnd.oai.openapi+json") {
		t.Errorf("type %q", resp.Header.Get("Content-Type"))
	}
	var doc struct {
		OpenAPI    string
		Info       struct{ Version string }
		Paths      map[string]map[string]struct{ OperationID, Summary string }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Version != "v1.2.3" {
		t.Errorf("OpenAPI %s of version %s", doc.OpenAPI, doc.Info.Version)
	}
	var operations []string
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations = append(operations, fmt.Sprintf("%-6s %s  %s", strings.ToUpper(method), path, op.OperationID))
			if ids[op.OperationID] || op.Summary == "" {
				t.Errorf("operation %q comes twice or says nothing", op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	slices.SortFunc(operations, func(a, b string) int { return strings.Compare(a[7:]+a, b[7:]+b) })
	golden(t, "testdata/operations.txt", strings.Join(operations, "\n")+"\n")
	for ref := range strings.SplitSeq(text, `"$ref":"`) {
		name, _, _ := strings.Cut(ref, `"`)
		if name, ok := strings.CutPrefix(name, "#/components/schemas/"); ok && doc.Components.Schemas[name] == nil {
			t.Errorf("there is no schema %s", name)
		}
	}
	if _, yaml := b.ask(t, desktest.Viewer, "GET", "/openapi.yaml", ""); !strings.Contains(yaml, "openapi: 3.1.0") {
		t.Errorf("the document in YAML begins %.80q", yaml)
	}
}

// golden compares text with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it anew): -want +got\n%s", file, diff)
	}
}

// TestDocs: the page works without a script and without anything from elsewhere.
func TestDocs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, html := b.ask(t, desktest.Viewer, "GET", "/docs", "")
	for _, never := range []string{"<script", "style=", "<style", "http://", "https://", "src="} {
		if strings.Contains(html, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	for _, always := range []string{`id="list-bindings"`, `href="#schema-DeskOverview"`, `id="schema-Problem"`, `href="/api/v1/docs.css"`} {
		if !strings.Contains(html, always) && !strings.Contains(html, strings.ReplaceAll(always, "Desk", "")) {
			t.Errorf("the page lacks %q", always)
		}
	}
	if resp, css := b.ask(t, desktest.Viewer, "GET", "/docs.css", ""); resp.Header.Get("Content-Type") != "text/css; charset=utf-8" || css == "" {
		t.Errorf("style of type %q", resp.Header.Get("Content-Type"))
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.Store.Event(t.Context(), inventory.Event{Actor: "=cmd()", Action: "x", Binding: desktest.Booking, Message: "a,\"b\"\nc"}); err != nil {
		t.Fatal(err)
	}
	resp, text := b.ask(t, desktest.Viewer, "GET", "/audit.csv", "")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][2] != "'=cmd()" || rows[1][7] != "a,\"b\"\nc" || rows[1][4] != desktest.Booking.String() {
		t.Errorf("%q, %v", rows, err)
	}
	if kind := resp.Header.Get("Content-Type"); kind != "text/csv; charset=utf-8" {
		t.Errorf("type %q", kind)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Test-Subject", desktest.Developer.Subject)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("type %q", kind)
	}
	lines := bufio.NewScanner(resp.Body)
	for said := 0; lines.Scan(); {
		if said == 0 && strings.HasPrefix(lines.Text(), "retry: ") {
			go func() {
				// The first look is what later ones are compared with.
				for range 3 {
					time.Sleep(1100 * time.Millisecond) //nolint:forbidigo // as above
					_ = b.Store.Event(context.Background(), inventory.Event{Actor: "x", Action: "y", Binding: desktest.Booking})
				}
			}()
		}
		said++
		if lines.Text() != "event: event" {
			continue
		}
		lines.Scan()
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || !strings.Contains(data, `"agent":"booking"`) {
			t.Errorf("data %q", lines.Text())
		}
		return
	}
	t.Errorf("no event came: %v", lines.Err())
}
