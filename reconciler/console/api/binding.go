package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// query is what GET /bindings is asked with.
type query struct {
	Organization string `maxLength:"63"                                                                      query:"organization"`
	Project      string `maxLength:"63"                                                                      query:"project"`
	Agent        string `maxLength:"63"                                                                      query:"agent"`
	Environment  string `maxLength:"63"                                                                      query:"environment"`
	Status       string `enum:"converged,pending,waiting,stalled,failing,conflict,suspended,locked,orphaned" query:"status"`
	Scheme       string `enum:"oauth2,apiKey,none"                                                           query:"scheme"`
	Search       string `doc:"Part of an identity, an environment or a client id, in any case."              maxLength:"200"                                     query:"search"`
	Sort         string `default:"name"                                                                      enum:"name,environment,scheme,status,proof,updated" query:"sort"`
	Descending   bool   `query:"descending"`
	Offset       int    `minimum:"0"                                                                         query:"offset"`
	Limit        int    `default:"50"                                                                        maximum:"500"                                       minimum:"1"    query:"limit"`
}

// clients is the body of GET …/clients.
type clients struct {
	Clients []desk.Consumer `json:"clients"`
}

// bindings registers what shows how things stand.
func (s service) bindings() {
	huma.Register(s.api, s.operation("list-bindings", http.MethodGet, prefix+"/bindings", tagBindings, "How everything stands that you may see"),
		func(ctx context.Context, in *query) (*answer[desk.Overview], error) {
			return answered(s.desk.Overview(ctx, access.From(ctx), desk.Query{
				Filter: inventory.Filter{
					Organization: in.Organization, Project: in.Project, Agent: in.Agent, Environment: in.Environment,
					Status: inventory.Status(in.Status),
				},
				Scheme: schema.Scheme(in.Scheme), Search: in.Search, Sort: in.Sort, Descending: in.Descending,
				Offset: in.Offset, Limit: in.Limit,
			}))
		})
	huma.Register(s.api, s.operation("get-binding", http.MethodGet, ofBinding, tagBindings, "One binding, as its spec asks for it and as it stands"),
		func(ctx context.Context, in *Place) (*answer[desk.Detail], error) {
			return answered(s.desk.Detail(ctx, access.From(ctx), in.binding()))
		})
	huma.Register(s.api, s.operation("list-clients", http.MethodGet, ofBinding+"/clients", tagClients, "The clients of a binding, without their secrets"),
		func(ctx context.Context, in *Place) (*answer[clients], error) {
			d, err := s.desk.Detail(ctx, access.From(ctx), in.binding())
			return answered(clients{Clients: d.Consumers}, err)
		})
	huma.Register(s.api, s.operation("get-pending", http.MethodGet, ofBinding+"/pending", tagBindings, "What would be done to a binding now"),
		func(ctx context.Context, in *Place) (*answer[desk.Pending], error) {
			return answered(s.desk.Pending(ctx, access.From(ctx), in.binding()))
		})
	huma.Register(s.api, s.operation("get-plan", http.MethodGet, prefix+"/plan", tagBindings, "What would be done for a revision, to what you may see"),
		func(ctx context.Context, in *struct {
			Revision string `doc:"A commit, a branch or a tag; the newest by default." maxLength:"200" query:"revision"`
			Scope    string `doc:"As acme/travel@production; everything by default."   maxLength:"300" query:"scope"`
		}) (*answer[desk.Pending], error) {
			scope, err := scopeOf("query.scope", in.Scope)
			if err != nil {
				return nil, problemOf(err)
			}
			return answered(s.desk.PlanAt(ctx, access.From(ctx), in.Revision, scope))
		})
}

// scopeOf reads a scope; an empty one is everything.
func scopeOf(field, text string) (resource.Selector, error) {
	if text == "" {
		return resource.Selector{}, nil
	}
	scope, err := resource.ParseSelector(text)
	if err != nil {
		return scope, &desk.InvalidError{Field: field, Message: err.Error()}
	}
	return scope, nil
}
