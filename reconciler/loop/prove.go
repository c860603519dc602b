package loop

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// prove tries the stored credentials of a binding and its endpoint. A gateway may
// answer by its former policy for a while, and the probe's client may be under
// way, so that a failed proof counts only after the lag has passed.
func (r *rollouts) prove(ctx context.Context, p *pending) {
	endpoint, credentials := parts(p)
	result := resource.Proof{At: r.engine.Options.Now(), OK: true}
	own, err := r.answers(ctx, p, endpoint, credentials, &result)
	if err != nil && fault.ClassOf(err) != fault.Waiting && r.engine.Options.Now().Sub(p.rolled) < r.engine.Options.Lag {
		return
	}
	if err == nil {
		result.Endpoint = result.OK
		err = r.consumers(ctx, p, credentials, &result)
	}
	p.finished = true
	p.outcome.Err = errors.Join(p.outcome.Err, err)
	if len(result.Checks) > 0 {
		result.OK = result.OK && err == nil
		p.outcome.Proof = &result
	}
	if err == nil {
		r.engine.used.keep(p.job.binding, own)
	}
}

// answers tries the credential of an endpoint and how the gateway answers, and
// returns the token that it tried it with.
func (r *rollouts) answers(
	ctx context.Context, p *pending, endpoint resource.Endpoint, credentials []resource.Resource, result *resource.Proof,
) (proof.Token, error) {
	tokens, err := r.tokens(ctx, p, endpoint, credentials, result)
	if err != nil {
		return tokens.Own, err
	}
	got, err := r.env.Prover.Endpoint(ctx, p.lastSeen.URL, endpoint, tokens)
	add(result, "", got)
	return tokens.Own, err
}

// Prove tries the endpoint of a binding and all its credentials now, as after a
// change, and records nothing. An answer that is not as it should be is part of
// the proof; the error says why there is none.
func (e *Engine) Prove(ctx context.Context, st *State, b resource.Binding) (resource.Proof, error) {
	wanted, env := st.wanted[b], e.environment(b.Environment)
	if wanted == nil || env == nil {
		f := fault.New(fault.Waiting, "NoSpec", "the newest revision has no valid spec of %s", b)
		f.Op, f.Hint = "prove", "see what is wrong with its spec: gatewright validate"
		return resource.Proof{}, f
	}
	p := &pending{job: &job{binding: b, wanted: wanted}}
	endpoint, credentials := parts(p)
	p.lastSeen = e.Endpoint(ctx, env, b)
	switch {
	case p.lastSeen.Err != nil:
		return resource.Proof{}, p.lastSeen.Err
	case p.lastSeen.Found && !p.lastSeen.Rollout.Done():
		return resource.Proof{}, rolloutFault(p.lastSeen)
	}
	r, result := rollouts{engine: e, env: env}, resource.Proof{At: e.Options.Now(), OK: true}
	own, err := r.answers(ctx, p, endpoint, credentials, &result)
	if err == nil {
		result.Endpoint = result.OK
		err = r.consumers(ctx, p, credentials, &result)
	}
	if result.OK = result.OK && err == nil; result.OK {
		e.used.keep(b, own)
		return result, nil
	}
	if len(result.Checks) > 0 && fault.ClassOf(err) == fault.Stalled {
		return result, nil // it says what failed
	}
	return result, err
}

// parts is what of a binding is proved.
func parts(p *pending) (endpoint resource.Endpoint, credentials []resource.Resource) {
	for _, want := range p.job.wanted.Resources {
		switch want.ID.Kind {
		case resource.KindEndpoint:
			endpoint = *want.State.Endpoint
		case resource.KindCredential:
			credentials = append(credentials, want)
		case resource.KindClient, resource.KindKeyManager:
		}
	}
	return endpoint, credentials
}

// tokens gets what an endpoint is tried with.
func (r *rollouts) tokens(
	ctx context.Context, p *pending, endpoint resource.Endpoint, credentials []resource.Resource, result *resource.Proof,
) (out proof.Tokens, err error) {
	if endpoint.Scheme != schema.SchemeOAuth2 {
		return out, nil
	}
	for _, c := range credentials {
		if c.ID.Name != resource.ClientOwn {
			continue
		}
		if out.Own, err = r.try(ctx, c, result); err != nil {
			return out, err
		}
	}
	if t, ok := r.engine.used.expired(p.job.binding, r.engine.Options.Now()); ok {
		out.Expired = &t
	}
	out.Other, err = r.engine.probeToken(ctx, r.env)
	return out, err
}

