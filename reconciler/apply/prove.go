package apply

import (
	"context"
	"errors"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// proveOwn makes sure that the binding's own credential gets a token before
// its endpoint is closed.
func (r *run) proveOwn(ctx context.Context, b resource.Binding) error {
	if p, ok := r.result.Proofs[resource.ClientOwn]; ok && p.OK {
		return nil
	}
	return r.prove(ctx, b, resource.ClientOwn)
}

// proveStep tries the client that done has just made or changed. One that was
// to take over in a rotation and gets no token is taken away again.
func (r *run) proveStep(ctx context.Context, done *Settled) error {
	b, client := done.Step.ID.Binding, resource.Consumer(done.Step.ID.Name)
	if !done.Step.Rotates {
		return r.prove(ctx, b, client)
	}
	c, ok := r.stepOn(b, client)
	if !ok {
		return noCredential(b, client)
	}
	next := *c.After.Credential
	next.ClientSecret = r.fresh[client]
	_, p, err := r.Prover.Credential(ctx, next)
	if err == nil {
		r.result.Proofs[client] = p
		return nil
	}
	return errors.Join(err, r.rollBack(ctx, done))
}

// rollBack deletes the application that done has made. The one before it has not
// been touched.
func (r *run) rollBack(ctx context.Context, done *Settled) error {
	s := done.Step
	s.Action, s.Before, s.After, s.Version = plan.Delete, s.After, nil, done.Version
	out, err := r.Targets[s.ID.Kind].Apply(context.WithoutCancel(ctx), s, target.Input{At: r.Now()})
	done.Writes += out.Writes
	done.RolledBack = err == nil
	return err
}

// prove tries the credential of a client as it stands now.
func (r *run) prove(ctx context.Context, b resource.Binding, client string) error {
	s, ok := r.stepOn(b, client)
	if !ok {
		return noCredential(b, client)
	}
	c := *s.After.Credential
	if s.Rotates && !r.rotated[client] && s.Before != nil {
		c.ClientID, c.AuthMethod = s.Before.Credential.ClientID, s.Before.Credential.AuthMethod
	}
	c.ClientSecret = r.secret(b, client)
	_, p, err := r.Prover.Credential(ctx, c)
	r.result.Proofs[client] = p
	return err
}

func noCredential(b resource.Binding, client string) error {
	return fault.New(fault.Stalled, "NoCredential", "client %s of %s has no credential to prove", client, b)
}

// stepOn finds what a client's credential shall say, among all the steps of the
// plan for the binding: those that keep it included.
func (r *run) stepOn(b resource.Binding, client string) (plan.Step, bool) {
	id := resource.ID{Kind: resource.KindCredential, Binding: b, Name: client}
	for _, s := range r.all {
		if s.ID == id && s.After != nil {
			return s, true
		}
	}
	return plan.Step{}, false
}
