package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Names of policies (policy definitions of the WSO2 API Platform gateway 1.2).
const (
	policyJWT    = "jwt-auth"
	policyAPIKey = "api-key-auth"
	policyBasic  = "basic-auth"
	policyOpaque = "opaque-token-auth"
	policyMCP    = "mcp-auth"
	policyCORS   = "cors"

	policyVersion = "v1"
)

// policy is one entry of a policy list. Raw is what stands, to the byte: what
// is not ours is written back as it was read.
type policy struct {
	raw     json.RawMessage
	name    string
	version string
	// condition is the CEL expression under which the policy holds; empty means
	// always.
	condition json.RawMessage
	params    map[string]json.RawMessage
	// extra are keys that an entry does not have in the versions known here.
	extra []string
	// odd reports that the entry is no object with a name.
	odd bool
}

// authenticates reports whether p decides who is let in.
func (p policy) authenticates() bool {
	switch p.name {
	case policyJWT, policyAPIKey, policyBasic, policyOpaque, policyMCP:
		return true
	default:
		return false
	}
}

// errNotList says that what should be a policy list is none.
var errNotList = errors.New("the policies are not a list")

// parsePolicies reads a policy list. No list at all is an empty one; null or
// anything else in its place is an error, as it is for the trait.
func parsePolicies(raw json.RawMessage) ([]policy, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '[' {
		return nil, errNotList
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, errNotList
	}
	out := make([]policy, len(items))
	for i, item := range items {
		out[i] = parsePolicy(item)
	}
	return out, nil
}

func parsePolicy(raw json.RawMessage) policy {
	p := policy{raw: raw}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || json.Unmarshal(fields["name"], &p.name) != nil {
		return policy{raw: raw, odd: true}
	}
	for key, value := range fields {
		switch key {
		case "name":
		case "version":
			if json.Unmarshal(value, &p.version) != nil {
				p.version = string(value)
			}
		case "executionCondition":
			if s := string(value); s != `""` && s != "null" {
				p.condition = value
			}
		case "params":
			if json.Unmarshal(value, &p.params) != nil {
				p.extra = append(p.extra, "params of another type")
			}
		default:
			p.extra = append(p.extra, key)
		}
	}
	slices.Sort(p.extra)
	return p
}

// entry is the authentication policy that e asks for; nil for none.
func (t *Target) entry(e *resource.Endpoint) json.RawMessage {
	var params any
	name := policyJWT
	switch e.Scheme {
	case schema.SchemeOAuth2:
		params = jwtParams(e)
	case schema.SchemeAPIKey:
		name, params = policyAPIKey, map[string]any{"key": t.cfg.APIKeyName, "in": t.cfg.APIKeyIn}
	case schema.SchemeNone:
		return nil
	}
	//nolint:errchkjson // strings, booleans and lists of strings always have a JSON form
	raw, _ := json.Marshal(map[string]any{"name": name, "version": policyVersion, "params": params})
	return raw
}

// jwtParams are the parameters of jwt-auth. Each is set in so many words: the
// gateway's own defaults are whatever its operator configured (the chart of
// Agent Manager reads tokens from x-amp-api-key), and an empty list of issuers
// or audiences would mean any.
func jwtParams(e *resource.Endpoint) map[string]any {
	return map[string]any{
		paramIssuers: e.Issuers, paramAudiences: []string{e.Audience},
		paramHeader: e.Header, paramPrefix: e.Prefix, paramForward: e.ForwardToken,
	}
}

// swap returns policies with auth as the only authentication policy, and all
// others as they stand. It takes the place of the first one that goes; where
// there was none, it stands after cors, so that preflight requests, which carry
// no token, are answered. A nil auth only takes away.
func swap(policies []policy, auth json.RawMessage) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(policies)+1)
	place, cors := -1, -1
	for _, p := range policies {
		if p.authenticates() {
			if place < 0 {
				place = len(out)
			}
			continue
		}
		out = append(out, p.raw)
		if p.name == policyCORS && cors < 0 {
			cors = len(out)
		}
	}
	if auth == nil {
		return out
	}
	if place < 0 {
		place = max(cors, 0)
	}
	return slices.Insert(out, place, auth)
}

// lockedAudience is one that no token carries: audiences of bindings name an
// agent. The list that is attached to a Component demands it, so that an
// environment without a list of its own lets nobody in, least of all with a
// token of another environment.
const lockedAudience = "urn:gatewright:locked"

// locked is the authentication of an environment that has no list of its own.
func locked(e *resource.Endpoint) *resource.Endpoint {
	out := *e
	if out.Scheme == schema.SchemeOAuth2 {
		out.Audience = lockedAudience
	}
	return &out
}
