package page_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/console/page"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

const at = "/agents/acme/travel/booking/production"

// every page and every act, with what it shows.
var everything = map[string]struct {
	method, path string
	form         url.Values
	want         []string
}{
	"overview":      {"GET", "/", nil, []string{"concierge", "1 waiting", "booking: &lt;b&gt;protect&lt;/b&gt;", "the release does not hold the trait &lt;instance&gt;", "a fair", "the repository is away"}},
	"configuration": {"GET", at, nil, []string{"Endpoint authentication", `value="ThunderKeyManager"`, "opens the API", "plan: 1 to update"}},
	"test":          {"GET", at + "/test", nil, []string{"https://gw.example/booking", "Generate test token"}},
	"consume":       {"GET", at + "/consume", nil, []string{"mobile-app", "https://id.example/oauth2/token", "Create OAuth application", "leaked"}},
	"history":       {"GET", at + "/history", nil, []string{"reveal-secret", "create client own", "<circle"}},
	"runs":          {"GET", "/runs", nil, []string{"push", "production"}},
	"audit":         {"GET", "/audit", nil, []string{"reveal-secret", "ada"}},
	"draft":         {"POST", at + "/draft", url.Values{"kind": {"authentication"}, "scheme": {"none"}}, []string{"This opens the API", "&lt;comment&gt;", `name="base"`, "it takes away 40 %", "Commit to main"}},
	"commit":        {"POST", at + "/commit", url.Values{"kind": {"authentication"}, "scheme": {"none"}}, []string{"Committed", "abababab"}},
	"token":         {"POST", at + "/test/token", url.Values{"client": {"test"}}, []string{"Access token of test", canaryToken, "in 15 minutes", "urn:gatewright"}},
	"try":           {"POST", at + "/test/try", url.Values{"method": {"GET"}, "path": {"/hello"}, "headers": {"accept: a/b"}}, []string{"1.2ms", "&lt;script&gt;world", "curl -i", `value="/hello"`}},
	"prove":         {"POST", at + "/test/proof", nil, []string{"The proof passed", "without a token"}},
	"reveal":        {"POST", at + "/consume/reveal", url.Values{"client": {"own"}}, []string{canarySecret, "shown this once"}},
	"wrap":          {"POST", at + "/consume/reveal", url.Values{"client": {"own"}, "wrap": {"yes"}}, []string{canaryToken, "bao unwrap"}},
	"audit of one":  {"GET", "/audit?scope=acme/travel&action=reveal-secret&before=9", nil, []string{`value="acme/travel"`, `/api/v1/audit.csv?action=reveal-secret&amp;limit=10000&amp;scope=acme%2Ftravel"`}},
	"audit of none": {"GET", "/audit?scope=a/b/c/d/e", nil, []string{`role="alert"`}},
	"missing":       {"GET", "/nothing", nil, []string{"There is no such page"}},
}

func TestPages(t *testing.T) {
	t.Parallel()
	for name, tc := range everything {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ask(t, full(), admin, tc.method, tc.path, tc.form)
			body := w.Body.String()
			for _, want := range tc.want {
				if !strings.Contains(body, want) {
					t.Errorf("no %q in\n%s", want, body)
				}
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control is %q", got)
			}
			examine(t, body)
		})
	}
}

// TestEmpty: pages of an installation that has nothing yet say so.
func TestEmpty(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/": "No agents yet", "/?q=zzz": "Nothing matches", at + "/history": "Nothing has been done to it yet",
		"/runs": "Nothing has been done yet", "/audit": "Nobody asked for anything", at: "No spec names", at + "/consume": "No clients",
	} {
		f := &fake{detail: desk.Detail{Row: desk.Row{Binding: inventory.Binding{Binding: booking, Status: inventory.Locked}}}}
		w := ask(t, f, admin, http.MethodGet, path, nil)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, no %q in\n%s", path, w.Code, want, w.Body)
		}
		examine(t, w.Body.String())
	}
}

// TestNoActs: who may only see is offered nothing else.
func TestNoActs(t *testing.T) {
	t.Parallel()
	f := full()
	f.detail.May = desk.May{}
	for _, path := range []string{at, at + "/test", at + "/consume", at + "/history"} {
		body := ask(t, f, access.Principal{Subject: "v", Grants: []access.Grant{{Role: access.Viewer}}}, http.MethodGet, path, nil).Body.String()
		for _, act := range []string{"Preview the change", "Generate test token", "Show secret", "Create OAuth application", "Suspend</button>", "Rotate now", "Remove</button>"} {
			if strings.Contains(body, act) {
				t.Errorf("%s offers %q", path, act)
			}
		}
	}
}

