package loop

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// credentialOf names the credential of a client, and where it is kept.
func credentialOf(env *Environment, b resource.Binding, client string) resource.Resource {
	return resource.Resource{
		ID: resource.ID{Kind: resource.KindCredential, Binding: b, Name: client},
		State: resource.State{Credential: &resource.Credential{
			Path: desired.CredentialPath(env.Environment, b, client), ClientID: b.ClientID(client),
		}},
	}
}

// Credential observes the credential of a client, its secret included.
func (e *Engine) Credential(ctx context.Context, env *Environment, b resource.Binding, client string) resource.Observed {
	return e.observeKind(ctx, env, resource.KindCredential, []resource.Resource{credentialOf(env, b, client)})[0]
}

// Wrap returns a token for which the store of credentials gives that of a client,
// once, and when it ends.
func (e *Engine) Wrap(
	ctx context.Context, env *Environment, b resource.Binding, client string, life time.Duration,
) (resource.Secret, time.Time, error) {
	t := env.Targets[resource.KindCredential]
	w, ok := t.(target.Wrapper)
	if !ok {
		return resource.Secret{}, time.Time{}, target.NoWrapper(t.Name())
	}
	return w.Wrap(ctx, credentialOf(env, b, client), life)
}

// Token gets an access token with the stored credential of a client. It
// reports found false if there is no such credential.
func (e *Engine) Token(ctx context.Context, env *Environment, b resource.Binding, client string) (t proof.Token, found bool, err error) {
	got := e.Credential(ctx, env, b, client)
	if got.Err != nil || !got.Found || got.State.Credential.ClientSecret.IsZero() {
		return proof.Token{}, false, got.Err
	}
	t, err = env.Prover.Token(ctx, *got.State.Credential)
	return t, true, err
}

// AnyToken gets an access token with the credential of a client or, if that is
// empty, of the first client that has one: for tests, or the agent's own. It
// returns whose it is.
func (e *Engine) AnyToken(ctx context.Context, env *Environment, b resource.Binding, client string) (proof.Token, string, error) {
	names := []string{client}
	if client == "" {
		names = []string{resource.ClientTest, resource.ClientOwn}
	}
	for _, name := range names {
		t, found, err := e.Token(ctx, env, b, name)
		if found || err != nil {
			return t, name, err
		}
	}
	return proof.Token{}, "", NoCredential(b, names[len(names)-1])
}

// NoCredential is the error for a client that has no credential.
func NoCredential(b resource.Binding, client string) error {
	f := fault.New(fault.Waiting, "NoCredential", "%s has no credential of client %s", b, client)
	f.Op = "get token"
	f.Hint = "see `gatewright status " + b.String() + "`; is its scheme oauth2, and has the revision been applied?"
	return f
}
