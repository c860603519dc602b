package openbao

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// update changes an entry of ours: it reads what stands, changes what the step
// asks for, keeps what people added, and writes under check-and-set.
func (c *change) update(ctx context.Context) (target.Outcome, *fault.Error) {
	r, f := c.target.read(ctx, c.entry)
	if f != nil {
		return target.Outcome{}, f
	}
	if !r.there {
		return target.Outcome{}, c.fail(moved())
	}
	if f := c.mine(r); f != nil {
		return target.Outcome{}, f
	}
	if c.tookEffect(r) {
		return c.done(r)
	}
	if !c.seen(r) {
		return target.Outcome{}, c.fail(moved())
	}
	if !r.live || r.secret().IsZero() || c.step.NewSecret {
		return c.complete(ctx, r)
	}
	return c.write(ctx, r, r.secret())
}

// tookEffect reports that there is nothing left to do. A new secret took effect
// if the mark names another secret than it did when the plan was made, and that
// one stands.
func (c *change) tookEffect(r record) bool {
	if !c.holds(r) {
		return false
	}
	g, ok := parseGuard(c.step.Version)
	return !c.step.NewSecret || ok && !c.seen(r) && r.custom[markDigest] == c.digest(r) && r.custom[markDigest] != g.digest
}

// complete gives an entry of ours another secret: that of the application that
// takes over in a rotation; or the one that the client holds if an earlier
// version has it, so that consumers go on working; else a fresh one. Where the
// version that stands has it already, a fresh one was asked for.
func (c *change) complete(ctx context.Context, r record) (target.Outcome, *fault.Error) {
	t := c.target
	secret, f := c.newSecret()
	if f != nil {
		return target.Outcome{}, f
	}
	born := c.input.At
	if c.step.Rotates {
		if secret = c.input.Secret; secret.IsZero() {
			return target.Outcome{}, c.fail(fault.New(fault.Stalled, "BadStep", "the step says no secret to rotate to"))
		}
	} else if peer := c.input.PeerDigest; peer != "" && (!r.live || c.digest(r) != peer) {
		found, ok, f := c.recover(ctx, r, peer)
		if f != nil {
			return target.Outcome{Writes: c.writes}, f
		}
		if ok {
			// Nobody knows how old it is. It must not pass for a young one, which
			// a rotation that was asked for would take for its own.
			secret, born = found, time.Unix(0, 0)
		}
	}
	mark, digest := c.mark(secret, born)
	if r.custom[markDigest] != digest || r.custom[markSince] == "" && born.Equal(time.Unix(0, 0)) {
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
	}
	r.custom = maps.Clone(r.custom)
	maps.Copy(r.custom, mark)
	return c.write(ctx, r, secret)
}

// mostVersions bounds how many versions are looked at.
const mostVersions = 50

// recover looks for a kept version whose secret has a digest, the newest first.
// A deleted version is restored to be read, and deleted again if it is not the
// one.
func (c *change) recover(ctx context.Context, r record, digest string) (resource.Secret, bool, *fault.Error) {
	t := c.target
	about, f := t.readAbout(ctx, c.entry)
	if f != nil {
		return resource.Secret{}, false, f
	}
	var readable, deleted []int
	for n, v := range about.versions {
		switch {
		case v.Destroyed, r.live && n == r.version:
		case v.Deletion == "":
			readable = append(readable, n)
		default:
			deleted = append(deleted, n)
		}
	}
	newest := func(ns []int) []int {
		slices.Sort(ns)
		slices.Reverse(ns)
		return ns[:min(len(ns), mostVersions)]
	}
	for _, n := range newest(readable) {
		if secret, ok, f := c.secretOf(ctx, n, digest); ok || f != nil {
			return secret, ok, f
		}
	}
	for _, n := range newest(deleted) {
		c.writes++
		if err := t.versionsCall(ctx, "undelete", c.entry.key, n); err != nil {
			return resource.Secret{}, false, t.explain(c.place("undelete", "update"), err)
		}
		secret, ok, f := c.secretOf(ctx, n, digest)
		if ok {
			return secret, true, nil
		}
		c.writes++
		if err := t.versionsCall(context.WithoutCancel(ctx), "delete", c.entry.key, n); err != nil {
			return resource.Secret{}, false, t.explain(c.place("delete", "update"), err)
		}
		if f != nil {
			return resource.Secret{}, false, f
		}
	}
	return resource.Secret{}, false, nil
}

// secretOf returns the secret of a version if it has the digest.
func (c *change) secretOf(ctx context.Context, version int, digest string) (resource.Secret, bool, *fault.Error) {
	r, err := c.target.readData(ctx, c.entry.key, version)
	if err != nil {
		return resource.Secret{}, false, c.target.explain(c.place("data", "read"), err)
	}
	if !r.live || c.digest(r) != digest {
		return resource.Secret{}, false, nil
	}
	return r.secret(), true, nil
}
