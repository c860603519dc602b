package openbao

import (
	"context"

	"github.com/gatewright/gatewright/reconciler/clientkey"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// create makes an entry that did not exist: the mark, then the data.
func (c *change) create(ctx context.Context) (target.Outcome, *fault.Error) {
	r, f := c.target.readAbout(ctx, c.entry)
	if f != nil {
		return target.Outcome{}, f
	}
	if !r.there {
		return c.createNew(ctx)
	}
	if f := c.mine(r); f != nil {
		return target.Outcome{}, f
	}
	// It is ours: this step took effect before, in whole or in part, or another
	// pass was faster.
	if r, f = c.target.read(ctx, c.entry); f != nil {
		return target.Outcome{}, f
	}
	switch {
	case c.holds(r) && c.digest(r) == r.custom[markDigest]:
		return c.done(r)
	case r.there && !r.live:
		return c.complete(ctx, r)
	default:
		return target.Outcome{}, c.fail(moved())
	}
}

func (c *change) createNew(ctx context.Context) (target.Outcome, *fault.Error) {
	t := c.target
	secret, f := c.newSecret()
	if f != nil {
		return target.Outcome{}, f
	}
	mark, digest := c.mark(secret, c.input.At)
	c.writes++
	if err := t.createMark(ctx, c.entry, mark); err != nil {
		f := t.settle(ctx, c.place("metadata", "create"), err, func(ctx context.Context) (bool, *fault.Error) {
			r, f := t.readAbout(ctx, c.entry)
			owner, _ := t.owner(c.entry.id, r.custom)
			return r.there && owner == resource.OwnerUs && r.custom[markDigest] == digest, f
		})
		if f != nil {
			return target.Outcome{Writes: c.writes}, f
		}
	}
	marked := record{there: true, custom: mark}
	out, f := c.write(ctx, marked, secret)
	if f != nil && f.Reason == "Moved" {
		f = c.unmark(ctx, f)
	}
	return out, f
}

// newSecret is a fresh secret of the sort that the client needs.
func (c *change) newSecret() (resource.Secret, *fault.Error) {
	secret, err := clientkey.New(c.step.After.Credential.AuthMethod)
	if err != nil {
		return secret, c.fail(fault.New(fault.Transient, "NoEntropy", "no secret can be made: %w", err))
	}
	return secret, nil
}

// unmark takes the mark back from an entry whose data somebody else wrote
// between our look and our mark: data that is written first has no metadata of
// its own, so that the check-and-set of the mark could not refuse.
func (c *change) unmark(ctx context.Context, f *fault.Error) *fault.Error {
	t := c.target
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAgainFor)
	defer cancel()
	r, rf := t.read(ctx, c.entry)
	if rf != nil || !r.there || c.digest(r) == r.custom[markDigest] {
		return f
	}
	c.writes++
	if err := t.removeMark(ctx, c.entry); err != nil {
		return t.explain(c.place("metadata", "patch"), err)
	}
	r.custom = nil
	return c.mine(r)
}