// TestFailures: each error is told with its hint and with the status that says
// what it is; what was typed stays.
func TestFailures(t *testing.T) {
	t.Parallel()
	limited := &fault.Error{Class: fault.Transient, Reason: "RateLimited", RetryAfter: 7 * time.Second, Err: errors.New("too many")}
	moved := &fault.Error{Class: fault.Conflict, Reason: "Moved", Err: errors.New("booking.cue was changed"), Hint: "look at it again"}
	down := &fault.Error{Class: fault.Transient, Err: errors.New("Thunder is away")}
	for name, tc := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"unknown": {desk.ErrUnknown, 404, "There is no such agent"}, "forbidden": {desk.ErrForbidden, 403, "Your role does not allow this"},
		"limited": {limited, 429, "too many"}, "moved": {moved, 409, "look at it again"}, "down": {down, 503, "Thunder is away"},
		"odd": {errors.New("odd"), 500, "odd"}, "invalid": {&desk.InvalidError{Field: "reason", Message: "it is missing"}, 422, "it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, act := range []string{"/draft", "/commit", "/test/token", "/test/try", "/test/proof", "/consume/reveal", "/consume/rotate", "/suspend", "/resume"} {
				f := full()
				f.late = tc.err
				form := url.Values{"kind": {"authentication"}, "scheme": {"oauth2"}, "header": {"X-Typed"}, "path": {"/typed"}, "for": {"1h"}}
				w := ask(t, f, admin, http.MethodPost, at+act, form)
				if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
					t.Errorf("%s: %d, want %d with %q:\n%s", act, w.Code, tc.status, tc.want, w.Body)
				}
				if strings.Contains(w.Body.String(), canarySecret) || strings.Contains(w.Body.String(), canaryToken) {
					t.Errorf("%s shows a secret with its failure", act)
				}
				examine(t, w.Body.String())
			}
			f := full()
			f.err = tc.err
			if w := ask(t, f, admin, http.MethodGet, "/", nil); w.Code != tc.status {
				t.Errorf("overview: %d, want %d", w.Code, tc.status)
			}
		})
	}
	f := full()
	f.late = limited
	if w := ask(t, f, admin, http.MethodPost, at+"/test/token", nil); w.Header().Get("Retry-After") != "7" {
		t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
	}
}

// TestPendingAway: the rest of the page shows while a target is away.
func TestPendingAway(t *testing.T) {
	t.Parallel()
	f := full()
	f.late = &fault.Error{Class: fault.Transient, Err: errors.New("Thunder is away")}
	w := ask(t, f, admin, http.MethodGet, at, nil)
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "Thunder is away") || !strings.Contains(body, "Preview the change") {
		t.Errorf("%d\n%s", w.Code, body)
	}
}

// TestActs: forms reach the desk as they were meant.
func TestActs(t *testing.T) {
	t.Parallel()
	f := full()
	ask(t, f, admin, http.MethodPost, at+"/draft", url.Values{
		"kind": {"authentication"}, "scheme": {"oauth2"}, "header": {"X-Token"}, "prefix": {""}, "issuers": {"A, B"}, "validity": {"1h"},
		"test": {"no"}, "base": {"beef"},
	})
	got := map[string]any{}
	for _, e := range f.change.Edits {
		got[strings.Join(e.Path, ".")] = e.Value
	}
	if f.change.Base != "beef" || f.change.Binding != booking || got["environments.production.endpointAuthentication.header"] != "X-Token" {
		t.Errorf("change %+v", f.change)
	}
	for path := range got {
		if strings.Contains(path, "clients") {
			t.Errorf("a form that does not show clients changes %s", path)
		}
	}
	ask(t, f, admin, http.MethodPost, at+"/consume/rotate", url.Values{"client": {"own"}, "reason": {"leaked"}, "revoke": {"yes"}})
	if f.rotate.Overlap == nil || *f.rotate.Overlap != 0 || !f.rotate.Cut {
		t.Errorf("revoke asks for %+v", f.rotate)
	}
	ask(t, f, admin, http.MethodPost, at+"/suspend", url.Values{"reason": {"a fair"}, "for": {"8h"}})
	if !f.suspended.Equal(now.Add(8 * time.Hour)) {
		t.Errorf("suspended until %s", f.suspended)
	}
	ask(t, f, admin, http.MethodPost, at+"/test/try", url.Values{"method": {"POST"}, "path": {"/p"}, "headers": {"a: b\r\nA: c\n"}, "body": {"x"}, "client": {"own"}})
	if r := f.request; r.Method != http.MethodPost || r.Path != "/p" || !slices.Equal(r.Header["A"], []string{"b", "c"}) || string(r.Body) != "x" || r.Client != "own" {
		t.Errorf("request %+v", r)
	}
}

