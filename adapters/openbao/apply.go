package openbao

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/gatewright/gatewright/reconciler/clientkey"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

// Apply implements target.Applier.
//
//	the entry now                        | create        | update           | delete
//	-------------------------------------+---------------+------------------+--------
//	does not exist                       | mark, data    | moved            | done
//	is not marked ours                   | conflict      | conflict         | conflict
//	is ours and already as the step says | done          | done             |
//	is ours, without a readable version  | complete      | complete         | purge
//	is ours and as the plan saw it       | (not seen)    | mark, data       | purge
//	is ours and is something else        | moved         | moved            | moved
//
// A step that gives an entry up takes the mark away where a delete would purge.
//
// "Complete" restores the secret that the client holds, if a version has it, and
// writes a fresh one if not.
func (t *Target) Apply(ctx context.Context, step plan.Step, input target.Input) (target.Outcome, error) {
	out, f := t.apply(ctx, step, input)
	if f != nil {
		return out, f // a nil *fault.Error must not become a non-nil error
	}
	return out, nil
}

func (t *Target) apply(ctx context.Context, step plan.Step, input target.Input) (target.Outcome, *fault.Error) {
	p := place{op: string(step.Action), resource: step.ID.String()}
	state := resource.State{}
	if step.After != nil {
		state = *step.After
	} else if step.Before != nil {
		state = *step.Before
	}
	e, f := t.locate(step.ID, state)
	if f != nil {
		return target.Outcome{}, t.explain(p, f)
	}
	if ctx.Err() != nil {
		return target.Outcome{}, t.explain(p, context.Cause(ctx))
	}
	if f := t.readyNow(ctx); f != nil {
		return target.Outcome{}, f
	}
	t.remember(e.key)
	change := &change{target: t, entry: e, step: step, input: input}
	switch {
	case step.Action == plan.Delete:
		return change.remove(ctx)
	case step.Action == plan.Orphan:
		return change.orphan(ctx)
	case step.After == nil || step.After.Credential == nil:
		return target.Outcome{}, t.explain(p, fault.New(fault.Stalled, "BadStep", "the step says no credential to write"))
	case step.Action == plan.Create:
		return change.create(ctx)
	case step.Action == plan.Update || step.Action == plan.Replace:
		return change.update(ctx)
	case step.Action == plan.Adopt:
		return change.adopt(ctx)
	default:
		return target.Outcome{}, t.explain(p, fault.New(fault.Stalled, "BadStep", "the action %q has no effect", step.Action))
	}
}

// change carries out one step on one entry.
type change struct {
	target *Target
	entry  entry
	step   plan.Step
	input  target.Input
	writes int
}

// place says what the step needs at a path.
func (c *change) place(kind, capability string) place {
	return place{string(c.step.Action), c.entry.id.String(), c.target.api(kind, c.entry.key), capability}
}

func (c *change) fail(f *fault.Error) *fault.Error {
	return c.target.explain(place{op: string(c.step.Action), resource: c.entry.id.String()}, f)
}

// done is the outcome where a record is what the step asks for.
func (c *change) done(r record) (target.Outcome, *fault.Error) {
	return target.Outcome{
		Secret: r.secret(), Version: r.guard(), Writes: c.writes,
	}, nil
}

// mine is a conflict unless an entry is marked ours.
func (c *change) mine(r record) *fault.Error {
	owner, who := c.target.owner(c.entry.id, r.custom)
	if owner == resource.OwnerUs {
		return nil
	}
	f := fault.New(fault.Conflict, "NotOurs", "%s belongs to %s", c.entry.path, who)
	f.Hint = "remove it there, or rename the agent or the client"
	return c.fail(f)
}

// seen reports that an entry is in the version that the plan saw.
func (c *change) seen(r record) bool {
	g, ok := parseGuard(c.step.Version)
	return ok && r.there && g.version == r.version && g.created == r.created
}

