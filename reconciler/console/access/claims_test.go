package access

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/resource"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		claims, claim, value string
		want                 bool
		reason               string
	}{
		"member":             {`{"groups": ["a", "b"]}`, "groups", "b", true, ""},
		"text":               {`{"groups": "b"}`, "groups", "b", true, ""},
		"part of a text":     {`{"groups": "Domain Admins"}`, "groups", "Admins", false, "names of groups hold spaces"},
		"part of a member":   {`{"groups": ["administrators"]}`, "groups", "admin", false, ""},
		"case":               {`{"groups": ["Admin"]}`, "groups", "admin", false, ""},
		"scope":              {`{"scope": "a b"}`, "scope", "b", true, "RFC 8693 §4.2"},
		"path":               {`{"realm_access": {"roles": ["r"]}}`, "realm_access.roles", "r", true, "Keycloak"},
		"name with dots":     {`{"https://x.example/roles": ["r"]}`, "https://x.example/roles", "r", true, "Auth0"},
		"literal wins":       {`{"a.b": "x", "a": {"b": "y"}}`, "a.b", "y", false, ""},
		"missing":            {`{}`, "groups", "a", false, ""},
		"number":             {`{"groups": 1}`, "groups", "1", false, "only texts are compared"},
		"object":             {`{"groups": {"a": true}}`, "groups", "a", false, ""},
		"nested list":        {`{"groups": [["a"]]}`, "groups", "a", false, ""},
		"any":                {`{"sub": "x"}`, "sub", Any, true, ""},
		"any of nothing":     {`{"groups": []}`, "groups", Any, false, ""},
		"any of empty":       {`{"sub": ""}`, "sub", Any, false, ""},
		"empty rule":         {`{"sub": ""}`, "sub", "", false, "a rule without a value gives nothing"},
		"star as a group":    {`{"groups": ["*"]}`, "groups", "a", false, "the token does not make a rule wider"},
		"verified address":   {`{"email": "a@x", "email_verified": true}`, "email", "a@x", true, ""},
		"verified as text":   {`{"email": "a@x", "email_verified": "true"}`, "email", "a@x", true, "Cognito"},
		"unverified address": {`{"email": "a@x", "email_verified": false}`, "email", "a@x", false, "anybody can type it"},
		"unknown address":    {`{"email": "a@x"}`, "email", "a@x", false, "anybody could have typed it"},
	} {
		var c Claims
		if err := json.Unmarshal([]byte(tt.claims), &c); err != nil {
			t.Fatal(err)
		}
		got := c.Grants([]Rule{{Claim: tt.claim, Value: tt.value, Grant: Grant{Role: Viewer}}})
		if (len(got) == 1) != tt.want {
			t.Errorf("%s: %v; %s", name, got, tt.reason)
		}
	}
}

