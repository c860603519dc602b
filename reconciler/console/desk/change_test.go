package desk_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

const bookingSpec = `package agents

agents: booking: {
	organization: "acme"
	project:      "travel"
	kind:         "custom-api"
	interface: {context: "/booking", port: 8000}
	environments: {
		development: endpointAuthentication: scheme: "none"
		production: endpointAuthentication: {
			scheme: "oauth2" // since May
			issuers: ["ThunderKeyManager"]
			clients: "mobile-app": {}
		}
	}
}
`

const searchSpec = `package agents

agents: search: {
	organization: "acme"
	project:      "travel"
	kind:         "custom-api"
	interface: {context: "/search", port: 8000}
	environments: production: endpointAuthentication: scheme: _shared
}
_shared: "none"
`

const policySpec = `package agents

agents: [string]: environments: [=~"^production$"]: endpointAuthentication: scheme: "oauth2" | "none"
`

// inGit is a desk in front of a real repository, with targets in memory.
type inGit struct {
	*desktest.Scene
	repo, clone string
	source      *source.Source
}

func newInGit(t *testing.T) *inGit {
	t.Helper()
	s := &inGit{Scene: desktest.New(t), repo: filepath.Join(t.TempDir(), "specs.git"), clone: filepath.Join(t.TempDir(), "clone")}
	git(t, "", "init", "-q", "--bare", "-b", "main", s.repo)
	git(t, "", "clone", "-q", s.repo, s.clone)
	git(t, s.clone, "checkout", "-q", "-B", "main")
	s.write(t, map[string]string{"acme/booking.cue": bookingSpec, "acme/search.cue": searchSpec, "policy.cue": policySpec})
	var err error
	if s.source, err = source.Open(t.Context(), source.Config{Repository: s.repo, Branch: "main"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.source.Close() })
	loader := schema.NewLoader(schema.Options{})
	t.Cleanup(func() { _ = loader.Close() })
	e := *s.Engine
	e.Source, e.Loader = s.source, loader
	s.Engine = loop.New(e)
	s.Desk.Engine, s.Desk.Repo = s.Engine, s.source
	s.converge(t)
	return s
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@acme.test", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@acme.test")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// write commits files and pushes them.
func (s *inGit) write(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(s.clone, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git(t, s.clone, "add", "-A")
	git(t, s.clone, "commit", "-q", "-m", "change")
	git(t, s.clone, "push", "-q", "origin", "main")
}

// converge applies the newest revision.
func (s *inGit) converge(t *testing.T) {
	t.Helper()
	snap, err := s.source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.Engine.Load(t.Context(), snap)
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Diagnostics) > 0 {
		t.Fatal(st.Diagnostics)
	}
	p, err := s.Engine.Plan(t.Context(), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Engine.Converge(t.Context(), p, loop.TriggerApply, nil); err != nil {
		t.Fatal(err)
	}
}

// to changes booking in production.
func to(edits ...edit.Edit) desk.Change { return desk.Change{Binding: desktest.Booking, Edits: edits} }

func set(path string, value any) edit.Edit {
	return edit.Edit{Path: strings.Split(path, "."), Value: value}
}

const auth = "environments.production.endpointAuthentication."

func TestDraft(t *testing.T) {
	t.Parallel()
	s := newInGit(t)
	head := git(t, s.repo, "rev-parse", "main")
	for name, tc := range map[string]struct {
		change  desk.Change
		diff    string
		planned string
		wrong   string
		opens   bool
	}{
		"a client": {
			change: to(edit.AddClient("production", schema.Client{Name: "web"})),
			diff:   "+\t\t\tclients: {\n+\t\t\t\t\"mobile-app\": {}\n+\t\t\t\tweb: {}\n", planned: "2 to create, 0 to update, 0 to delete",
		},
		"opened": {
			change: to(edit.Scheme("production", &schema.Authentication{Scheme: schema.SchemeOAuth2, Clients: []schema.Client{{Name: "mobile-app"}}}, schema.Authentication{Scheme: schema.SchemeNone})...),
			diff:   "-\t\t\tscheme: \"oauth2\" // since May\n", planned: "1 to update", opens: true,
		},
		"against a policy": {
			change: to(set(auth+"scheme", "apiKey")), diff: "+\t\t\tscheme: \"apiKey\" // since May\n", wrong: "policy",
		},
		"no such field": {change: to(set(auth+"colour", "red")), diff: "+\t\t\tcolour: \"red\"\n", wrong: "unknown-field"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Desk.Draft(t.Context(), desktest.Developer, tc.change)
			if err != nil {
				t.Fatalf("%v\nhint: %s", err, fault.HintOf(err))
			}
			if got.Base != head || got.File != "acme/booking.cue" || got.Opens != tc.opens || !strings.Contains(got.Diff, tc.diff) {
				t.Errorf("the draft is of %s at %s, opens %v:\n%s", got.File, got.Base, got.Opens, got.Diff)
			}
			if tc.wrong != "" {
				if !got.Diagnostics.HasErrors() || got.Pending != nil || !strings.Contains(got.Diagnostics[0].String(), tc.wrong) {
					t.Errorf("the diagnostics are %v, pending %v, want %s", got.Diagnostics, got.Pending, tc.wrong)
				}
				_, err := s.Desk.Commit(t.Context(), desktest.Developer, tc.change)
				if e := (*fault.Error)(nil); !errors.As(err, &e) || e.Reason != "InvalidSpec" {
					t.Errorf("committed all the same: %v", err)
				}
				return
			}
			if len(got.Diagnostics) > 0 || got.Pending == nil || !strings.Contains(got.Pending.Counts, tc.planned) || !got.Pending.Plan.Dirty {
				t.Errorf("diagnostics %v, pending %+v", got.Diagnostics, got.Pending)
			}
		})
	}
	if now := git(t, s.repo, "rev-parse", "main"); now != head {
		t.Errorf("a draft moved main to %s", now)
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	s := newInGit(t)
	base := git(t, s.repo, "rev-parse", "main")
	c := to(edit.AddClient("production", schema.Client{Name: "web"}))
	c.Base = base
	got, err := s.Desk.Commit(t.Context(), desktest.Developer, c)
	if err != nil {
		t.Fatalf("%v\nhint: %s", err, fault.HintOf(err))
	}
	if head := git(t, s.repo, "rev-parse", "main"); got.Revision != head || got.Branch != "main" || got.PullRequest != "" {
		t.Errorf("committed is %+v, main is at %s", got, head)
	}
	said := git(t, s.repo, "log", "-1", "--format=%an <%ae> %cn%n%B", "main")
	if want := "dev <dev@acme.test> gatewright\nacme/travel/booking@production: set client web\n\n" +
		"set environments.production.endpointAuthentication.clients.web: {}\n\nCommitted-by: gatewright console\n"; said != want {
		t.Errorf("the commit says\n%s\nwant\n%s", said, want)
	}
	events, err := s.Store.Events(t.Context(), inventory.EventFilter{Action: desk.ActionCommit})
	if err != nil || len(events) != 1 || events[0].Actor != "dev" || events[0].Binding != desktest.Booking || events[0].Revision != got.Revision {
		t.Errorf("events %+v, %v", events, err)
	}
	s.converge(t)

	// Somebody else's push to another file is in nobody's way, one to this is.
	git(t, s.clone, "pull", "-q", "origin", "main")
	s.write(t, map[string]string{"acme/search.cue": strings.Replace(searchSpec, "/search", "/find", 1)})
	c = to(set(auth+"token.validity", "15m"))
	c.Base, c.Summary = got.Revision, "shorter tokens"
	if got, err = s.Desk.Commit(t.Context(), desktest.Developer, c); err != nil {
		t.Fatal(err)
	}
	if said := git(t, s.repo, "log", "-1", "--format=%s", "main"); said != "shorter tokens" {
		t.Errorf("the subject is %q", said)
	}
	c.Edits = []edit.Edit{set(auth+"token.validity", "20m")}
	_, err = s.Desk.Commit(t.Context(), desktest.Developer, c)
	if fault.ClassOf(err) != fault.Conflict || fault.HintOf(err) == "" || !strings.Contains(err.Error(), "by dev in commit "+got.Revision[:12]) {
		t.Errorf("a file that has changed since: %v", err)
	}
}

func TestProposal(t *testing.T) {
	t.Parallel()
	s := newInGit(t)
	s.Desk.Commits = desk.Commits{Propose: true, Prefix: "gatewright/", PullRequest: "https://host/compare/{base}...{branch}?expand=1"}
	base := git(t, s.repo, "rev-parse", "main")
	c := to(set(auth+"test", true))
	got, err := s.Desk.Commit(t.Context(), desktest.Developer, c)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Branch, "gatewright/booking-production-") || git(t, s.repo, "rev-parse", got.Branch) != got.Revision ||
		git(t, s.repo, "rev-parse", "main") != base {
		t.Errorf("committed is %+v", got)
	}
	if want := "https://host/compare/main...gatewright%2F" + strings.TrimPrefix(got.Branch, "gatewright/") + "?expand=1"; got.PullRequest != want {
		t.Errorf("the pull request is at %s, want %s", got.PullRequest, want)
	}
	_, err = s.Desk.Commit(t.Context(), desktest.Developer, c)
	if e := (*fault.Error)(nil); !errors.As(err, &e) || e.Reason != "BranchExists" {
		t.Errorf("proposed twice: %v", err)
	}
}

