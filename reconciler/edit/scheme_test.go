package edit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/schema"
)

func client(name string) schema.Client { return schema.Client{Name: name} }

func TestScheme(t *testing.T) {
	t.Parallel()
	oauth2 := edit.OAuth2("ThunderKeyManager")
	oauth2.Clients = []schema.Client{{Name: "mobile-app"}, {Name: "partner-x", Rotation: &schema.Rotation{Every: 720 * 3600, Overlap: 24 * 3600}}}
	more := edit.OAuth2("ThunderKeyManager")
	more.Header, more.ForwardToken, more.Validity, more.Test = "X-Token", false, 900, schema.No
	more.Rotation = &schema.Rotation{Every: 5400, Overlap: 60}
	more.Clients = []schema.Client{{Name: "mobile-app", AuthMethod: schema.AuthPrivateKey}}
	none := schema.Authentication{Scheme: schema.SchemeNone}
	for name, tc := range map[string]struct {
		from  *schema.Authentication
		to    schema.Authentication
		after string
	}{
		"nothing": {&oauth2, oauth2, nested},
		"to none": {&oauth2, none, with(`			scheme: "oauth2" // since May
			issuers: ["ThunderKeyManager"]
			clients: {
				"mobile-app": {}
				// Asked for by mail.
				"partner-x": rotation: {every: "720h", overlap: "24h"}
			}
`, `			scheme: "none" // since May
`)},
		"other settings": {&oauth2, more, with(`			clients: {
				"mobile-app": {}
				// Asked for by mail.
				"partner-x": rotation: {every: "720h", overlap: "24h"}
			}
`, `			clients: {
				"mobile-app": {authMethod: "private_key_jwt"}
			}
			header: "X-Token"
			forwardToken: false
			token: validity: "15m"
			test: false
			rotation: {every: "1h30m", overlap: "1m"}
`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := edit.Apply([]byte(nested), "booking.cue", "booking", edit.Scheme("production", tc.from, tc.to))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.after, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if got := edit.Scheme("staging", nil, none); len(got) != 1 || got[0].Value != "none" {
		t.Errorf("a new environment: %+v", got)
	}
	back := edit.Scheme("production", &more, edit.OAuth2("ThunderKeyManager"))
	for _, e := range back {
		if !e.Remove {
			t.Errorf("what holds anyway is written: %+v", e)
		}
	}
}
