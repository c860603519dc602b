package draft_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/draft"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

var environments = []desired.Environment{
	{Name: "production", Production: true, Validity: 900, KeyManagers: map[string]resource.KeyManager{"K": {}, "L": {}}},
	{Name: "staging", Validity: 900, KeyManagers: map[string]resource.KeyManager{"K": {}}},
}

// stands is a world that stands as agents ask for.
func stands(t interface{ Fatalf(string, ...any) }, agents []schema.Agent) draft.World {
	set, diagnostics := desired.From(agents, environments)
	if diagnostics.HasErrors() {
		t.Fatalf("%v", diagnostics)
	}
	w := draft.World{Environments: environments, Observed: map[resource.ID]resource.Observed{}}
	for _, b := range set.Bindings {
		if desired.IsProbe(b.Binding) {
			continue
		}
		for _, r := range b.Resources {
			w.Observed[r.ID] = resource.Observed{ID: r.ID, Found: true, Owner: resource.OwnerUs, State: r.State}
		}
	}
	return w
}

// oauth2 is a spec of an environment.
func oauth2(name string, clients ...string) schema.Environment {
	auth := schema.Authentication{Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", ForwardToken: true, Issuers: []string{"K"}}
	for _, c := range clients {
		auth.Clients = append(auth.Clients, schema.Client{Name: c})
	}
	return schema.Environment{Name: name, Authentication: auth}
}

func agent(name string, environments ...schema.Environment) schema.Agent {
	return schema.Agent{Name: name, Organization: "acme", Project: "travel", Kind: schema.KindCustomAPI, Environments: environments}
}

// TestDraftIsTheInverse: what stands as some specs ask for is drafted as those.
func TestDraftIsTheInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var agents []schema.Agent
		for i := range rapid.IntRange(0, 4).Draw(rt, "agents") {
			a := agent(fmt.Sprintf("agent-%d", i))
			if rapid.Bool().Draw(rt, "interface") {
				a.Interface = &schema.Interface{Context: "/a", Port: rapid.IntRange(1, 65535).Draw(rt, "port"), Operations: []schema.Operation{{Method: "GET", Path: "/*"}}}
			}
			for _, env := range rapid.SampledFrom([][]string{{"production"}, {"staging"}, {"production", "staging"}}).Draw(rt, "environments") {
				a.Environments = append(a.Environments, anEnvironment(rt, env))
			}
			agents = append(agents, a)
		}
		got, left := draft.From(stands(rt, agents))
		if diff := cmp.Diff(agents, got, cmpopts.EquateEmpty()); diff != "" || len(left) > 0 {
			rt.Fatalf("left %v, -asked +drafted:\n%s", left, diff)
		}
	})
}

// anEnvironment draws what a spec may say and a world shows.
func anEnvironment(rt *rapid.T, name string) schema.Environment {
	if scheme := rapid.SampledFrom([]schema.Scheme{schema.SchemeOAuth2, schema.SchemeNone, schema.SchemeAPIKey}).Draw(rt, "scheme"); scheme != schema.SchemeOAuth2 {
		return schema.Environment{Name: name, Authentication: schema.Authentication{Scheme: scheme}}
	}
	clients := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"mobile", "partner-x", "web"}), rapid.ID).Draw(rt, "clients")
	slices.Sort(clients)
	e := oauth2(name, clients...)
	for i := range e.Authentication.Clients {
		e.Authentication.Clients[i].AuthMethod = rapid.SampledFrom([]schema.AuthMethod{schema.AuthSecretBasic, schema.AuthPrivateKey}).Draw(rt, "method")
	}
	e.Authentication.Header = rapid.SampledFrom([]string{"Authorization", "X-Token"}).Draw(rt, "header")
	e.Authentication.ForwardToken = rapid.Bool().Draw(rt, "forward")
	e.Authentication.Validity = rapid.SampledFrom([]schema.Seconds{0, 300}).Draw(rt, "validity")
	// Said only where it differs from what holds anyway.
	e.Authentication.Test = map[bool]schema.Choice{true: schema.Yes, false: schema.No}[name == "production"]
	if rapid.Bool().Draw(rt, "test as ever") {
		e.Authentication.Test = schema.Unsaid
	}
	return e
}

