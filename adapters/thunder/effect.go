package thunder

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// effect carries out one step.
type effect struct {
	*Target
	step     plan.Step
	secret   resource.Secret
	id       resource.ID
	clientID string
	appID    string
	writes   int
	// cleared reports that what a dead server left was taken away.
	cleared bool
}

// run dispatches by what the step asks for, whatever it is called: an
// application that stands is changed and one that does not is created, so that
// a step may be repeated.
func (e *effect) run(ctx context.Context) (target.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return target.Outcome{}, unreachable(ctx, err)
	}
	if e.id.Kind != resource.KindClient {
		return target.Outcome{}, fault.New(fault.Stalled, "WrongKind", "ThunderID keeps no resources of kind %s", e.id.Kind)
	}
	var o resource.Observed
	var err error
	switch e.step.Action {
	case plan.Create:
		o, err = e.create(ctx)
	case plan.Update, plan.Replace, plan.Adopt:
		o, err = e.update(ctx)
	case plan.Delete:
		err = e.delete(ctx)
	case plan.Orphan:
		o, err = e.orphan(ctx)
	case plan.Keep, plan.Skip:
		err = fault.New(fault.Stalled, "NoEffect", "a step to %s has no effect to carry out", e.step.Action)
	}
	return target.Outcome{Version: o.Version, Writes: e.writes}, err
}

// wanted is the client that the step asks for.
func (e *effect) wanted() (resource.Client, error) {
	if e.step.After == nil || e.step.After.Client == nil {
		return resource.Client{}, fault.New(fault.Stalled, "NoState", "the step does not say what shall stand")
	}
	if e.secret.IsZero() {
		return resource.Client{}, fault.New(fault.Waiting, "NoSecret", "the client's secret is not known yet")
	}
	want := *e.step.After.Client
	if want.ClientID != e.clientID {
		return resource.Client{}, fault.New(fault.Stalled, "WrongClientID", "the client id %q is not the one of the resource", want.ClientID)
	}
	return want, nil
}

// digest is what the mark says when the step is done.
func (e *effect) digest() string { return e.secret.Digest(e.clientID) }

// done reports that an application is ours and as the step asks.
func (e *effect) done(o resource.Observed, want resource.Client) bool {
	return o.Found && o.Owner == resource.OwnerUs && satisfies(o.State.Client, want, e.digest())
}

// write makes a call that changes something, and counts it. A failure after
// which nobody knows whether it did has the class unknown.
func (e *effect) write(ctx context.Context, method, path string, body []byte) (answer, error) {
	// Before the count: without a token nothing is sent.
	if _, err := e.api.tokens.get(ctx); err != nil {
		return answer{}, err
	}
	e.writes++
	a, err := e.api.send(ctx, method, path, body)
	if err != nil {
		if !dialed(err) {
			return answer{}, err
		}
		return answer{}, lost(err)
	}
	switch {
	case a.status >= 500:
		return answer{}, lost(refusal(a))
	case a.status >= 200 && a.status < 300 && a.status != http.StatusNoContent && !a.isJSON():
		return answer{}, lost(notAPI(a))
	}
	return a, nil
}

// lost gives an error the class of an effect that may have happened.
func lost(err error) error {
	f := &fault.Error{Class: fault.Unknown, Err: err}
	if cause, ok := errors.AsType[*fault.Error](err); ok {
		*f = *cause
		f.Class = fault.Unknown
	}
	return f
}

// settle looks for an effect whose answer was lost: the server may carry on
// working for a while. cause is returned if the effect does not show.
func (e *effect) settle(ctx context.Context, cause error, shows func(resource.Observed) bool) (resource.Observed, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), e.c.Patience+10*time.Second, errors.New("the look took too long"))
	defer cancel()
	for _, wait := range []time.Duration{0, e.c.Patience / 4, e.c.Patience * 3 / 4} {
		if err := pause(ctx, wait); err != nil {
			break
		}
		o := e.observe(ctx, e.id)
		if o.Err == nil && shows(o) {
			return o, nil
		}
	}
	return resource.Observed{}, cause
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slot waits for one of the places of calls that hash a secret.
func (e *effect) slot(ctx context.Context) (release func(), err error) {
	if release, err = e.c.Slots.Take(ctx); err != nil {
		return nil, unreachable(ctx, err)
	}
	return release, nil
}

// conflict is the fault of a resource that belongs to somebody else.
func conflict(owner string) error {
	f := fault.New(fault.Conflict, "NotOurs", "it belongs to %s", owner)
	f.Hint = "remove it there, or rename the agent or the client"
	return f
}

// moved is the fault of a step that was planned from another state.
func moved() error {
	return fault.New(fault.Transient, "Moved", "the application was changed since it was observed; the next pass plans anew")
}

// unverified is the fault of an application that is not what it was asked to
// be, by a server that said it was.
func unverified(have *resource.Client, want resource.Client) error {
	var ignored []string
	if have.Audience != want.Audience {
		ignored = append(ignored, "defaultAudience")
	}
	if have.Validity != want.Validity {
		ignored = append(ignored, "clientConfig.validityPeriod")
	}
	if have.ClientID != want.ClientID {
		ignored = append(ignored, "clientId")
	}
	if len(ignored) == 0 {
		ignored = append(ignored, "metadata or the grant")
	}
	f := fault.New(fault.Stalled, "ServerIgnores", "ThunderID accepted the application and ignored %v of it", ignored)
	f.Hint = hintVersion
	return f
}

// hintVersion says which servers will do.
const hintVersion = "gatewright needs ThunderID v1.0.0 or later; upgrade it, or point the configuration at one that is"

// tooOld is the fault of a server that lacks what we need.
func tooOld(what string) error {
	f := fault.New(fault.Stalled, "ServerTooOld", "this ThunderID %s", what)
	f.Hint = hintVersion
	return f
}
