package loop

import (
	"context"
	"fmt"
)

// Onward plans what p has left of its revision now that it was carried out: a
// rotation that waited for its client to be mended or changed, or the end of one
// that has no overlap. A daemon comes to it at its next pass; whoever converges
// once asks for it. Only bindings that p says it leaves something of are looked
// at, so that a plan that leaves nothing costs no call.
//
// It returns nil if nothing is left, and after a round in which anything failed
// or was skipped: that is for a person to look at before more is done. What it
// returns is planned as any other, under the suspensions of now, and the caller
// has to guard it; it may hold more than rotations if the world has moved.
func (e *Engine) Onward(ctx context.Context, p *Planned, r *Report) (*Planned, error) {
	left := p.Unfinished()
	if len(left) == 0 || r.Failed > 0 || len(r.Errors) > 0 {
		return nil, nil //nolint:nilnil // nothing is to be done
	}
	scope := Scope{}
	for _, b := range left {
		scope[b] = true
	}
	next, err := e.Plan(ctx, p.State, scope)
	if err != nil {
		return nil, fmt.Errorf("plan what is left: %w", err)
	}
	if next.Empty() {
		return nil, nil //nolint:nilnil // it is done already
	}
	return next, nil
}
