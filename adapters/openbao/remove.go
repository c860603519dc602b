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

// orphan takes our mark from an entry and leaves what it holds. That it bears no
// mark of a gatewright is done: an earlier try of this step, or somebody else's.
func (c *change) orphan(ctx context.Context) (target.Outcome, *fault.Error) {
	t := c.target
	r, f := t.readAbout(ctx, c.entry)
	switch {
	case f != nil:
		return target.Outcome{}, f
	case !r.there || r.custom[markManager] != manager:
		return target.Outcome{Version: r.guard()}, nil
	}
	if f := c.mine(r); f != nil {
		return target.Outcome{}, f
	}
	if c.step.Version != "" && !c.seen(r) {
		return target.Outcome{}, c.fail(moved())
	}
	c.writes++
	if err := t.removeMark(ctx, c.entry); err != nil {
		f := t.settle(ctx, c.place("metadata", "patch"), err, func(ctx context.Context) (bool, *fault.Error) {
			now, f := t.readAbout(ctx, c.entry)
			return f == nil && now.custom[markManager] == "", f
		})
		if f != nil {
			return target.Outcome{Writes: c.writes}, f
		}
	}
	return target.Outcome{Writes: c.writes}, nil
}
