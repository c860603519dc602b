package schema

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestSourceIsLoadedAgain: what is written of an agent is that agent.
func TestSourceIsLoadedAgain(t *testing.T) {
	t.Parallel()
	until := time.Date(2126, 12, 1, 8, 0, 0, 0, time.UTC)
	oauth2 := Authentication{Scheme: SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", ForwardToken: true, Issuers: []string{"K"}}
	odd := oauth2
	odd.Header, odd.Prefix, odd.ForwardToken, odd.Validity, odd.Test = "X-Token", "", false, 5400, No
	odd.Issuers = []string{"ThunderKeyManager", "Other"}
	odd.Rotation = &Rotation{Every: 86400, Overlap: 90}
	odd.Clients = []Client{{Name: "for"}, {Name: "keyed", AuthMethod: AuthPrivateKey}, {Name: "partner-x", AuthMethod: AuthPrivateKey, Rotation: &Rotation{Every: 720 * 3600, Overlap: 3600}}}
	for name, a := range map[string]Agent{
		"small": {
			Name: "booking", Organization: "acme", Project: "travel", Kind: "custom-api",
			Environments: []Environment{{Name: "production", Authentication: oauth2}},
		},
		"names that CUE takes for something else": {
			Name: "null", Organization: "0", Project: "if", Kind: "chat",
			Environments: []Environment{
				{Name: "0", Authentication: Authentication{Scheme: SchemeNone}}, {Name: "a-b", Authentication: Authentication{Scheme: SchemeAPIKey}},
				{Name: "true", Authentication: Authentication{Scheme: SchemeNone}},
			},
		},
		"everything": {
			Name: "good", Organization: "acme", Project: "travel", Kind: "custom-api",
			Labels: map[string]string{"team": "blue", "acme.com/tier": "1"},
			Interface: &Interface{
				Context: "/booking", Port: 8000, BasePath: "/", Version: "v1.0", Operations: []Operation{{"GET", "/*"}, {"POST", "/flights/{id}"}},
			},
			Suspend: &Suspend{Reason: `a "move" \(x)`, Until: until}, Deletion: DeletionProtect, Drift: DriftReport,
			Environments: []Environment{
				{Name: "dev", Deletion: DeletionOrphan, Drift: DriftRepair, Authentication: Authentication{Scheme: SchemeNone}},
				{Name: "production", Suspend: &Suspend{Reason: "tests", Until: until}, Authentication: odd, Adopt: []Adoptable{AdoptClient, AdoptEndpoint}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := a.Source()
			if err != nil {
				t.Fatal(err)
			}
			r := load(t, Options{}, treeOf(map[string]string{"a.cue": string(text)}))
			if len(r.Agents) != 1 || !r.Whole {
				t.Fatalf("%s\n%s", render(r.Diagnostics), text)
			}
			if diff := cmp.Diff(a, r.Agents[0], cmpopts.IgnoreFields(Agent{}, "Positions")); diff != "" {
				t.Errorf("-written +loaded:\n%s\n%s", diff, text)
			}
		})
	}
}