// TestTyped: what cannot be is said before the desk is asked.
func TestTyped(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		act  string
		form url.Values
		want string
	}{
		"validity": {"/draft", url.Values{"kind": {"authentication"}, "scheme": {"oauth2"}, "validity": {"soon"}}, "such as 15m"},
		"own":      {"/draft", url.Values{"kind": {"add-client"}, "client": {"own"}}, "neither own nor test"},
		"name":     {"/draft", url.Values{"kind": {"add-client"}, "client": {"a_b"}}, "lower-case"},
		"kind":     {"/draft", url.Values{"kind": {"everything"}}, "reload the page"},
		"header":   {"/test/try", url.Values{"method": {"GET"}, "headers": {"nonsense"}}, "each on a line of its own"},
		"for":      {"/suspend", url.Values{"for": {"ever"}}, "30m or 8h"},
	} {
		f := full()
		w := ask(t, f, admin, http.MethodPost, at+tc.act, tc.form)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), tc.want) || len(f.calls) > 0 {
			t.Errorf("%s: %d %v, want %q:\n%s", name, w.Code, f.calls, tc.want, w.Body)
		}
	}
}

// TestQuery: links of the overview keep what else was chosen.
func TestQuery(t *testing.T) {
	t.Parallel()
	f := full()
	f.overview.Total = 1000
	w := ask(t, f, admin, http.MethodGet, "/?q=book&environment=production&sort=status&page=3&status=waiting&scheme=oauth2", nil)
	q := f.query
	if q.Search != "book" || q.Filter.Environment != "production" || q.Sort != "status" || q.Offset != 100 || q.Filter.Status != inventory.Waiting {
		t.Errorf("query %+v", q)
	}
	body := w.Body.String()
	for _, want := range []string{
		`href="/?environment=production&amp;page=4&amp;q=book&amp;scheme=oauth2&amp;sort=status&amp;status=waiting"`,
		`aria-sort="ascending"`, `order=desc`, "page 3 of 20", "101–102 of 1000 bindings",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	ask(t, f, admin, http.MethodGet, "/?page=-1&sort=;drop&order=desc", nil)
	if f.query.Offset != 0 || f.query.Sort != "" {
		t.Errorf("odd query %+v", f.query)
	}
}

// TestStatic: the style and the script are for everybody and may be kept.
func TestStatic(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/static/console.css", "/static/console.js", "/static/icon.svg"} {
		w := ask(t, &fake{}, access.Principal{}, http.MethodGet, path, nil)
		if w.Code != http.StatusOK || w.Body.Len() < 100 || !strings.HasPrefix(w.Header().Get("Cache-Control"), "public") {
			t.Errorf("%s: %d, %d bytes, %s", path, w.Code, w.Body.Len(), w.Header().Get("Cache-Control"))
		}
	}
}

// TestOverviewSize: a full page of the overview stays small, however long names
// are and whatever is wrong with each.
func TestOverviewSize(t *testing.T) {
	t.Parallel()
	f := full()
	long := row(strings.Repeat("a", 63), inventory.Stalled)
	long.Message, long.Hint = strings.Repeat("m", 500), strings.Repeat("h", 200)
	f.overview.Rows = slices.Repeat([]desk.Row{long}, 50)
	f.overview.Total = 10000
	if n := ask(t, f, admin, http.MethodGet, "/", nil).Body.Len(); n > 500_000 {
		t.Errorf("the page has %d bytes", n)
	}
}

// BenchmarkOverview serves the overview of 10 000 bindings from a database; the
// limits are 200 ms and 500 kB.
func BenchmarkOverview(b *testing.B) {
	h := page.New(desktest.Crowd(b, 10_000).Desk, page.Options{})
	size := 0
	for b.Loop() {
		w := serve(b, h, "/")
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size), "bytes/page")
}