func TestLeft(t *testing.T) {
	t.Parallel()
	booking := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	id := resource.ID{Kind: resource.KindEndpoint, Binding: booking}
	for name, tc := range map[string]struct {
		change func(*resource.Observed, *resource.Endpoint)
		want   string
	}{
		"a failure": {func(o *resource.Observed, _ *resource.Endpoint) {
			o.Err = fault.New(fault.Stalled, "X", "the component is of another project")
		}, "of another project"},
		"not deployed": {func(o *resource.Observed, _ *resource.Endpoint) {
			o.Found, o.Rollout.Message = false, "there is no component"
		}, "it is not deployed: there is no component"},
		"another manager":   {func(o *resource.Observed, _ *resource.Endpoint) { o.Owner, o.OwnerName = resource.OwnerOther, "argocd" }, "applied by argocd"},
		"a condition":       {func(_ *resource.Observed, e *resource.Endpoint) { e.Altered = "a condition" }, "what no spec can say: a condition"},
		"any audience":      {func(_ *resource.Observed, e *resource.Endpoint) { e.Audience = "" }, "a token for any audience"},
		"another audience":  {func(_ *resource.Observed, e *resource.Endpoint) { e.Audience = "theirs" }, `demands the audience "theirs"`},
		"an unknown issuer": {func(_ *resource.Observed, e *resource.Endpoint) { e.Issuers = []string{"K", "Theirs"} }, `knows no issuer "Theirs"`},
		"an unknown scheme": {func(_ *resource.Observed, e *resource.Endpoint) { e.Scheme = "basic-auth" }, `its scheme is "basic-auth"`},
		"no client of ours": {func(o *resource.Observed, _ *resource.Endpoint) { o.URL = "locked" }, "the API is locked"},
		"as it is to be":    {func(*resource.Observed, *resource.Endpoint) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := stands(t, []schema.Agent{agent("booking", oauth2("production", "mobile")), agent("search", oauth2("production"))})
			o := w.Observed[id]
			e := *o.State.Endpoint
			tc.change(&o, &e)
			o.State.Endpoint = &e
			w.Observed[id] = o
			if o.URL == "locked" {
				own := resource.ID{Kind: resource.KindClient, Binding: booking, Name: resource.ClientOwn}
				theirs := w.Observed[own]
				theirs.Owner = resource.OwnerOther
				w.Observed[own] = theirs
			}
			agents, left := draft.From(w)
			if tc.want == "" {
				if len(left) > 0 || len(agents) != 2 {
					t.Errorf("left %v", left)
				}
				return
			}
			if len(agents) != 1 || agents[0].Name != "search" {
				t.Errorf("drafted are %+v", agents)
			}
			if len(left) != 1 || left[0].ID != id || !strings.Contains(left[0].Reason, tc.want) || left[0].Hint == "" && o.Err == nil && o.Found {
				t.Errorf("left: %+v, want %s", left, tc.want)
			}
		})
	}
}

// TestRotated: what was rotated is drafted, and told of.
func TestRotated(t *testing.T) {
	t.Parallel()
	w := stands(t, []schema.Agent{agent("booking", oauth2("production", "mobile"))})
	id := resource.ID{Kind: resource.KindCredential, Binding: resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}, Name: "mobile"}
	o := w.Observed[id]
	c := *o.State.Credential
	c.Application = resource.Spare(id.Name)
	o.State.Credential = &c
	w.Observed[id] = o
	agents, left := draft.From(w)
	if len(agents) != 1 || len(agents[0].Environments[0].Authentication.Clients) != 1 {
		t.Errorf("drafted are %+v", agents)
	}
	if len(left) != 1 || left[0].ID != id || !strings.Contains(left[0].Reason, "no target knows its schedule") {
		t.Errorf("left: %+v", left)
	}
}

// TestFiles: agents of one name have files of their own.
func TestFiles(t *testing.T) {
	t.Parallel()
	one, other := agent("booking", oauth2("production")), agent("booking", oauth2("staging"))
	other.Project = "rail"
	files, err := draft.Files([]schema.Agent{one, other})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, e := range draft.Tree(files) {
		paths = append(paths, e.Path)
	}
	if diff := cmp.Diff([]string{"acme/rail/booking.cue", "acme/travel/booking.cue"}, paths); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	left := draft.Without([]schema.Agent{one, other}, map[resource.Binding]bool{
		{Organization: "acme", Project: "rail", Agent: "booking", Environment: "staging"}: true,
	})
	if diff := cmp.Diff([]schema.Agent{one}, left); diff != "" {
		t.Errorf("without one (-want +got):\n%s", diff)
	}
}