// TestChangesOfOthers: nobody changes what they may not, or did not ask for.
func TestChangesOfOthers(t *testing.T) {
	t.Parallel()
	s := newInGit(t)
	head := git(t, s.repo, "rev-parse", "main")
	staging := to(set("environments.development.endpointAuthentication.scheme", "apiKey"))
	narrow := access.Principal{Subject: "nina", Grants: []access.Grant{
		{Role: access.Viewer}, {Role: access.Developer, Scope: resource.Selector(desktest.Booking)},
	}}
	search := desk.Change{Binding: desktest.Binding("acme", "travel", "search"), Edits: []edit.Edit{set(auth+"scheme", "oauth2")}}
	var invalid *desk.InvalidError
	for name, tc := range map[string]struct {
		who    access.Principal
		change desk.Change
		want   func(error) bool
	}{
		"a viewer":             {desktest.Viewer, to(set(auth+"test", true)), is(desk.ErrForbidden)},
		"a stranger":           {desktest.Stranger, to(set(auth+"test", true)), is(desk.ErrUnknown)},
		"nobody":               {desktest.Nobody, to(set(auth+"test", true)), is(desk.ErrUnknown)},
		"no agent":             {desktest.Developer, desk.Change{Binding: desktest.Binding("acme", "travel", "none"), Edits: search.Edits}, is(desk.ErrUnknown)},
		"another environment":  {desktest.Developer, staging, func(err error) bool { return errors.As(err, &invalid) }},
		"all environments":     {desktest.Developer, to(set("environments", map[string]any{})), func(err error) bool { return errors.As(err, &invalid) }},
		"no edit":              {desktest.Developer, to(), func(err error) bool { return errors.As(err, &invalid) }},
		"nothing new":          {desktest.Developer, to(set(auth+"scheme", "oauth2")), func(err error) bool { return errors.As(err, &invalid) }},
		"two lines":            {desktest.Developer, desk.Change{Binding: desktest.Booking, Edits: search.Edits, Summary: "a\nb"}, func(err error) bool { return errors.As(err, &invalid) }},
		"an odd base":          {desktest.Developer, desk.Change{Binding: desktest.Booking, Edits: search.Edits, Base: "main"}, func(err error) bool { return errors.As(err, &invalid) }},
		"a suspension":         {desktest.Developer, to(set("environments.production.suspend", map[string]any{"reason": "x", "until": "2030-01-01T00:00:00Z"})), is(desk.ErrForbidden)},
		"for all environments": {narrow, to(set("interface.port", 9000)), is(desk.ErrForbidden)},
		"another identity":     {desktest.Developer, to(set("project", "rail")), func(err error) bool { return fault.ClassOf(err) == fault.Unsafe }},
		"a reference":          {desktest.Developer, search, func(err error) bool { return fault.ClassOf(err) == fault.Stalled && fault.HintOf(err) != "" }},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Desk.Draft(t.Context(), tc.who, tc.change); !tc.want(err) {
				t.Errorf("draft: %v", err)
			}
			if _, err := s.Desk.Commit(t.Context(), tc.who, tc.change); !tc.want(err) {
				t.Errorf("commit: %v", err)
			}
		})
	}
	if _, err := s.Desk.Draft(t.Context(), desktest.Developer, to(set("interface.port", 9000))); err != nil {
		t.Errorf("for all environments: %v", err)
	}
	if now := git(t, s.repo, "rev-parse", "main"); now != head {
		t.Errorf("main moved to %s", now)
	}
	if events, err := s.Store.Events(context.Background(), inventory.EventFilter{Action: desk.ActionCommit}); err != nil || len(events) > 0 {
		t.Errorf("events %+v, %v", events, err)
	}
}

func is(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
