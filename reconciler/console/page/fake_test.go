package page_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/page"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

const (
	canaryToken  = "canary-token-77b1"
	canarySecret = "canary-secret-8f3a"
)

var (
	now     = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	booking = resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	admin   = access.Principal{Subject: "ada@acme.example", Name: "Ada", Grants: []access.Grant{{Role: access.Admin}}}
)

// fake is a desk that gives what a test put there, and keeps what it was asked.
type fake struct {
	overview desk.Overview
	detail   desk.Detail
	pending  desk.Pending
	past     desk.Past
	events   []inventory.Event
	runs     []inventory.Run
	draft    desk.Draft
	// err is the answer to everything, late to all but looks.
	err, late error

	query     desk.Query
	change    desk.Change
	request   desk.Request
	rotate    desk.RotateOptions
	suspended time.Time
	calls     []string
}

func (f *fake) called(name string) error {
	f.calls = append(f.calls, name)
	if f.err != nil {
		return f.err
	}
	return f.late
}

func (f *fake) Overview(_ context.Context, _ access.Principal, q desk.Query) (desk.Overview, error) {
	f.query = q
	return f.overview, f.err
}

func (f *fake) Detail(context.Context, access.Principal, resource.Binding) (desk.Detail, error) {
	return f.detail, f.err
}

func (f *fake) Pending(context.Context, access.Principal, resource.Binding) (desk.Pending, error) {
	return f.pending, f.called("pending")
}

func (f *fake) Past(context.Context, access.Principal, resource.Binding, int) (desk.Past, error) {
	return f.past, f.err
}

func (f *fake) Runs(context.Context, access.Principal, inventory.RunFilter) ([]inventory.Run, error) {
	return f.runs, f.err
}

func (f *fake) Audit(context.Context, access.Principal, inventory.EventFilter) ([]inventory.Event, error) {
	return f.events, f.err
}

func (f *fake) Token(_ context.Context, _ access.Principal, _ resource.Binding, client string) (desk.Token, error) {
	return desk.Token{
		Access: resource.NewSecret(canaryToken), Client: client, Expiry: now.Add(15 * time.Minute), Header: "Authorization", Prefix: "Bearer",
		Claims: map[string]any{"aud": "urn:gatewright:acme/travel/booking:production"},
	}, f.called("token")
}

