package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// attempts is how often a write is tried against an object that keeps moving
// under status updates of its controllers, without its specification moving.
const attempts = 8

// applyEndpoint brings an endpoint to step.After, in an order that opens
// nothing on the way: the policies first, which are inert as long as the trait
// is not attached, and then the trait. Without After it gives the endpoint up:
// see disown.
//
// Each round reads what stands and makes at most one write, so that a step that
// was done in part is completed, and one whose answer was lost is looked into.
func (t *Target) applyEndpoint(ctx context.Context, step plan.Step) (target.Outcome, error) {
	e := &effect{t: t, step: step, client: t.control}
	outcome, err := e.run(ctx, e.endpoint)
	t.versions.note(step.ID.Binding, outcome.Version)
	return outcome, err
}

// run makes rounds until one finds nothing left to do. A round reads what
// stands and makes at most one write.
func (e *effect) run(ctx context.Context, round func(context.Context) (done bool, err error)) (target.Outcome, error) {
	for range attempts {
		done, err := round(ctx)
		if err == nil && done {
			return e.outcome, nil
		}
		if err != nil && !e.again(ctx, err) {
			return e.outcome, e.named(err)
		}
	}
	return e.outcome, e.named(fault.New(fault.Transient, "Moved", "the object kept changing meanwhile"))
}

// effect is the carrying out of a step.
type effect struct {
	t       *Target
	step    plan.Step
	client  *client // that is written to
	outcome target.Outcome
	// lost is the error of a write whose outcome is not known; the next round
	// tells.
	lost error
	// written is the object as the last write has left it.
	written meta
}

// again reports whether another round can help against err.
func (e *effect) again(ctx context.Context, err error) bool {
	var f *fault.Error
	if !asFault(err, &f) {
		return false
	}
	switch f.Class {
	case fault.Unknown:
		// The effect is looked at once; it is not repeated.
		if e.lost != nil || ctx.Err() != nil {
			return false
		}
		e.lost = err
		return true
	case fault.Transient:
		return f.Reason == "Moved" && ctx.Err() == nil
	default:
		return false
	}
}

// errPlannedBefore says that the step was planned from another state.
var errPlannedBefore = errors.New("it has changed since it was observed")

// endpoint is a round of a step on an endpoint.
func (e *effect) endpoint(ctx context.Context) (done bool, err error) {
	t, b := e.t, e.step.ID.Binding
	f := t.readSpecs(ctx, b)
	if e.step.After == nil {
		return e.disown(ctx, &f)
	}
	want := e.step.After.Endpoint
	if want == nil {
		return false, stalled("NoState", "", "the step has no state of an endpoint")
	}
	if wantsAttached(want) {
		t.readAttaching(ctx, b, &f, &traitReader{t: t})
	}
	o := t.endpoint(resource.Resource{ID: e.step.ID, State: *e.step.After}, &f)
	adopted := e.step.Action == plan.Adopt && o.Owner == resource.OwnerOther && o.Adoptable
	if adopted {
		o.Owner = resource.OwnerNobody
	}
	if err := refusal(o, &f); err != nil {
		return false, e.unknown(err)
	}
	policies, trait := e.due(o, &f, want)
	policies = policies || adopted
	if e.lost != nil && (policies || trait) {
		return false, e.lost
	}
	switch {
	case policies:
		if err := e.guard(0, version(f.binding.Metadata.meta)); err != nil {
			return false, err
		}
		if err := e.applyPolicies(ctx, &f, want); err != nil || trait {
			return false, err
		}
		return e.settled(e.written, f.component.Metadata.meta), nil
	case trait:
		if err := e.guard(1, version(f.component.Metadata.meta)); err != nil {
			return false, err
		}
		if err := e.attach(ctx, &f, want); err != nil {
			return false, err
		}
		return e.settled(f.binding.Metadata.meta, e.written), nil
	default:
		return e.settled(f.binding.Metadata.meta, f.component.Metadata.meta), nil
	}
}

// settled notes the version that stands at the end and reports that it is
// known. An answer that does not name its object has to be looked into.
func (e *effect) settled(binding, component meta) bool {
	e.outcome.Version = version(binding) + " " + version(component)
	return binding.UID != "" && component.UID != ""
}

// unknown keeps the class of a lost answer where looking into it failed, too.
func (e *effect) unknown(err error) error {
	if e.lost != nil {
		return e.lost
	}
	return err
}

// refusal says why nothing may be written.
func refusal(o resource.Observed, f *facts) error {
	switch {
	case o.Err != nil:
		return o.Err
	case !o.Found:
		return waiting(o.Rollout.Reason, o.Rollout.Hint, "%s", o.Rollout.Message)
	case o.Owner == resource.OwnerOther:
		e := fault.New(fault.Conflict, "ForeignManager", "its policies belong to %s", o.OwnerName)
		e.Hint = "remove them there, or let the spec adopt the endpoint"
		return e
	case f.attaching != nil:
		return f.attaching
	case o.Rollout.Reason == reasonContract:
		return stalled(o.Rollout.Reason, o.Rollout.Hint, "%s", o.Rollout.Message)
	case f.binding.Metadata.Deleted != nil:
		return waiting("Undeployed", "", "it is being deleted")
	default:
		return nil
	}
}

// due says which of the two parts are yet to be written. Where the trait is to
// be attached the environment gets a list of its own first: the component's
// default holds only until then.
func (e *effect) due(o resource.Observed, f *facts, want *resource.Endpoint) (policies, trait bool) {
	got := *o.State.Endpoint
	trait = wantsAttached(want) && !got.Attached
	_, own := f.environmentList(e.t.cfg.instance(e.step.ID.Binding))
	policies = !sameButAttached(got, *want) || (trait && (!own || o.Owner != resource.OwnerUs))
	return policies, trait
}

// guard refuses a part of the step if the object moved since it was observed.
// A step that was planned without an observation has no version, and one that
// was observed before a write of this very step has moved by that.
func (e *effect) guard(part int, now string) error {
	parts := strings.Fields(e.step.Version)
	if part < len(parts) && parts[part] == now {
		return nil
	}
	return &fault.Error{Class: fault.Transient, Reason: "Planned", Err: errPlannedBefore}
}

// named completes an error with the step's resource.
func (e *effect) named(err error) error {
	var f *fault.Error
	if !asFault(err, &f) {
		f = &fault.Error{Class: fault.Transient, Err: err}
	}
	out := *f
	out.Target, out.Resource = e.t.cfg.Name, e.step.ID.String()
	if out.Op == "" {
		out.Op = string(e.step.Action)
	}
	return &out
}

// write makes a writing call and counts it.
func (e *effect) write(ctx context.Context, r request, a access) error {
	if err := ctx.Err(); err != nil {
		return &fault.Error{Class: fault.Transient, Reason: "Cancelled", Err: fmt.Errorf("not begun: %w", context.Cause(ctx))}
	}
	body, err := e.client.do(ctx, r)
	var answer struct {
		Metadata meta `json:"metadata"`
	}
	if err == nil && decode(body, &answer) != nil {
		err = errNotJSON
	}
	e.outcome.Writes++
	e.written = answer.Metadata
	if err != nil {
		return classify(err, a, true)
	}
	return nil
}
