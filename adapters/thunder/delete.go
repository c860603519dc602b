package thunder

import (
	"context"
	"net/http"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// delete removes the application, after a GET has shown our mark. Tokens that
// were issued to its client live on until they expire: ThunderID does not
// revoke them.
func (e *effect) delete(ctx context.Context) error {
	o := e.observe(ctx, e.id)
	switch {
	case o.Err != nil:
		return o.Err
	case !o.Found:
		return nil
	case o.Owner != resource.OwnerUs:
		return conflict(o.OwnerName)
	case e.step.Version != "" && o.Version != e.step.Version:
		return moved()
	}
	a, err := e.write(ctx, http.MethodDelete, applicationPath(e.appID), nil)
	if err != nil {
		if fault.ClassOf(err) != fault.Unknown {
			return err
		}
		_, err = e.settle(ctx, err, func(o resource.Observed) bool { return !o.Found })
		return err
	}
	if a.status == http.StatusNoContent {
		return nil
	}
	if p, ok := problemOf(a); ok && a.status == http.StatusNotFound && p.Code == codeNotFound {
		return nil
	}
	if a.status < 300 {
		err := lost(notAPI(a))
		_, err = e.settle(ctx, err, func(o resource.Observed) bool { return !o.Found })
		return err
	}
	return refusal(a)
}
