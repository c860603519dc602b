package gateway

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

const (
	entryCORS = `{"name":"cors","version":"v1","params":{"allowedOrigins":["*"]}}`
	entryRate = `{"name":"basic-ratelimit","version":"v1","params":{"limits":[{"requests":10,"duration":"1m"}]}}`
	entryKey  = `{"name":"api-key-auth","params":{"in":"header","key":"X-API-Key"},"version":"v1"}`
	entryJWT  = `{"name":"jwt-auth","params":{"audiences":["urn:x"],"authHeaderPrefix":"Bearer","forwardToken":true,"headerName":"Authorization","issuers":["ThunderKeyManager"]},"version":"v1"}`
)

func testTarget(t testing.TB, change ...func(*Config)) *Target {
	t.Helper()
	cfg := Config{RESTConfig: &rest.Config{Host: "http://127.0.0.1:1"}}
	for _, f := range change {
		f(&cfg)
	}
	out, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func oauth() *resource.Endpoint {
	return &resource.Endpoint{
		Scheme: schema.SchemeOAuth2, Header: "Authorization", Prefix: "Bearer", ForwardToken: true,
		Issuers: []string{"ThunderKeyManager"}, Audience: "urn:x", Attached: true,
	}
}

func listOf(entries ...string) json.RawMessage {
	return json.RawMessage("[" + strings.Join(entries, ",") + "]")
}

func TestSwap(t *testing.T) {
	t.Parallel()
	apiKey := &resource.Endpoint{Scheme: schema.SchemeAPIKey}
	none := &resource.Endpoint{Scheme: schema.SchemeNone}
	tests := map[string]struct {
		reason string
		list   json.RawMessage
		want   *resource.Endpoint
		after  json.RawMessage
	}{
		"in place":            {"the entry that goes gives its place", listOf(entryCORS, entryKey, entryRate), oauth(), listOf(entryCORS, entryJWT, entryRate)},
		"back":                {"both ways", listOf(entryCORS, entryJWT, entryRate), apiKey, listOf(entryCORS, entryKey, entryRate)},
		"after cors":          {"preflight requests carry no token", listOf(entryRate, entryCORS), oauth(), listOf(entryRate, entryCORS, entryJWT)},
		"first":               {"without cors it comes first", listOf(entryRate), oauth(), listOf(entryJWT, entryRate)},
		"nothing there":       {"no list is an empty list", nil, oauth(), listOf(entryJWT)},
		"empty":               {"an open API is closed", listOf(), oauth(), listOf(entryJWT)},
		"several":             {"one stays, in the first place", listOf(entryKey, entryRate, entryJWT, entryCORS), oauth(), listOf(entryJWT, entryRate, entryCORS)},
		"none keeps others":   {"only authentication goes", listOf(entryCORS, entryKey, entryRate), none, listOf(entryCORS, entryRate)},
		"none of one":         {"the spec says none", listOf(entryKey), none, listOf()},
		"odd entries stay":    {"what is not understood is not ours", listOf(`"x"`, `{"a":1}`, entryKey, `null`), oauth(), listOf(`"x"`, `{"a":1}`, entryJWT, `null`)},
		"opaque goes":         {"another authentication is one, too", listOf(`{"name":"opaque-token-auth"}`, entryRate), oauth(), listOf(entryJWT, entryRate)},
		"spaces of no matter": {"as people write", json.RawMessage(" [ " + entryKey + " ] "), oauth(), listOf(entryJWT)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policies, err := parsePolicies(tt.list)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(swap(policies, testTarget(t).entry(tt.want)))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(tt.after) {
				t.Errorf("%s\n-want %s\n+got  %s", tt.reason, tt.after, got)
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	jwt := func(change string, to string) json.RawMessage {
		s := strings.Replace(entryJWT, change, to, 1)
		if s == entryJWT {
			t.Fatalf("%q is not in the entry", change)
		}
		return listOf(entryCORS, s)
	}
	tests := map[string]struct {
		list    json.RawMessage
		scheme  schema.Scheme
		altered string // a part of it; "-" means that another field differs
	}{
		"as desired":          {listOf(entryCORS, entryJWT), schema.SchemeOAuth2, ""},
		"none":                {listOf(entryCORS), schema.SchemeNone, "-"},
		"no list":             {nil, schema.SchemeNone, "-"},
		"null":                {json.RawMessage("null"), "unknown", "not a list"},
		"a string":            {json.RawMessage(`"x"`), "unknown", "not a list"},
		"api key":             {listOf(entryKey), schema.SchemeAPIKey, "-"},
		"both":                {listOf(entryKey, entryJWT), schema.SchemeOAuth2, "a further api-key-auth"},
		"two":                 {listOf(entryJWT, entryJWT), schema.SchemeOAuth2, "a further jwt-auth"},
		"basic":               {listOf(`{"name":"basic-auth","version":"v1"}`), "basic-auth", "-"},
		"no issuer":           {jwt(`"issuers":["ThunderKeyManager"]`, `"issuers":[]`), schema.SchemeOAuth2, "-"},
		"issuers missing":     {jwt(`,"issuers":["ThunderKeyManager"]`, ``), schema.SchemeOAuth2, "-"},
		"another issuer":      {jwt(`["ThunderKeyManager"]`, `["ThunderKeyManager","agent-manager-service"]`), schema.SchemeOAuth2, "-"},
		"comma in an issuer":  {jwt(`["ThunderKeyManager"]`, `["a,b"]`), schema.SchemeOAuth2, "comma"},
		"empty issuer":        {jwt(`["ThunderKeyManager"]`, `[""]`), schema.SchemeOAuth2, "-"},
		"no audience":         {jwt(`["urn:x"]`, `[]`), schema.SchemeOAuth2, "-"},
		"audience missing":    {jwt(`"audiences":["urn:x"],`, ``), schema.SchemeOAuth2, "-"},
		"another audience":    {jwt(`["urn:x"]`, `["urn:x","urn:y"]`), schema.SchemeOAuth2, "2 audiences"},
		"audience a string":   {jwt(`["urn:x"]`, `"urn:x"`), schema.SchemeOAuth2, "audiences of another type"},
		"condition":           {jwt(`"name":"jwt-auth"`, `"executionCondition":"request.path != '/x'","name":"jwt-auth"`), schema.SchemeOAuth2, "executionCondition"},
		"empty condition":     {jwt(`"name":"jwt-auth"`, `"executionCondition":"","name":"jwt-auth"`), schema.SchemeOAuth2, ""},
		"older version":       {jwt(`"version":"v1"`, `"version":"v0"`), schema.SchemeOAuth2, `version "v0"`},
		"no version":          {jwt(`,"version":"v1"`, ``), schema.SchemeOAuth2, `version ""`},
		"scopes":              {jwt(`"params":{`, `"params":{"scopes":{"anyOf":["a"]},`), schema.SchemeOAuth2, "scopes"},
		"claims":              {jwt(`"params":{`, `"params":{"requiredClaims":{"a":"b"},`), schema.SchemeOAuth2, "requiredClaims"},
		"token elsewhere":     {jwt(`"headerName":"Authorization"`, `"headerName":"X-Token"`), schema.SchemeOAuth2, "-"},
		"header by default":   {jwt(`"headerName":"Authorization",`, ``), schema.SchemeOAuth2, "no headerName"},
		"prefix by default":   {jwt(`"authHeaderPrefix":"Bearer",`, ``), schema.SchemeOAuth2, "no authHeaderPrefix"},
		"not forwarded":       {jwt(`"forwardToken":true`, `"forwardToken":false`), schema.SchemeOAuth2, "-"},
		"no parameters":       {listOf(`{"name":"jwt-auth","version":"v1"}`), schema.SchemeOAuth2, "no headerName"},
		"parameters a string": {listOf(`{"name":"jwt-auth","version":"v1","params":"x"}`), schema.SchemeOAuth2, "params of another type"},
		"unknown key":         {jwt(`"name":"jwt-auth"`, `"enabled":false,"name":"jwt-auth"`), schema.SchemeOAuth2, "enabled"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := testTarget(t).authentication(tt.list)
			got.Attached = true
			if got.Scheme != tt.scheme {
				t.Errorf("scheme: want %s, got %s", tt.scheme, got.Scheme)
			}
			if equal := same(got, *oauth()); equal != (tt.altered == "") {
				t.Errorf("equal to what is desired: %v; %+v", equal, got)
			}
			if tt.altered != "" && tt.altered != "-" && !strings.Contains(got.Altered, tt.altered) {
				t.Errorf("altered: want %q in it, got %q", tt.altered, got.Altered)
			}
		})
	}
}

func TestAPIKeyOddities(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		entryKey: "",
		`{"name":"api-key-auth","version":"v1","params":{"in":"query","key":"X-API-Key"}}`:                               "in is not header",
		`{"name":"api-key-auth","version":"v1","params":{"in":"header"}}`:                                                "key is not X-API-Key",
		`{"name":"api-key-auth","version":"v1","params":{"in":"header","key":"X-API-Key","issuer":"x"}}`:                 "issuer",
		`{"name":"api-key-auth","version":"v1","executionCondition":"false","params":{"in":"header","key":"X-API-Key"}}`: `executionCondition "false"`,
	} {
		if got := testTarget(t).authentication(listOf(list)); got.Scheme != schema.SchemeAPIKey || got.Altered != want {
			t.Errorf("%s: want altered %q, got %+v", list, want, got)
		}
	}
}

// endpoints draws a desired endpoint.
func endpoints() *rapid.Generator[*resource.Endpoint] {
	return rapid.Custom(func(t *rapid.T) *resource.Endpoint {
		e := &resource.Endpoint{Attached: true, Scheme: rapid.SampledFrom([]schema.Scheme{schema.SchemeOAuth2, schema.SchemeAPIKey, schema.SchemeNone}).Draw(t, "scheme")}
		if e.Scheme == schema.SchemeOAuth2 {
			e.Header = rapid.StringMatching(`[A-Za-z-]{1,12}`).Draw(t, "header")
			e.Prefix = rapid.StringMatching(`[A-Za-z]{0,8}`).Draw(t, "prefix")
			e.ForwardToken = rapid.Bool().Draw(t, "forward")
			e.Issuers = rapid.SliceOfN(rapid.StringMatching(`[A-Za-z]{1,6}`), 1, 3).Draw(t, "issuers")
			e.Audience = "urn:" + rapid.StringMatching(`[a-z/:]{1,12}`).Draw(t, "audience")
		}
		return e
	})
}

func lists() *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.SampledFrom([]string{
		entryCORS, entryRate, entryKey, entryJWT, `{"name":"set-headers","params":{"n":12345678901234567890}}`, `{"name":"basic-auth"}`,
		`{"name":"jwt-auth"}`, `{"name":"mcp-auth"}`, `{}`, `7`, `null`, `{"name":5}`,
	}), 0, 8)
}

