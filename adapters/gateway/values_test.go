package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// valuesOfAMP is the shape of Agent Manager's chart.
const valuesOfAMP = `# values of the gateway
gateway:
  developmentMode: true # for now
  config:
    controller:
      server: {api_port: 9090}
    policy_configurations:
      ratelimit_v1:
        backend: memory
      # issuers
      jwtauth_v1:
        keymanagers:
        - name: agent-manager-service
          issuer: agent-manager-service
          jwks:
            remote:
              uri: http://amp-api:9000/auth/external/jwks.json
              skipTlsVerify: true
        - name: ThunderKeyManager # of the environment
          issuer: http://thunder.amp.localhost:8080
          jwks: {remote: {uri: "http://thunder:8090/oauth2/jwks", skipTlsVerify: true}}
        headername: x-amp-api-key
        leeway: 30s
  # below
  controller:
    replicas: 1
`

// valuesWithTOML keeps the same as text.
const valuesWithTOML = `gateway:
  config: {}
  config_toml: |
    # the issuers
    [policy_configurations.jwtauth_v1]
    leeway = "30s"

    [[policy_configurations.jwtauth_v1.keymanagers]]
    name = "agent-manager-service"
    issuer = "agent-manager-service"
    [policy_configurations.jwtauth_v1.keymanagers.jwks.remote]
    uri = "http://amp-api:9000/auth/external/jwks.json"

    [[policy_configurations.jwtauth_v1.keymanagers]]
    name = "ThunderKeyManager"
    issuer = "http://thunder.amp.localhost:8080"
    [policy_configurations.jwtauth_v1.keymanagers.jwks.remote]
    uri = "http://thunder:8090/oauth2/jwks"
    skipTlsVerify = true

    [policy_configurations.ratelimit_v1]
    backend = "memory" # kept
`

func managerNames(ks []KeyManager) string {
	var out []string
	for _, k := range ks {
		out = append(out, k.Section+":"+k.Name+"="+k.Issuer+"@"+k.JWKSURI)
	}
	return strings.Join(out, " ")
}

func TestParseValues(t *testing.T) {
	t.Parallel()
	const both = "jwtauth_v1:agent-manager-service=agent-manager-service@http://amp-api:9000/auth/external/jwks.json " +
		"jwtauth_v1:ThunderKeyManager=http://thunder.amp.localhost:8080@http://thunder:8090/oauth2/jwks"
	tests := map[string]struct{ text, want string }{
		"structured":    {valuesOfAMP, both},
		"as TOML":       {valuesWithTOML, both},
		"nothing":       {"", ""},
		"no policies":   {"gateway: {config: {}}", ""},
		"null section":  {"gateway: {config: {policy_configurations: {jwtauth_v1: }}}", ""},
		"older section": {"gateway: {config: {policy_configurations: {jwtauth_v0: {keymanagers: [{name: a}]}, jwtauth_v010: {keymanagers: [{name: b}]}}}}", "jwtauth_v0:a=@ jwtauth_v010:b=@"},
		"odd entries":   {"gateway: {config: {policy_configurations: {jwtauth_v1: {keymanagers: [7, {name: 5}, {name: a, jwks: x}]}}}}", "jwtauth_v1:=@ jwtauth_v1:a=@"},
		"by anchor":     {"x: &k [{name: a}]\ngateway: {config: {policy_configurations: {jwtauth_v1: {keymanagers: *k}}}}", "jwtauth_v1:a=@"},
		"without end":   {"x: &a [*a, *a, {policy_configurations: {jwtauth_v1: {keymanagers: [{name: a}]}}}]", "jwtauth_v1:a=@"},
		"mentioned":     {"gateway: {note: see policy_configurations and jwtauth_v1}", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseValues(tt.text)
			if err != nil || managerNames(got) != tt.want {
				t.Errorf("error %v\n-want %s\n+got  %s", err, tt.want, managerNames(got))
			}
		})
	}
	for name, text := range map[string]string{
		"no YAML": "a: [", "policies a list": "gateway: {config: {policy_configurations: [1]}}",
		"broken TOML": "gateway:\n  config_toml: |\n    [policy_configurations.jwtauth_v1\n    x\n",
	} {
		if got, err := parseValues(text); err == nil {
			t.Errorf("%s: want an error, got %s", name, managerNames(got))
		}
	}
}

