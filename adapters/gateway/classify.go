package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Parameters of jwt-auth v1 that a spec decides.
const (
	paramIssuers   = "issuers"
	paramAudiences = "audiences"
	paramHeader    = "headerName"
	paramPrefix    = "authHeaderPrefix"
	paramForward   = "forwardToken"
)

// authentication says in the words of a spec how a policy list lets callers in.
//
//	jwt-auth | api-key-auth | other authentication | scheme | altered
//	---------+--------------+----------------------+--------+---------------------
//	0        | 0            | 0                    | none   |
//	1        | 0            | 0                    | oauth2 | what of it is odd
//	0        | 1            | 0                    | apiKey | what of it is odd
//	0        | 0            | any                  | its name: no spec says that
//	0        | several, or with others             | apiKey | the surplus
//	several, or with any other                     | oauth2 | the surplus
//	no list                                        | unknown| what stands there
//
// Odd is all that changes whom an entry lets in, or where the token goes, beyond
// what a spec says: another version, a condition, further parameters, a
// parameter that is left to the gateway's defaults. Missing or several issuers
// and audiences show in those fields: no audience means any.
func (t *Target) authentication(raw json.RawMessage) resource.Endpoint {
	policies, err := parsePolicies(raw)
	if err != nil {
		return resource.Endpoint{Scheme: "unknown", Altered: err.Error()}
	}
	var jwt, key, other []policy
	for _, p := range policies {
		switch {
		case p.name == policyJWT:
			jwt = append(jwt, p)
		case p.name == policyAPIKey:
			key = append(key, p)
		case p.authenticates():
			other = append(other, p)
		}
	}
	switch {
	case len(jwt) > 0:
		e := oauth2(jwt[0])
		return surplus(e, slices.Concat(jwt[1:], key, other))
	case len(key) > 0:
		return surplus(t.apiKey(key[0]), slices.Concat(key[1:], other))
	case len(other) > 0:
		return surplus(resource.Endpoint{Scheme: schema.Scheme(other[0].name)}, other[1:])
	default:
		return resource.Endpoint{Scheme: schema.SchemeNone}
	}
}

// surplus notes authentication policies that stand beside the one that counts.
func surplus(e resource.Endpoint, more []policy) resource.Endpoint {
	for _, p := range more {
		e.Altered = join(e.Altered, "a further "+p.name)
	}
	return e
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// oauth2 reads a jwt-auth policy.
func oauth2(p policy) resource.Endpoint {
	e := resource.Endpoint{Scheme: schema.SchemeOAuth2}
	odd := oddities(p)
	read := func(name string, into any) {
		raw, ok := p.params[name]
		switch {
		case !ok && (name == paramIssuers || name == paramAudiences):
		case !ok:
			odd = append(odd, "no "+name)
		case string(raw) == "null" || json.Unmarshal(raw, into) != nil:
			odd = append(odd, name+" of another type")
		}
	}
	var audiences []string
	read(paramIssuers, &e.Issuers)
	read(paramAudiences, &audiences)
	read(paramHeader, &e.Header)
	read(paramPrefix, &e.Prefix)
	read(paramForward, &e.ForwardToken)
	e.Audience = strings.Join(audiences, ",")
	if slices.ContainsFunc(e.Issuers, func(s string) bool { return strings.Contains(s, ",") }) {
		// Joined for showing it would read as two.
		odd = append(odd, "an issuer with a comma")
	}
	if len(audiences) > 1 {
		// Joined they could read as one audience that holds a comma.
		odd = append(odd, fmt.Sprintf("%d audiences", len(audiences)))
	}
	odd = append(odd, others(p.params, paramIssuers, paramAudiences, paramHeader, paramPrefix, paramForward)...)
	e.Altered = strings.Join(odd, ", ")
	return e
}

// apiKey reads an api-key-auth policy.
func (t *Target) apiKey(p policy) resource.Endpoint {
	odd := oddities(p)
	for name, want := range map[string]string{"in": t.cfg.APIKeyIn, "key": t.cfg.APIKeyName} {
		var got string
		if json.Unmarshal(p.params[name], &got) != nil || got != want {
			odd = append(odd, fmt.Sprintf("%s is not %s", name, want))
		}
	}
	odd = append(odd, others(p.params, "in", "key")...)
	slices.Sort(odd)
	return resource.Endpoint{Scheme: schema.SchemeAPIKey, Altered: strings.Join(odd, ", ")}
}

// oddities lists what differs in an entry of any name.
func oddities(p policy) []string {
	var odd []string
	if p.version != policyVersion {
		odd = append(odd, fmt.Sprintf("version %q", p.version))
	}
	if len(p.condition) > 0 {
		odd = append(odd, "executionCondition "+oneLine(string(p.condition)))
	}
	return append(odd, p.extra...)
}

// others lists the parameters beyond known ones.
func others(params map[string]json.RawMessage, known ...string) []string {
	var out []string
	for name := range params {
		if !slices.Contains(known, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// like gives e the spelling of want where the two mean the same: issuers are a
// set.
func like(e resource.Endpoint, want *resource.Endpoint) resource.Endpoint {
	if want == nil || len(e.Issuers) != len(want.Issuers) {
		return e
	}
	a, b := slices.Sorted(slices.Values(e.Issuers)), slices.Sorted(slices.Values(want.Issuers))
	if slices.Equal(a, b) {
		e.Issuers = want.Issuers
	}
	return e
}

// same reports that two endpoints are equal in all that a plan compares.
func same(a, b resource.Endpoint) bool {
	return slices.Equal(resource.State{Endpoint: &a}.Fields(), resource.State{Endpoint: &b}.Fields())
}
