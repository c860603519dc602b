package openbao

import (
	"context"
	"maps"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// adopt marks an entry that no gatewright has marked and brings it to what the step
// asks for. Its secret stays if it holds one, unless the step asks for a fresh
// one: whoever reads it there goes on working.
//
//	the entry now                       | adopt
//	------------------------------------+------------------------------------
//	is ours                             | as update: an earlier try of this step
//	is marked by another gatewright     | conflict
//	is not in the version the plan saw  | moved
//	holds no secret, or is to get one   | mark, data
//	is as the step asks but for the mark| mark
//	else                                | mark, data with the secret it holds
func (c *change) adopt(ctx context.Context) (target.Outcome, *fault.Error) {
	t := c.target
	r, f := t.read(ctx, c.entry)
	switch owner, _ := t.owner(c.entry.id, r.custom); {
	case f != nil:
		return target.Outcome{}, f
	case !r.there:
		return target.Outcome{}, c.fail(moved())
	case owner == resource.OwnerUs:
		return c.update(ctx)
	case r.custom[markManager] == manager:
		return target.Outcome{}, c.mine(r)
	case !c.seen(r):
		return target.Outcome{}, c.fail(moved())
	}
	if r.custom = maps.Clone(r.custom); r.custom == nil {
		r.custom = map[string]string{}
	}
	if !r.live || r.secret().IsZero() || c.step.NewSecret {
		return c.complete(ctx, r)
	}
	secret := r.secret()
	mark, digest := c.mark(secret, since(r.created))
	c.writes++
	if err := t.patchMark(ctx, c.entry, mark); err != nil {
		f := t.settle(ctx, c.place("metadata", "patch"), err, func(ctx context.Context) (bool, *fault.Error) {
			now, f := t.readAbout(ctx, c.entry)
			return now.custom[markDigest] == digest, f
		})
		if f != nil {
			return target.Outcome{Writes: c.writes}, f
		}
	}
	maps.Copy(r.custom, mark)
	if c.holds(r) {
		return c.done(r)
	}
	return c.write(ctx, r, secret)
}
