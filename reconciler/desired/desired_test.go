package desired_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

func environment(name string, production bool) desired.Environment {
	return desired.Environment{
		Name: name, Production: production, Issuer: "https://id.example", TokenEndpoint: "https://id.example/oauth2/token",
		JWKSURI: "https://id.example/oauth2/jwks", CredentialPrefix: "secret/agents", Validity: 900,
		KeyManagers: map[string]resource.KeyManager{"ThunderKeyManager": {}, "Partner": {Issuer: "https://partner.example"}},
	}
}

func booking(env string, auth schema.Authentication) schema.Agent {
	return schema.Agent{
		Name: "booking", Organization: "acme", Project: "travel", Kind: schema.KindCustomAPI,
		Environments: []schema.Environment{{Name: env, Authentication: auth}},
		Positions: schema.Positions{
			"": {File: "a.cue", Line: 3, Column: 1}, "environments." + env: {File: "a.cue", Line: 9, Column: 3},
			"environments." + env + ".endpointAuthentication.issuers.0": {File: "a.cue", Line: 12, Column: 14},
		},
	}
}

func oauth2(issuers ...string) schema.Authentication {
	return schema.Authentication{Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", Issuers: issuers}
}

// ids shows what a set has.
func ids(s desired.Set) []string {
	var out []string
	for _, b := range s.Bindings {
		for _, r := range b.Resources {
			out = append(out, r.ID.String())
		}
	}
	for _, r := range s.KeyManagers {
		out = append(out, r.ID.String())
	}
	return out
}

func TestFrom(t *testing.T) {
	t.Parallel()
	probe := []string{"credential gatewright/probe/probe@production", "client gatewright/probe/probe@production"}
	km := "key-manager ThunderKeyManager@production"
	tests := map[string]struct {
		reason string
		auth   schema.Authentication
		want   []string
	}{
		"oauth2 in production": {
			reason: "no test client in production",
			auth:   oauth2("ThunderKeyManager"),
			want: append([]string{
				"credential acme/travel/booking@production", "client acme/travel/booking@production",
				"endpoint acme/travel/booking@production",
			}, append(probe, km)...),
		},
		"oauth2 with a test client and a consumer": {
			reason: "a spec may ask for a test client anywhere",
			auth: schema.Authentication{
				Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", Issuers: []string{"ThunderKeyManager"},
				Test: schema.Yes, Clients: []schema.Client{{Name: "mobile"}},
			},
			want: append([]string{
				"credential acme/travel/booking@production", "client acme/travel/booking@production",
				"credential acme/travel/booking@production mobile", "client acme/travel/booking@production mobile",
				"credential acme/travel/booking@production test", "client acme/travel/booking@production test",
				"endpoint acme/travel/booking@production",
			}, append(probe, km)...),
		},
		"none": {
			reason: "no OAuth, no clients and no probe",
			auth:   schema.Authentication{Scheme: schema.SchemeNone},
			want:   []string{"endpoint acme/travel/booking@production"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, diagnostics := desired.From([]schema.Agent{booking("production", tc.auth)}, []desired.Environment{environment("production", true)})
			if len(diagnostics) > 0 {
				t.Fatal(diagnostics)
			}
			if diff := cmp.Diff(tc.want, ids(set)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestTestClient(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reason     string
		said       schema.Choice
		production bool
		want       bool
	}{
		"unsaid":                {reason: "there is one by default", want: true},
		"unsaid, in production": {reason: "there is none by default", production: true},
		"no":                    {reason: "a spec may do without it", said: schema.No},
		"yes, in production":    {reason: "a spec may ask for it", said: schema.Yes, production: true, want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			auth := oauth2("ThunderKeyManager")
			auth.Test = tc.said
			set, _ := desired.From([]schema.Agent{booking("east", auth)}, []desired.Environment{environment("east", tc.production)})
			if got := slices.Contains(ids(set), "client acme/travel/booking@east test"); got != tc.want {
				t.Errorf("%s: a test client: got %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}

func TestCredentialSaysWhatAConsumerNeeds(t *testing.T) {
	t.Parallel()
	set, _ := desired.From([]schema.Agent{booking("production", oauth2("ThunderKeyManager"))}, []desired.Environment{environment("production", true)})
	got := *set.Bindings[0].Resources[0].State.Credential
	want := resource.Credential{
		Path: "secret/agents/acme/travel/booking/production/own", ClientID: "acme_travel_booking_production",
		TokenEndpoint: "https://id.example/oauth2/token", Issuer: "https://id.example",
		Audience: "urn:gatewright:acme/travel/booking:production",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		agent schema.Agent
		want  string
	}{
		"unknown environment": {
			booking("prodution", oauth2("ThunderKeyManager")),
			`a.cue:9:3: agents.booking.environments.prodution: the configuration has no environment "prodution" [unknown-environment]`,
		},
		"unknown issuer": {
			booking("production", oauth2("thunderkeymanager")),
			`a.cue:12:14: agents.booking.environments.production.endpointAuthentication.issuers.0: ` +
				`the configuration of environment "production" knows no issuer "thunderkeymanager" [unknown-issuer]` +
				"\n    hint: did you mean \"ThunderKeyManager\"?",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, got := desired.From([]schema.Agent{tc.agent}, []desired.Environment{environment("production", true)})
			if len(got) != 1 || !strings.HasPrefix(got[0].String(), tc.want) {
				t.Errorf("got %v, want %s", got, tc.want)
			}
			if len(set.Bindings) != 0 {
				t.Errorf("a wrong binding is still wanted: %v", ids(set))
			}
		})
	}
}

func TestRotations(t *testing.T) {
	t.Parallel()
	own, all := schema.Rotation{Every: 3600, Overlap: 60}, schema.Rotation{Every: 7200, Overlap: 600}
	auth := oauth2("ThunderKeyManager")
	auth.Clients = []schema.Client{{Name: "mobile", Rotation: &own}, {Name: "partner"}}
	rotations := func() map[string]schema.Rotation {
		set, got := desired.From([]schema.Agent{booking("production", auth)}, []desired.Environment{environment("production", true)})
		if len(got) != 0 || len(set.Bindings) != 2 {
			t.Fatalf("got %v, want the binding and the probe", got)
		}
		return set.Bindings[0].Rotations
	}
	if diff := cmp.Diff(map[string]schema.Rotation{"mobile": own}, rotations()); diff != "" {
		t.Errorf("of one client: -want +got:\n%s", diff)
	}
	auth.Rotation = &all
	if diff := cmp.Diff(map[string]schema.Rotation{"own": all, "mobile": own, "partner": all}, rotations()); diff != "" {
		t.Errorf("of all clients: -want +got:\n%s", diff)
	}
}

func TestHashIgnoresPositions(t *testing.T) {
	t.Parallel()
	of := func(change func(*schema.Agent)) string {
		a := booking("production", oauth2("ThunderKeyManager"))
		change(&a)
		set, _ := desired.From([]schema.Agent{a}, []desired.Environment{environment("production", true)})
		return set.Bindings[0].Hash
	}
	base := of(func(*schema.Agent) {})
	if moved := of(func(a *schema.Agent) { a.Positions = nil }); moved != base {
		t.Error("moving a spec to another file changes what is wanted")
	}
	for name, change := range map[string]func(*schema.Agent){
		"validity":   func(a *schema.Agent) { a.Environments[0].Authentication.Validity = 60 },
		"client":     func(a *schema.Agent) { a.Environments[0].Authentication.Clients = []schema.Client{{Name: "x"}} },
		"deletion":   func(a *schema.Agent) { a.Deletion = schema.DeletionProtect },
		"suspension": func(a *schema.Agent) { a.Suspend = &schema.Suspend{Reason: "x", Until: time.Unix(1, 0)} },
		"header":     func(a *schema.Agent) { a.Environments[0].Authentication.Header = "X-Token" },
	} {
		if of(change) == base {
			t.Errorf("a change of %s is not seen", name)
		}
	}
}

// TestClientIDs: client ids are injective, and ParseClientID is their inverse.
func TestClientIDs(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		draw := func() (resource.Binding, string) {
			b := resource.Binding{
				Organization: name.Draw(t, "org"), Project: name.Draw(t, "project"),
				Agent: name.Draw(t, "agent"), Environment: name.Draw(t, "env"),
			}
			return b, rapid.OneOf(rapid.Just(resource.ClientOwn), name).Draw(t, "client")
		}
		b, client := draw()
		id := b.ClientID(client)
		gotBinding, gotClient, err := resource.ParseClientID(id)
		if err != nil || gotBinding != b || gotClient != client {
			t.Fatalf("%s: got %v %q, %v", id, gotBinding, gotClient, err)
		}
		other, otherClient := draw()
		if (other != b || otherClient != client) && other.ClientID(otherClient) == id {
			t.Fatalf("%v %s and %v %s share %s", b, client, other, otherClient, id)
		}
	})
}

// TestProbeOfEachInstallation: installations that share an identity provider
// must not fight over one probe client.
func TestProbeOfEachInstallation(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, installation := range []string{"", "gatewright", "blue", "Blue.Green", "blue_green", strings.Repeat("x", 63)} {
		b := desired.Environment{Name: "production", Installation: installation}.Probe()
		if !resource.ValidName(b.Agent) || !desired.IsProbe(b) {
			t.Errorf("%q: %q is no name of a probe", installation, b.Agent)
		}
		if other, taken := seen[b.Agent]; taken && (other != "" || installation != desired.DefaultInstallation) {
			t.Errorf("%q and %q share the probe %q", other, installation, b.Agent)
		}
		seen[b.Agent] = installation
	}
	if _, ok := seen["probe"]; !ok {
		t.Error("the default installation's probe is not called probe")
	}
}