// TestScopes: a role counts where it was given, and nowhere else.
func TestScopes(t *testing.T) {
	t.Parallel()
	rules := []Rule{
		{"groups", "acme-viewers", Grant{Viewer, resource.Selector{Organization: "acme"}}},
		{"groups", "travel", Grant{Developer, resource.Selector{Organization: "acme", Project: "travel"}}},
		{"groups", "operators", Grant{Admin, resource.Selector{Environment: "development"}}},
		{"groups", "platform", Grant{Admin, resource.Selector{}}},
	}
	binding := func(s string) resource.Binding {
		b, err := resource.ParseBinding(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	roles := func(group, at string) Role {
		p, err := Claims{"sub": "x", "groups": []any{group}}.Principal("", rules)
		if err != nil {
			t.Fatal(err)
		}
		best := Nobody
		for _, r := range []Role{Viewer, Developer, Admin} {
			if p.May(r, binding(at)) {
				best = r
			}
		}
		return best
	}
	for _, tt := range []struct {
		group, binding string
		want           Role
	}{
		{"acme-viewers", "acme/travel/booking@production", Viewer},
		{"acme-viewers", "other/travel/booking@production", Nobody},
		{"travel", "acme/travel/booking@production", Developer},
		{"travel", "acme/billing/invoice@production", Nobody},
		{"travel", "other/travel/booking@production", Nobody},
		{"operators", "other/travel/booking@development", Admin},
		{"operators", "other/travel/booking@production", Nobody},
		{"platform", "other/travel/booking@production", Admin},
		{"nobody", "acme/travel/booking@production", Nobody},
	} {
		if got := roles(tt.group, tt.binding); got != tt.want {
			t.Errorf("%s is %s of %s, want %s", tt.group, got, tt.binding, tt.want)
		}
	}
	all := Principal{Grants: []Grant{rules[0].Grant}}
	if all.MayAll(Viewer, resource.Selector{}) || !all.MayAll(Viewer, resource.Selector{Organization: "acme", Project: "travel"}) {
		t.Error("a viewer of an organization sees that, and not everything")
	}
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		claims  Claims
		subject string
		want    Principal
	}{
		"address":     {Claims{"sub": "1", "email": "a@x", "email_verified": true, "preferred_username": "ann", "name": "Ann"}, "", Principal{Subject: "a@x", Name: "Ann", Email: "a@x"}},
		"unverified":  {Claims{"sub": "1", "email": "boss@x", "preferred_username": "ann"}, "", Principal{Subject: "ann", Name: "ann"}},
		"sub":         {Claims{"sub": "1"}, "", Principal{Subject: "1", Name: "1"}},
		"configured":  {Claims{"sub": "1", "preferred_username": "ann"}, "sub", Principal{Subject: "1", Name: "1"}},
		"injected":    {Claims{"sub": "1", "name": "Ann <boss@x>\nsigned-off: boss"}, "", Principal{Subject: "1", Name: "Ann boss@xsigned-off: boss"}},
		"absent":      {Claims{"sub": "1"}, "upn", Principal{}},
		"a list":      {Claims{"sub": []any{"a", "b"}}, "", Principal{}},
		"unprintable": {Claims{"sub": "\x00\u202e"}, "", Principal{}},
	} {
		got, err := tt.claims.Principal(tt.subject, nil)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != (tt.want.Subject == "") {
			t.Errorf("%s: %v -want +got\n%s", name, err, diff)
		}
	}
}

func TestParseRole(t *testing.T) {
	t.Parallel()
	for _, r := range []Role{Viewer, Developer, Admin} {
		if got, err := ParseRole(r.String()); got != r || err != nil {
			t.Errorf("ParseRole(%q) = %v, %v", r, got, err)
		}
	}
	for _, s := range []string{"", "nobody", "Admin", "root"} {
		if got, err := ParseRole(s); err == nil || got != Nobody {
			t.Errorf("ParseRole(%q) = %v", s, got)
		}
	}
	if Role(9).String() != "nobody" || Role(-1).String() != "nobody" {
		t.Error("a role that there is not is nobody's")
	}
}

// FuzzClaims: whatever an issuer says, nobody gets what no rule gives, and what
// they are called fits into a line.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{`{"sub":"1","groups":["travel"]}`, `{"groups":"travel"}`, `{"sub":["x"]}`, `{"scope":"a travel"}`, `{"a":{"b":["travel"]}}`, `{"groups":[null,{}]}`, `null`, `{"sub":"\n<x>"}`} {
		f.Add(s, "groups", "travel")
	}
	f.Fuzz(func(t *testing.T, text, claim, value string) {
		var c Claims
		if json.Unmarshal([]byte(text), &c) != nil {
			return
		}
		want := Grant{Role: Viewer, Scope: resource.Selector{Organization: "acme"}}
		p, err := c.Principal("", []Rule{{claim, value, want}})
		if err != nil {
			return
		}
		for _, s := range []string{p.Subject, p.Name, p.Email} {
			if strings.ContainsAny(s, "\n\r<>\x00") || utf8.RuneCountInString(s) > maxLine || !utf8.ValidString(s) {
				t.Errorf("%q does not fit into a line", s)
			}
		}
		if p.Subject == "" || len(p.Grants) > 1 || len(p.Grants) == 1 && p.Grants[0] != want {
			t.Errorf("principal = %+v", p)
		}
		if len(p.Grants) == 1 && value != Any && !strings.Contains(text, `\`) && !slices.ContainsFunc([]string{text}, func(s string) bool { return strings.Contains(s, value) }) {
			t.Errorf("%s does not hold %q", text, value)
		}
	})
}
