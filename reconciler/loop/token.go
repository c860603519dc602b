package loop

import (
	"context"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// probeTokens keeps the token of each environment's probe client for as long
// as it is good.
type probeTokens struct {
	mu            sync.Mutex
	byEnvironment map[string]proof.Token
}

// probeMargin is how long before its expiry a probe token is replaced.
const probeMargin = time.Minute

// probeToken returns a token of env's issuer for an audience that no endpoint
// takes.
func (e *Engine) probeToken(ctx context.Context, env *Environment) (proof.Token, error) {
	e.probes.mu.Lock()
	defer e.probes.mu.Unlock()
	if t, ok := e.probes.byEnvironment[env.Name]; ok && e.Options.Now().Add(probeMargin).Before(t.Expiry) {
		return t, nil
	}
	b := env.Probe()
	t, err := e.tokenOf(ctx, env, credentialOf(env, b, resource.ClientOwn))
	if err == nil {
		e.probes.byEnvironment[env.Name] = t
	}
	return t, err
}

// tokenOf reads a credential and gets a token with it.
func (e *Engine) tokenOf(ctx context.Context, env *Environment, credential resource.Resource) (proof.Token, error) {
	got := e.observeKind(ctx, env, resource.KindCredential, []resource.Resource{credential})[0]
	if err := usable(got); err != nil {
		return proof.Token{}, err
	}
	return env.Prover.Token(ctx, *got.State.Credential)
}

// Environment finds an environment of the engine by name; nil means that
// there is none.
func (e *Engine) Environment(name string) *Environment { return e.environment(name) }

// Endpoint observes the endpoint of a binding.
func (e *Engine) Endpoint(ctx context.Context, env *Environment, b resource.Binding) resource.Observed {
	r := resource.Resource{ID: resource.ID{Kind: resource.KindEndpoint, Binding: b}}
	return e.observeKind(ctx, env, resource.KindEndpoint, []resource.Resource{r})[0]
}
