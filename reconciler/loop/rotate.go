package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/reconciler/apply"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// askedFor notes what people ask to rotate within the scope of p.
func (e *Engine) askedFor(ctx context.Context, p *Planned) error {
	pending, err := e.Store.Rotations(ctx)
	if err != nil {
		return fmt.Errorf("read inventory: %w", err)
	}
	p.asked = map[resource.ID]inventory.Rotation{}
	for _, r := range pending {
		if p.scope.has(r.Binding) {
			p.asked[r.Credential()] = r
		}
	}
	return nil
}

// rotations are requests as a plan takes them.
func rotations(asked map[resource.ID]inventory.Rotation) map[resource.ID]plan.Rotation {
	out := make(map[resource.ID]plan.Rotation, len(asked))
	for id, r := range asked {
		out[id] = plan.Rotation{Overlap: r.Overlap, At: r.At, Cut: r.Cut, Reason: r.Reason}
	}
	return out
}

// answer takes away the requests that outcomes have carried out. It does not go
// by the clock, which may be another than that of whoever asked.
func (r recorder) answer(ctx context.Context, outcomes []apply.Settled) error {
	var errs []error
	for _, o := range outcomes {
		if asked, ok := r.asked[o.Step.ID]; ok && o.Step.Rotates && o.Err == nil {
			errs = append(errs, r.store.EndRotation(ctx, asked))
		}
	}
	return errors.Join(errs...)
}

// forgetAsked takes away the requests that have no object: the credential was
// rotated by a process that died before it could say so, or the specs no longer
// ask for it.
func (e *Engine) forgetAsked(ctx context.Context, p *Planned) error {
	var errs []error
	for id, r := range p.asked {
		done := rotations(p.asked)[id].Done(p.Observed[id].State.Credential)
		if dropped := p.scope == nil && p.State.Whole && !wants(p, id); done || dropped {
			errs = append(errs, e.Store.EndRotation(ctx, r))
		}
		if !done && !wants(p, id) {
			e.Log.WarnContext(ctx, "what is to be rotated does not exist", "resource", id.String(), "asked by", r.Author)
		}
	}
	return errors.Join(errs...)
}

// wants reports that p is about a resource that the specs ask for.
func wants(p *Planned, id resource.ID) bool {
	b := p.Wanted[id.Binding]
	if b == nil {
		return false
	}
	for _, r := range b.Resources {
		if r.ID == id {
			return true
		}
	}
	return false
}

// rotated reports that a credential was rotated, and the shortest overlap.
func (o *Outcome) rotated() (overlap time.Duration, yes bool) {
	for _, s := range o.Settled {
		if s.Err != nil || !s.Step.Rotates || s.Step.ID.Kind != resource.KindCredential {
			continue
		}
		if d := s.Step.Overlap.Duration(); !yes || d < overlap {
			overlap, yes = d, true
		}
	}
	return overlap, yes
}
