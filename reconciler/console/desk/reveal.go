package desk

import (
	"context"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// How long a wrapping token may live.
const (
	minWrap = 10 * time.Second
	maxWrap = 24 * time.Hour
)

// Reveal returns the credential of a client, to be shown to who asked, once. A
// wrap above zero asks for a token in place of the secret, which the store gives
// the secret for to one reader within that time. That it was asked for is stored
// first, and nothing is shown if it cannot be.
func (d *Desk) Reveal(ctx context.Context, who access.Principal, b Binding, client string, wrap time.Duration) (Credential, error) {
	if err := may(who, access.Developer, b); err != nil {
		return Credential{}, err
	}
	if client == "" {
		return Credential{}, invalid("client", "it is missing")
	}
	if wrap != 0 && (wrap < minWrap || wrap > maxWrap || wrap%time.Second != 0) {
		return Credential{}, invalid("wrapTTL", "it is a number of seconds from %d to %d", int(minWrap.Seconds()), int(maxWrap.Seconds()))
	}
	env, _, err := d.ofClient(ctx, b, client)
	if err != nil {
		return Credential{}, err
	}
	if err := d.allow(who, ActionReveal); err != nil {
		return Credential{}, err
	}
	seen := d.Engine.Credential(ctx, env, b, client)
	switch {
	case seen.Err != nil:
		return Credential{}, seen.Err
	case !seen.Found || seen.State.Credential.ClientSecret.IsZero():
		return Credential{}, loop.NoCredential(b, client)
	}
	said := "the secret itself"
	if wrap > 0 {
		said = fmt.Sprintf("wrapped for %s", wrap)
	}
	if err := d.event(ctx, who, ActionReveal, b, client, said); err != nil {
		return Credential{}, fmt.Errorf("not shown, since it could not be recorded: %w", err)
	}
	c := seen.State.Credential
	out := Credential{
		Client: client, ClientID: c.ClientID, Key: c.AuthMethod == schema.AuthPrivateKey, TokenEndpoint: c.TokenEndpoint,
		Issuer: c.Issuer, Audience: c.Audience, Version: version(seen),
	}
	if wrap == 0 {
		out.Secret = c.ClientSecret
		return out, nil
	}
	out.Wrapping, out.WrappingEnds, err = d.Engine.Wrap(ctx, env, b, client, wrap)
	if err != nil {
		return Credential{}, err
	}
	return out, nil
}

// version names the version of a credential as people know it: what stands
// before the first @ of the adapter's guard.
func version(seen resource.Observed) string {
	for i, r := range seen.Version {
		if r < '0' || r > '9' {
			return seen.Version[:i]
		}
	}
	return seen.Version
}
