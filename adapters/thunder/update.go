package thunder

import (
	"bytes"
	"context"
	"net/http"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// update changes an application that is ours: it sends back what a GET
// answered, but for what we manage. An import would do, too; but it erases
// what its document omits, brings back an application that was deleted
// meanwhile, and reads what others wrote as a template.
//
//	GET under our id                     | then
//	-------------------------------------+----------------------------------------
//	nothing there                        | the step was planned from another state
//	not ours                             | conflict, unless no gatewright has
//	                                     | marked it and the step adopts it
//	as asked, and not as it was observed | done: an earlier try of this step
//	not as it was observed               | the step was planned from another state
//	else                                 | PUT
//
// An update whose version still holds is sent even if nothing seems to differ:
// a secret that was changed by hand does not show.
func (e *effect) update(ctx context.Context) (resource.Observed, error) {
	want, err := e.wanted()
	if err != nil {
		return resource.Observed{}, err
	}
	raw, o, err := e.current(ctx)
	switch {
	case err != nil:
		return o, err
	case !o.Found:
		return o, moved()
	case o.Owner != resource.OwnerUs && (e.step.Action != plan.Adopt || !o.Adoptable):
		return o, conflict(o.OwnerName)
	case e.done(o, want) && o.Version != e.step.Version:
		return o, nil
	case e.step.Version != "" && o.Version != e.step.Version:
		return o, moved()
	}
	body, err := e.merge(raw, want)
	if err != nil {
		return o, err
	}
	got, err := e.put(ctx, body)
	if err != nil {
		if fault.ClassOf(err) != fault.Unknown {
			return o, err
		}
		return e.settle(ctx, err, func(now resource.Observed) bool { return e.done(now, want) && now.Version != o.Version })
	}
	now := e.observed(got, e.id)
	if !e.done(now, want) {
		return now, unverified(now.State.Client, want)
	}
	return now, nil
}

// current gets the application with its whole body.
func (e *effect) current(ctx context.Context) ([]byte, resource.Observed, error) {
	var raw []byte
	o := resource.Observed{ID: e.id}
	err := e.api.get(ctx, applicationPath(e.appID), answerLimit, func(got answer) error {
		a, found, err := readApplication(got)
		if err == nil && found {
			raw, o = bytes.Clone(got.body), e.observed(a, e.id)
		}
		return err
	})
	return raw, o, err
}

// put replaces the application within one of the slots.
func (e *effect) put(ctx context.Context, body []byte) (application, error) {
	release, err := e.slot(ctx)
	if err != nil {
		return application{}, err
	}
	defer release()
	a, err := e.write(ctx, http.MethodPut, applicationPath(e.appID), body)
	if err != nil {
		return application{}, err
	}
	if p, ok := problemOf(a); ok && a.status == http.StatusNotFound && p.Code == codeNotFound {
		return application{}, moved()
	}
	if p, ok := problemOf(a); ok && a.status == http.StatusBadRequest && (p.Code == codeNameTaken || p.Code == codeClientIDTaken) {
		return application{}, conflict(e.rival(ctx, p.Code))
	}
	if err := success(a, http.StatusOK); err != nil {
		return application{}, err
	}
	got, err := decodeApplication(a.body)
	if err != nil || got.ID == "" {
		return application{}, lost(malformed("application"))
	}
	return got, nil
}
