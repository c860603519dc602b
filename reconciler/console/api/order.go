package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

// suspensions is the body of GET /suspensions.
type suspensions struct {
	Suspensions []inventory.Suspension `json:"suspensions"`
}

// suspension asks for one.
type suspension struct {
	Scope  string    `doc:"As acme/travel@production, or * for everything." json:"scope"    maxLength:"300" minLength:"1"`
	Reason string    `json:"reason"                                         maxLength:"500" minLength:"1"`
	Until  time.Time `json:"until"`
}

// orders registers what people ask of the daemon.
func (s service) orders() {
	huma.Register(s.api, s.operation("list-suspensions", http.MethodGet, prefix+"/suspensions", tagOrders, "What is not to be changed for now"),
		func(ctx context.Context, _ *struct{}) (*answer[suspensions], error) {
			held, err := s.desk.Suspensions(ctx, access.From(ctx))
			return answered(suspensions{Suspensions: held}, err)
		})
	suspend := s.operation("suspend", http.MethodPost, prefix+"/suspensions", tagOrders, "Change nothing in a scope until a time")
	suspend.DefaultStatus = http.StatusNoContent
	huma.Register(s.api, suspend,
		func(ctx context.Context, in *struct{ Body suspension }) (*struct{}, error) {
			scope, err := scopeOf("body.scope", in.Body.Scope)
			if err != nil {
				return done(err)
			}
			return done(s.desk.Suspend(ctx, access.From(ctx), scope, in.Body.Reason, in.Body.Until))
		})
	resume := s.operation("resume", http.MethodDelete, prefix+"/suspensions", tagOrders, "End the suspension of exactly this scope")
	resume.DefaultStatus = http.StatusNoContent
	huma.Register(s.api, resume,
		func(ctx context.Context, in *struct {
			Scope string `maxLength:"300" minLength:"1" query:"scope" required:"true"`
		}) (*struct{}, error) {
			scope, err := scopeOf("query.scope", in.Scope)
			if err != nil {
				return done(err)
			}
			found, err := s.desk.Resume(ctx, access.From(ctx), scope)
			if err == nil && !found {
				err = desk.ErrUnknown
			}
			return done(err)
		})
	sync := s.operation("sync", http.MethodPost, prefix+"/sync", tagOrders, "Look at everything now")
	sync.DefaultStatus = http.StatusAccepted
	huma.Register(s.api, sync, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return done(s.desk.Sync(ctx, access.From(ctx)))
	})
}
