package schema

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEveryFieldIsDecoded decodes a spec with every field of the definitions:
// the decoder asks for fields by name, so that one it forgets would be lost.
func TestEveryFieldIsDecoded(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/load/fields.txtar")
	if err != nil {
		t.Fatal(err)
	}
	r := load(t, Options{}, treeOf(map[string]string{"good.cue": readFixture(string(text)).files["good.cue"]}))
	if len(r.Agents) != 1 || !r.Whole {
		t.Fatalf("%d agents\n%s", len(r.Agents), render(r.Diagnostics))
	}
	got := r.Agents[0]
	want := Agent{
		Name: "good", Organization: "acme", Project: "travel", Kind: "custom-api",
		Labels: map[string]string{"team": "blue", "acme.com/tier": "1"},
		Interface: &Interface{
			Context: "/booking", Port: 8000, BasePath: "/", Version: "v1.0",
			Operations: []Operation{{"GET", "/*"}, {"POST", "/flights/{id}"}},
		},
		Suspend:  &Suspend{Reason: "a move", Until: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)},
		Deletion: DeletionProtect, Drift: DriftReport,
		Environments: []Environment{
			{Name: "development", Authentication: Authentication{Scheme: SchemeNone}},
			{Name: "production", Deletion: DeletionOrphan, Drift: DriftRepair, Adopt: []Adoptable{AdoptClient, AdoptCredential}, Authentication: Authentication{
				Scheme: SchemeOAuth2, Header: "X-Token", Issuers: []string{"ThunderKeyManager", "Other"}, Validity: 5400, Test: Yes,
				Clients: []Client{{Name: "mobile-app"}, {Name: "partner-x", Rotation: &Rotation{Every: 720 * 3600, Overlap: 24 * 3600}}},
			}},
			{Name: "qa", Authentication: Authentication{
				Scheme: SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", ForwardToken: true, Issuers: []string{"ThunderKeyManager"}, Test: No,
			}},
			{Name: "staging", Authentication: Authentication{Scheme: SchemeAPIKey}},
		},
	}
	positions := got.Positions
	got.Positions = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got.Positions = positions
	for path, want := range map[string]string{
		"":             "good.cue:3:9",
		"organization": "good.cue:4:2",
		"environments.production.endpointAuthentication.scheme":                             "good.cue:16:5",
		"environments.production.endpointAuthentication.issuers.1":                          "good.cue:18:36",
		"environments.production.endpointAuthentication.clients.partner-x.rotation.overlap": "good.cue:23:45",
		"environments.staging.endpointAuthentication.header":                                "good.cue:13:12",
	} {
		if at := got.At(path).String(); at != want {
			t.Errorf("position of %q: %s, want %s", path, at, want)
		}
	}
}

// TestDefaults decodes what a spec leaves out.
func TestDefaults(t *testing.T) {
	t.Parallel()
	r := load(t, Options{}, treeOf(map[string]string{"a.yaml": `agents:
  a:
    organization: o
    project: p
    kind: custom-api
    environments:
      production: {endpointAuthentication: {scheme: oauth2, issuers: [K]}}
`}))
	if len(r.Agents) != 1 {
		t.Fatal(render(r.Diagnostics))
	}
	want := Authentication{Scheme: SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", ForwardToken: true, Issuers: []string{"K"}}
	if diff := cmp.Diff(want, r.Agents[0].Environments[0].Authentication); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if at := r.Agents[0].At("environments.production.endpointAuthentication.scheme").String(); at != "a.yaml:7:45" {
		t.Errorf("position: %s", at)
	}
}