// fields is what is to stand: what else the entry holds is kept.
func (c *change) fields(old map[string]json.RawMessage, secret resource.Secret) (map[string]json.RawMessage, *fault.Error) {
	want := c.step.After.Credential
	out := maps.Clone(old)
	if out == nil {
		out = map[string]json.RawMessage{}
	}
	delete(out, fieldClientSecret)
	if (record{fields: old}).method() == schema.AuthPrivateKey {
		for _, field := range []string{fieldPrivateKey, fieldKeyID, fieldAuthMethod} {
			delete(out, field)
		}
	}
	values := map[string]string{
		fieldClientID: want.ClientID, fieldTokenEndpoint: want.TokenEndpoint, fieldIssuer: want.Issuer, fieldAudience: want.Audience,
	}
	if want.AuthMethod == schema.AuthPrivateKey {
		id, err := clientkey.ID(secret)
		if err != nil {
			return nil, c.fail(fault.New(fault.Stalled, "BadKey", "the secret is no private key: %w", err))
		}
		values[fieldAuthMethod], values[fieldPrivateKey], values[fieldKeyID] = want.AuthMethod.String(), secret.Reveal(), id
	} else {
		values[fieldClientSecret] = secret.Reveal()
	}
	for field, value := range values {
		out[field], _ = json.Marshal(value) //nolint:errchkjson // a string always has a JSON form
	}
	return out, nil
}

// holds reports that an entry has the fields that the step asks for, and some
// secret.
func (c *change) holds(r record) bool {
	want := c.step.After.Credential
	return r.live && !r.secret().IsZero() && r.method() == want.AuthMethod && r.text(fieldClientID) == want.ClientID &&
		r.text(fieldTokenEndpoint) == want.TokenEndpoint && r.text(fieldIssuer) == want.Issuer &&
		r.text(fieldAudience) == want.Audience
}

// digest names the secret that stands in an entry.
func (c *change) digest(r record) string { return r.digest(c.entry.id) }

// mark is the mark of a secret that is about to be written, and its digest. Since
// is when the secret came to be.
func (c *change) mark(secret resource.Secret, since time.Time) (map[string]string, string) {
	application := c.entry.id.Name
	if spare := resource.Spare(application); c.step.After.Credential.ClientID == c.entry.id.Binding.ClientID(spare) {
		application = spare
	}
	digest := secret.Digest(c.entry.id.Binding.ClientID(application))
	var until time.Time
	if c.step.Rotates {
		until = c.input.At.Add(c.step.Overlap.Duration())
	}
	return c.target.mark(c.entry.id, digest, application, since, until), digest
}

// write stores what shall stand after a version and looks again if the answer is lost.
func (c *change) write(ctx context.Context, r record, secret resource.Secret) (target.Outcome, *fault.Error) {
	t, p := c.target, c.place("data", "update")
	fields, f := c.fields(r.fields, secret)
	if f != nil {
		return target.Outcome{Writes: c.writes}, f
	}
	custom := r.custom
	c.writes++
	now, err := t.putData(ctx, c.entry.key, fields, r.version)
	if err != nil {
		f := t.settle(ctx, p, err, func(ctx context.Context) (bool, *fault.Error) {
			var f *fault.Error
			now, f = t.read(ctx, c.entry)
			return f == nil && now.live && maps.EqualFunc(now.fields, fields, sameJSON), f
		})
		if f != nil {
			return target.Outcome{Writes: c.writes}, f
		}
		custom = now.custom
	}
	t.ledger.wrote(c.entry.key, now.version, now.created)
	now.custom = custom
	return c.done(now)
}

// sameJSON compares two values as the server does not keep their spelling.
func sameJSON(a, b json.RawMessage) bool {
	if string(a) == string(b) {
		return true
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	xs, xerr := json.Marshal(x)
	ys, yerr := json.Marshal(y)
	return xerr == nil && yerr == nil && string(xs) == string(ys)
}