// TestSwapProperties: for any list and any desired state, what is read back
// after the surgery is what was desired, the other entries and their order are
// kept to the byte, and an empty list is written for "none" alone.
func TestSwapProperties(t *testing.T) {
	t.Parallel()
	target := testTarget(t)
	rapid.Check(t, func(t *rapid.T) {
		want, list := endpoints().Draw(t, "want"), lists().Draw(t, "list")
		before, err := parsePolicies(listOf(list...))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(swap(before, target.entry(want)))
		if err != nil {
			t.Fatal(err)
		}
		got := target.authentication(raw)
		got.Attached = true
		if !same(got, *want) {
			t.Fatalf("want %+v, got %+v", want, got)
		}
		after, err := parsePolicies(raw)
		if err != nil {
			t.Fatal(err)
		}
		if len(after) == 0 && want.Scheme != schema.SchemeNone {
			t.Fatalf("an empty list for %s", want.Scheme)
		}
		if x, y := bystanders(before), bystanders(after); !slices.Equal(x, y) {
			t.Fatalf("others changed: %v is now %v", x, y)
		}
		again, err := json.Marshal(swap(after, target.entry(want)))
		if err != nil || string(again) != string(raw) {
			t.Fatalf("swapping again changed %s to %s (%v)", raw, again, err)
		}
	})
}

// bystanders lists the entries that are no authentication.
func bystanders(ps []policy) []string {
	var out []string
	for _, p := range ps {
		if !p.authenticates() {
			out = append(out, string(p.raw))
		}
	}
	return out
}

func FuzzPolicies(f *testing.F) {
	for _, s := range []string{"[]", "null", "[" + entryJWT + "]", "[" + entryCORS + "," + entryKey + "]", `[{"name":"jwt-auth","params":null}]`, `{"a":[`} {
		f.Add([]byte(s))
	}
	target := testTarget(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := target.authentication(raw)
		policies, err := parsePolicies(raw)
		if err != nil {
			if e.Scheme != "unknown" || e.Altered == "" {
				t.Errorf("%q: not a list, and read as %+v", raw, e)
			}
			return
		}
		out, err := json.Marshal(swap(policies, target.entry(oauth())))
		if err != nil {
			t.Skip("not JSON to begin with")
		}
		got := target.authentication(out)
		got.Attached = true
		if !same(got, *oauth()) {
			t.Errorf("%q became %q, read as %+v", raw, out, got)
		}
	})
}