// TestEditValues edits each shape and looks that all else stays, comments
// included.
func TestEditValues(t *testing.T) {
	t.Parallel()
	want := &resource.KeyManager{Name: "Env", Issuer: "https://env.example", JWKSURI: "https://env.example/jwks"}
	moved := &resource.KeyManager{Name: "ThunderKeyManager", Issuer: "https://env.example", JWKSURI: "https://env.example/jwks"}
	tests := map[string]struct {
		text, name string
		want       *resource.KeyManager
		has, lacks []string
	}{
		"add to structured": {valuesOfAMP, "Env", want, []string{"name: Env", "# values of the gateway", "# for now", "# issuers", "# of the environment", "# below", "agent-manager-service"}, nil},
		"change structured": {valuesOfAMP, "ThunderKeyManager", moved, []string{"issuer: https://env.example", "skipTlsVerify: true", "# of the environment"}, []string{"http://thunder"}},
		"remove structured": {valuesOfAMP, "ThunderKeyManager", nil, []string{"agent-manager-service"}, []string{"ThunderKeyManager"}},
		"add to TOML":       {valuesWithTOML, "Env", want, []string{"# the issuers", `name = 'Env'`, "# kept"}, nil},
		"change in TOML":    {valuesWithTOML, "ThunderKeyManager", moved, []string{"# the issuers", "https://env.example", "skipTlsVerify = true", "# kept"}, []string{"http://thunder"}},
		"remove from TOML":  {valuesWithTOML, "agent-manager-service", nil, []string{"# the issuers", "ThunderKeyManager", "# kept"}, []string{"amp-api"}},
		"into nothing":      {noManagers, "Env", want, []string{"# here", "other: 1", "name: Env"}, nil},
		"into null":         {"gateway: {config: {policy_configurations: {jwtauth_v1: {keymanagers: }}}}", "Env", want, []string{"name: Env"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := editValues(tt.text, tt.name, tt.want)
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			for _, s := range tt.has {
				if !strings.Contains(got, s) {
					t.Errorf("%q is not in\n%s", s, got)
				}
			}
			for _, s := range tt.lacks {
				if strings.Contains(got, s) {
					t.Errorf("%q is in\n%s", s, got)
				}
			}
			ks, err := parseValues(got)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(ks, func(k KeyManager) bool { return k.Name == tt.name })
			if (at >= 0) != (tt.want != nil) || at >= 0 && ks[at].KeyManager != *tt.want {
				t.Errorf("read back: %s", managerNames(ks))
			}
			again, err := editValues(got, tt.name, tt.want)
			if err != nil || again != got {
				t.Errorf("editing again (%v) made of\n%s\nthis\n%s", err, got, again)
			}
		})
	}
}

// noManagers says that the gateway is to trust nobody.
const noManagers = `
gateway:
  # here
  config:
    policy_configurations:
      jwtauth_v1:
        keymanagers: []
other: 1
`

// A list that is made would take the place of one that the gateway has from its
// operator's values.
func TestEditValuesMakesNoList(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "gateway: {config: {}}", "gateway: {config: {policy_configurations: }}", "gateway: {config: {policy_configurations: {}}}",
		"gateway: {config: {policy_configurations: {jwtauth_v1: {}}}}",
	} {
		if got, err := editValues(text, "Env", &resource.KeyManager{Name: "Env", Issuer: "i", JWKSURI: "u"}); !errors.Is(err, errNoList) {
			t.Errorf("%q: got %v\n%s", text, err, got)
		}
	}
}

func TestEditValuesRefuses(t *testing.T) {
	t.Parallel()
	want := &resource.KeyManager{Name: "Env", Issuer: "i", JWKSURI: "u"}
	for name, text := range map[string]string{
		"an inline list in TOML": "gateway:\n  config_toml: |\n    [policy_configurations.jwtauth_v1]\n    keymanagers = [{name = \"a\", issuer = \"i\"}]\n",
		"a section that is text": "gateway: {config: {policy_configurations: {jwtauth_v1: x}}}",
		"a list that is shared":  "x: &k [{name: a}]\ngateway: {config: {policy_configurations: {jwtauth_v1: {keymanagers: *k}}}}",
	} {
		if got, err := editValues(text, "Env", want); !errors.Is(err, errByHand) {
			t.Errorf("%s: want %v, got %v\n%s", name, errByHand, err, got)
		}
	}
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{valuesOfAMP, valuesWithTOML, "", "a: [", "x: &a [*a]", "x: &a {policy_configurations: {jwtauth_v1: {}}, y: *a, z: *a}", "gateway: {config: {policy_configurations: {jwtauth_v1: {keymanagers: [{}]}}}}"} {
		f.Add(s)
	}
	want := &resource.KeyManager{Name: "Env", Issuer: "i", JWKSURI: "u"}
	f.Fuzz(func(t *testing.T, text string) {
		before, err := parseValues(text)
		if err != nil {
			return
		}
		got, err := editValues(text, "Env", want)
		if err != nil {
			return
		}
		after, err := parseValues(got)
		if err != nil || onlyChanged(before, after, "Env", want) != nil {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	})
}
