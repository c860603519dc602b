package desk

import (
	"context"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Token gets an access token with the credential of a client; an empty client
// is that for tests or, where there is none, the binding's own.
func (d *Desk) Token(ctx context.Context, who access.Principal, b Binding, client string) (Token, error) {
	if err := may(who, access.Developer, b); err != nil {
		return Token{}, err
	}
	env, client, err := d.ofClient(ctx, b, client)
	if err != nil {
		return Token{}, err
	}
	if err := d.allow(who, ActionToken); err != nil {
		return Token{}, err
	}
	if err := d.event(ctx, who, ActionToken, b, client, ""); err != nil {
		return Token{}, err
	}
	t, name, err := d.Engine.AnyToken(ctx, env, b, client)
	if err != nil {
		return Token{}, err
	}
	out := tokenOf(t, b, name)
	seen := d.Engine.Endpoint(ctx, env, b)
	out.URL = seen.URL
	out.Header, out.Prefix = injected(seen)
	return out, nil
}

// ofClient returns the environment of b, and the client that is meant. A client
// that the binding does not have is unknown.
func (d *Desk) ofClient(ctx context.Context, b Binding, client string) (*loop.Environment, string, error) {
	env, row, err := d.known(ctx, b)
	if err != nil || client == "" {
		return env, client, err
	}
	for _, c := range row.Clients {
		if c.Name == client {
			return env, client, nil
		}
	}
	return nil, "", ErrUnknown
}

// tokenOf is a token as people see it.
func tokenOf(t proof.Token, b Binding, client string) Token {
	out := Token{Access: t.Access, Client: client, ClientID: t.ClientID, Expiry: t.Expiry.UTC(), Claims: t.Claims}
	if out.ClientID == "" {
		out.ClientID = b.ClientID(client)
	}
	if out.Claims == nil {
		out.Claims = map[string]any{}
	}
	return out
}

// The places of a token where nothing else is known (RFC 6750 section 2.1).
const (
	defaultHeader = "Authorization"
	defaultPrefix = "Bearer"
)

// injected says where an endpoint expects the token.
func injected(seen resource.Observed) (header, prefix string) {
	if e := seen.State.Endpoint; e != nil && e.Header != "" {
		return e.Header, e.Prefix
	}
	return defaultHeader, defaultPrefix
}
