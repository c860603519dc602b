package apply

import (
	"context"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// proveOwn makes sure that the binding's own credential gets a token before
// its endpoint is closed.
func (r *run) proveOwn(ctx context.Context, b resource.Binding, all []plan.Step) error {
	if p, ok := r.result.Proofs[resource.ClientOwn]; ok && p.OK {
		return nil
	}
	return r.prove(ctx, b, resource.ClientOwn, all)
}

// prove tries the credential of a client as it shall now stand.
func (r *run) prove(ctx context.Context, b resource.Binding, client string, all []plan.Step) error {
	c, ok := desiredCredential(all, b, client)
	if !ok {
		return fault.New(fault.Stalled, "NoCredential", "client %s of %s has no credential to prove", client, b)
	}
	c.ClientSecret = r.secret(resource.ID{Kind: resource.KindClient, Binding: b, Name: client})
	_, p, err := r.Prover.Credential(ctx, c)
	r.result.Proofs[client] = p
	return err
}

// desiredCredential finds what a client's credential shall say, among all the
// steps of the plan for the binding: those that keep it included.
func desiredCredential(all []plan.Step, b resource.Binding, client string) (resource.Credential, bool) {
	id := resource.ID{Kind: resource.KindCredential, Binding: b, Name: client}
	for _, s := range all {
		if s.ID == id && s.After != nil {
			return *s.After.Credential, true
		}
	}
	return resource.Credential{}, false
}
