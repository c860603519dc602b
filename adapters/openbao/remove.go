package openbao

import (
	"context"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/target"
)

// remove purges an entry of ours with all its versions. OpenBAO removes without
// check-and-set: the look before and the call are not one.
func (c *change) remove(ctx context.Context) (target.Outcome, *fault.Error) {
	t := c.target
	r, f := t.readAbout(ctx, c.entry)
	switch {
	case f != nil:
		return target.Outcome{}, f
	case !r.there:
		return target.Outcome{}, nil
	}
	if f := c.mine(r); f != nil {
		return target.Outcome{}, f
	}
	if c.step.Version != "" && !c.seen(r) {
		return target.Outcome{}, c.fail(moved())
	}
	c.writes++
	if err := t.purge(ctx, c.entry.key); err != nil {
		f := t.settle(ctx, c.place("metadata", "delete"), err, func(ctx context.Context) (bool, *fault.Error) {
			now, f := t.readAbout(ctx, c.entry)
			return f == nil && !now.there, f
		})
		if f != nil {
			return target.Outcome{Writes: c.writes}, f
		}
	}
	t.ledger.removed(c.entry.key, r)
	return target.Outcome{Writes: c.writes}, nil
}
