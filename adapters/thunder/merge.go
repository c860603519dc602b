package thunder

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// object is a JSON object whose members are kept byte for byte, whether we
// know them or not.
type object map[string]json.RawMessage

// merge returns a GET's body with what we manage set:
//
//	description              | the short mark; what else it says stays
//	metadata                 | the members of our mark; others stay
//	inboundAuthConfig        | the entry of type oauth2; others stay
//	  clientId, clientSecret | always: omitted, ThunderID makes a new client id
//	  method, certificate    | as the client is to authenticate
//	  grantTypes             | only if the client could not use its secret
//	  token.accessToken      | defaultAudience, clientConfig.validityPeriod
//
// All other members are sent back as they came.
func (e *effect) merge(raw []byte, want resource.Client) ([]byte, error) {
	var app object
	if json.Unmarshal(raw, &app) != nil {
		return nil, malformed("application")
	}
	var description string
	if json.Unmarshal(orNull(app["description"]), &description) != nil {
		description = ""
	}
	inbound, err := e.mergeInbound(app["inboundAuthConfig"], want)
	if err != nil {
		return nil, err
	}
	metadata, err := mergeMark(app["metadata"], e.mark(e.id, e.secret))
	if err != nil {
		return nil, err
	}
	delete(app, "clientId") // a copy of the configuration's, for reading
	return app.with(map[string]any{
		"description": e.describe(e.id, description), "metadata": metadata, "inboundAuthConfig": inbound,
	})
}

// mergeMark sets the members of our mark.
func mergeMark(raw json.RawMessage, m mark) (json.RawMessage, error) {
	var metadata object
	if json.Unmarshal(orNull(raw), &metadata) != nil || metadata == nil {
		metadata = object{}
	}
	delete(metadata, "installation")
	members := map[string]any{
		"managedBy": m.ManagedBy, "binding": m.Binding, "client": m.Client, "secretDigest": m.SecretDigest,
	}
	if m.Installation != "" {
		members["installation"] = m.Installation
	}
	return metadata.with(members)
}

// mergeInbound sets the OAuth client among the ways into the application.
func (e *effect) mergeInbound(raw json.RawMessage, want resource.Client) ([]json.RawMessage, error) {
	var entries []json.RawMessage
	if json.Unmarshal(orNull(raw), &entries) != nil {
		return nil, malformed("application")
	}
	at := slices.IndexFunc(entries, func(entry json.RawMessage) bool {
		var t struct {
			Type string `json:"type"`
		}
		return json.Unmarshal(entry, &t) == nil && t.Type == inboundOAuth
	})
	entry := object{}
	if at >= 0 {
		if json.Unmarshal(entries[at], &entry) != nil {
			return nil, malformed("application")
		}
	} else {
		at, entries = len(entries), append(entries, nil)
	}
	config, err := e.mergeConfig(entry["config"], want)
	if err != nil {
		return nil, err
	}
	entries[at], err = entry.with(map[string]any{"type": inboundOAuth, "config": config})
	return entries, err
}

// mergeConfig sets the configuration of the OAuth client.
func (e *effect) mergeConfig(raw json.RawMessage, want resource.Client) (json.RawMessage, error) {
	config := object{}
	if raw != nil && json.Unmarshal(raw, &config) != nil {
		return nil, malformed("application")
	}
	var have oauthConfig
	if raw != nil && json.Unmarshal(raw, &have) != nil {
		return nil, malformed("application")
	}
	members, err := e.authentication(want.AuthMethod)
	if err != nil {
		return nil, err
	}
	members["clientId"] = want.ClientID
	if !slices.Contains(have.GrantTypes, grantType) {
		// What belongs to other grants is refused beside client_credentials.
		for _, m := range []string{"responseTypes", "redirectUris", "postLogoutRedirectUris", "pkceRequired"} {
			delete(config, m)
		}
		members["grantTypes"] = []string{grantType}
	}
	delete(config, "clientSecret")
	if have.Method != want.AuthMethod.String() {
		delete(config, "publicClient")
		delete(config, "certificate")
	}
	token, err := mergeToken(config["token"], want)
	if err != nil {
		return nil, err
	}
	members["token"] = token
	return config.with(members)
}

// mergeToken sets the audience and the life of access tokens.
func mergeToken(raw json.RawMessage, want resource.Client) (json.RawMessage, error) {
	token, access, client := object{}, object{}, object{}
	for _, in := range []struct {
		raw  func() json.RawMessage
		into *object
	}{
		{func() json.RawMessage { return raw }, &token},
		{func() json.RawMessage { return token["accessToken"] }, &access},
		{func() json.RawMessage { return access["clientConfig"] }, &client},
	} {
		if r := in.raw(); r != nil && json.Unmarshal(r, in.into) != nil {
			return nil, malformed("application")
		}
		if *in.into == nil {
			*in.into = object{}
		}
	}
	delete(client, "validityPeriod")
	members := map[string]any{}
	if want.Validity > 0 {
		members["validityPeriod"] = int64(want.Validity)
	}
	clientConfig, err := client.with(members)
	if err != nil {
		return nil, err
	}
	accessToken, err := access.with(map[string]any{"defaultAudience": want.Audience, "clientConfig": clientConfig})
	if err != nil {
		return nil, err
	}
	return token.with(map[string]any{"accessToken": accessToken})
}

// with returns the object as JSON with members set.
func (o object) with(members map[string]any) (json.RawMessage, error) {
	if o == nil {
		o = object{}
	}
	for k, v := range members {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, &fault.Error{Class: fault.Stalled, Err: fmt.Errorf("encode %s: %w", k, err)}
		}
		o[k] = raw
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, &fault.Error{Class: fault.Stalled, Err: fmt.Errorf("encode an object: %w", err)}
	}
	return raw, nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}