func (f *fake) Try(_ context.Context, _ access.Principal, _ resource.Binding, r desk.Request) (desk.Response, error) {
	f.request = r
	return desk.Response{
		Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"hello": "<script>world"}`),
		Took: 1234 * time.Microsecond, URL: "https://gw.example/booking/", Curl: "curl -i https://gw.example/booking/",
	}, f.called("try")
}

func (f *fake) Prove(context.Context, access.Principal, resource.Binding) (resource.Proof, error) {
	return *proof(), f.called("prove")
}

func (f *fake) Reveal(_ context.Context, _ access.Principal, _ resource.Binding, client string, wrap time.Duration) (desk.Credential, error) {
	c := desk.Credential{Client: client, ClientID: "acme_travel_booking_production"}
	if wrap > 0 {
		c.Wrapping, c.WrappingEnds = resource.NewSecret(canaryToken), now.Add(wrap)
	} else {
		c.Secret = resource.NewSecret(canarySecret)
	}
	return c, f.called("reveal")
}

func (f *fake) Rotate(_ context.Context, _ access.Principal, _ resource.Binding, _ string, o desk.RotateOptions) error {
	f.rotate = o
	return f.called("rotate")
}

func (f *fake) Draft(_ context.Context, _ access.Principal, c desk.Change) (desk.Draft, error) {
	f.change = c
	return f.draft, f.called("draft")
}

func (f *fake) Commit(_ context.Context, _ access.Principal, c desk.Change) (desk.Committed, error) {
	f.change = c
	return desk.Committed{Revision: strings.Repeat("ab", 20), Branch: "main"}, f.called("commit")
}

func (f *fake) Suspend(_ context.Context, _ access.Principal, _ resource.Selector, _ string, until time.Time) error {
	f.suspended = until
	return f.called("suspend")
}

func (f *fake) Resume(context.Context, access.Principal, resource.Selector) (bool, error) {
	return true, f.called("resume")
}

func (f *fake) Sync(context.Context, access.Principal) error { return f.called("sync") }

func proof() *resource.Proof {
	return &resource.Proof{At: now.Add(-time.Hour), OK: true, Checks: []resource.Check{
		{Name: "without a token", Want: "401", Got: "401", OK: true},
		{Name: "with a token", Want: "not 401", Got: "200", OK: true},
	}}
}

// row is a binding in a state.
func row(agent string, status inventory.Status) desk.Row {
	b := booking
	b.Agent = agent
	return desk.Row{Binding: inventory.Binding{
		Binding: b, Enabled: true, Scheme: schema.SchemeOAuth2, Status: status, Revision: strings.Repeat("8f3a", 10),
		Endpoint: "https://gw.example/" + agent, LastProof: proof(), UpdatedAt: now.Add(-2 * time.Hour), ConvergedAt: now.Add(-2 * time.Hour),
	}}
}

// full is a desk with something of everything.
func full() *fake {
	waiting := row("concierge", inventory.Waiting)
	waiting.Message, waiting.Hint = "the release does not hold the trait <instance>", "deploy a release made after the trait was attached"
	suspension := inventory.Suspension{Scope: resource.Selector(booking), Reason: "a fair", Author: "ada", Since: now.Add(-time.Hour), Until: now.Add(time.Hour)}
	f := &fake{
		overview: desk.Overview{
			Rows: []desk.Row{row("booking", inventory.Converged), waiting}, Total: 2, At: now,
			Environments: []desk.Count{{Environment: "production", Total: 2, ByStatus: map[inventory.Status]int{inventory.Converged: 1, inventory.Waiting: 1}}},
			Waits:        []desk.Wait{{Status: inventory.Waiting, Reason: "NoTrait", Message: waiting.Message, Hint: waiting.Hint, Count: 1, Example: waiting.Binding.Binding}},
			Running:      &desk.Revision{Hash: strings.Repeat("8f3a", 10), Author: "Ada", Subject: "booking: <b>protect</b>", At: now.Add(-time.Hour)},
			Coming:       &desk.Revision{Hash: strings.Repeat("9c1d", 10), Author: "Bo", Subject: "next", At: now.Add(-time.Minute)},
			Suspensions:  []inventory.Suspension{suspension}, Diagnostics: 2, Unread: "the repository is away",
		},
		detail: desk.Detail{
			Row: row("booking", inventory.Converged), File: "booking.cue", Environments: []string{"development", "production"},
			Authentication: &schema.Authentication{
				Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", Issuers: []string{"ThunderKeyManager"}, Validity: 900,
				Clients: []schema.Client{{Name: "mobile-app"}},
			},
			Issuer: "https://id.example", JWKS: "https://id.example/jwks", TokenEndpoint: "https://id.example/oauth2/token", Audience: booking.Audience(),
			Consumers: []desk.Consumer{
				{Name: "own", ClientID: booking.ClientID("own"), Wanted: true, Stands: true, Version: "3"},
				{Name: "mobile-app", ClientID: booking.ClientID("mobile-app"), Wanted: true, Stands: true, Named: true, Version: "1", Revealed: now.Add(-time.Hour), RevealedTo: "ada"},
			},
			Rotations: []inventory.Rotation{{Binding: booking, Client: "own", Reason: "leaked", Author: "ada", At: now}},
			May:       desk.May{Try: true, Edit: true, Reveal: true, Suspend: true},
		},
		pending: desk.Pending{Counts: "plan: 1 to update", Revision: strings.Repeat("8f3a", 10), At: now, Plan: plan.File{Steps: []plan.FileStep{{
			ID: resource.ID{Kind: resource.KindEndpoint, Binding: booking}, Action: plan.Update, Opens: true, Reason: "the spec asks for none",
			Changes: []plan.Change{{Field: "scheme", Before: "oauth2", After: "none"}},
		}}}},
		past: desk.Past{
			Steps:  []inventory.StepRecord{{Run: 7, ID: resource.ID{Kind: resource.KindClient, Binding: booking, Name: "own"}, Action: plan.Create, State: "done", Started: now.Add(-time.Hour)}},
			Events: []inventory.Event{{ID: 1, At: now.Add(-time.Minute), Actor: "ada", Action: "reveal-secret", Binding: booking, Subject: "own"}},
		},
		runs: []inventory.Run{{ID: 7, Kind: inventory.Pass, Trigger: "push", Revision: strings.Repeat("8f3a", 10), Started: now.Add(-time.Hour), Ended: now, Environments: []string{"production"}}},
		draft: desk.Draft{
			Base: strings.Repeat("8f3a", 10), File: "booking.cue", Opens: true, Guard: "it takes away 40 %",
			Diff: "--- a/booking.cue\n+++ b/booking.cue\n@@ -1,2 +1,2 @@\n // <comment>\n-scheme: \"oauth2\"\n+scheme: \"none\"\n",
		},
	}
	f.events = f.past.Events
	pending := f.pending
	f.draft.Pending = &pending
	return f
}

// ask sends a request to the pages as somebody.
func ask(t *testing.T, d page.Desk, who access.Principal, method, target string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	h := page.New(d, page.Options{Version: "v1", Branch: "main", Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: func() time.Time { return now }})
	req := httptest.NewRequestWithContext(access.With(t.Context(), who), method, target, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}
