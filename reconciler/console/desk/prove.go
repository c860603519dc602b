package desk

import (
	"context"
	"fmt"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Prove tries a binding now: that its credentials get the right tokens, and that
// the gateway refuses whoever has none. The daemon goes on proving by itself,
// and what stands as the last proof is its own.
func (d *Desk) Prove(ctx context.Context, who access.Principal, b Binding) (resource.Proof, error) {
	if err := may(who, access.Developer, b); err != nil {
		return resource.Proof{}, err
	}
	newest, err := d.Engine.Newest(ctx)
	if err != nil {
		return resource.Proof{}, err
	}
	if newest.Wants(b) == nil {
		if _, _, err := d.known(ctx, b); err != nil {
			return resource.Proof{}, err
		}
	}
	if err := d.allow(who, ActionProve); err != nil {
		return resource.Proof{}, err
	}
	p, err := d.Engine.Prove(ctx, newest, b)
	if err != nil {
		return resource.Proof{}, err
	}
	failed := 0
	for _, c := range p.Checks {
		if !c.OK {
			failed++
		}
	}
	return p, d.event(ctx, who, ActionProve, b, "", fmt.Sprintf("%d checks, %d failed", len(p.Checks), failed))
}