// consumers tries the credentials of all other clients, but for those that were
// tried when they were made a moment ago.
func (r *rollouts) consumers(ctx context.Context, p *pending, credentials []resource.Resource, result *resource.Proof) error {
	var errs []error
	for _, c := range credentials {
		if c.ID.Name == resource.ClientOwn || p.outcome.proved[c.ID.Name] {
			continue
		}
		_, err := r.try(ctx, c, result)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// try gets a token with the stored credential of a client.
func (r *rollouts) try(ctx context.Context, credential resource.Resource, result *resource.Proof) (proof.Token, error) {
	seen := r.engine.observeKind(ctx, r.env, resource.KindCredential, []resource.Resource{credential})[0]
	if err := usable(seen); err != nil {
		return proof.Token{}, err
	}
	c := *credential.State.Credential
	stands := seen.State.Credential
	c.ClientID, c.ClientSecret, c.AuthMethod = stands.ClientID, stands.ClientSecret, stands.AuthMethod
	t, got, err := r.env.Prover.Credential(ctx, c)
	add(result, "client "+credential.ID.Name+": ", got)
	return t, err
}

// usable says why a credential cannot be tried.
func usable(seen resource.Observed) error {
	switch {
	case seen.Err != nil:
		return seen.Err
	case !seen.Found || seen.State.Credential.ClientSecret.IsZero():
		f := fault.New(fault.Transient, "NoCredential", "it does not stand yet")
		f.Op, f.Resource = "read", seen.ID.String()
		return f
	default:
		return nil
	}
}

// add adds the checks of one proof to another.
func add(to *resource.Proof, prefix string, from resource.Proof) {
	for _, c := range from.Checks {
		c.Name = prefix + c.Name
		to.Checks = append(to.Checks, c)
		to.OK = to.OK && c.OK
	}
	if !from.At.IsZero() {
		to.At = from.At
	}
}

// usedTokens keeps the token with which each endpoint was proved last. Once it
// has expired it is worth nothing but the proof that the endpoint refuses it.
type usedTokens struct {
	mu        sync.Mutex
	byBinding map[resource.Binding]proof.Token
}

// leeway is how far the clocks of the issuer and of the gateway may be apart: a
// token counts as expired when it is so by all of them.
const leeway = 2 * time.Minute

// keep takes the token of a proof, unless the one that it has will expire first.
func (u *usedTokens) keep(b resource.Binding, t proof.Token) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if old, ok := u.byBinding[b]; ok && old.Expiry.Before(t.Expiry) || t.Access.IsZero() {
		return
	}
	u.byBinding[b] = proof.Token{Access: t.Access, Expiry: t.Expiry}
}

// expired returns the token of an earlier proof if it has expired.
func (u *usedTokens) expired(b resource.Binding, now time.Time) (proof.Token, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t, ok := u.byBinding[b]
	return t, ok && now.After(t.Expiry.Add(leeway))
}

// The actions of events about proofs.
const (
	actionProofFailed = "proof-failed"
	actionProofPassed = "proof-passed"
)

// turned is the event of a proof that fails where the one before passed, or
// passes again.
func (e *Engine) turned(before *resource.Proof, row *inventory.Binding) (inventory.Event, bool) {
	now := row.LastProof
	was := before == nil || before.OK
	if now == nil || now.OK == was {
		return inventory.Event{}, false
	}
	out := inventory.Event{
		At: now.At, Actor: "gatewright", Action: actionProofPassed, Binding: row.Binding, Revision: row.Revision,
		Message: "the credentials work, and the endpoint answers as it should",
	}
	if !now.OK {
		out.Action, out.Message = actionProofFailed, row.Message
		e.Log.Error("the proof failed", "binding", row.Binding.String(), "error", row.Message, "hint", row.Hint)
	}
	return out, true
}
