package api

import (
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// prefix is where the API is.
const prefix = "/api/v1"

// ofBinding is the path of a binding.
const ofBinding = prefix + "/bindings/{organization}/{project}/{agent}/{environment}"

// New returns the handler of everything below /api/v1.
func New(d *desk.Desk, version string) http.Handler {
	mux := http.NewServeMux()
	s := service{desk: d, api: humago.New(mux, configuration(version))}
	s.api.UseMiddleware(s.knownOnly)
	s.bindings()
	s.trials()
	s.credentials()
	s.changes()
	s.orders()
	s.past()
	s.notices()
	describe(mux, s.api.OpenAPI())
	return unkept(mux)
}

// service is the desk with the API that it is offered by.
type service struct {
	desk *desk.Desk
	api  huma.API
}

// configuration is what is known of the API as a whole.
func configuration(version string) huma.Config {
	c := huma.DefaultConfig("gatewright", version)
	c.CreateHooks, c.OpenAPIPath, c.DocsPath, c.SchemasPath = nil, "", "", ""
	c.Info.Description = "How the OAuth protection of agent APIs stands, and what people may do about it. " +
		"What is wanted of it is changed in git alone."
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", nameOf)
	c.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[schema.Choice](), reflect.TypeFor[*bool]())
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A token of the console's OpenID provider, for machines."},
		"cookie": {Type: "apiKey", In: "cookie", Name: "__Host-gatewright", Description: "The session of somebody who has logged in with a browser; gatewright-PORT where it is served without TLS."},
	}
	c.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
	return c
}

// nameOf names a schema by its type, and its package where that is not ours: a
// binding is one thing in the inventory and another in a plan.
func nameOf(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	pkg := path.Base(t.PkgPath())
	switch pkg {
	case "api", "desk", "v2", ".": // ours, huma's own, or none
		return name
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}

// knownOnly refuses a request without a principal. The middleware before us is
// to have refused it already.
func (s service) knownOnly(c huma.Context, next func(huma.Context)) {
	if access.From(c.Context()).Subject == "" {
		p := newProblem(http.StatusUnauthorized, "nobody has logged in")
		c.SetHeader("Content-Type", p.ContentType("application/json"))
		c.SetStatus(p.Status)
		_ = s.api.Marshal(c.BodyWriter(), "application/json", p) // nobody is left to be told
		return
	}
	next(c)
}

// unkept forbids every cache to keep an answer: each is for one person alone.
func unkept(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

// Place is the binding that a path names.
type Place struct {
	Organization string `example:"acme"       maxLength:"63" path:"organization"`
	Project      string `example:"travel"     maxLength:"63" path:"project"`
	Agent        string `example:"booking"    maxLength:"63" path:"agent"`
	Environment  string `example:"production" maxLength:"63" path:"environment"`
}

func (p Place) binding() resource.Binding {
	return resource.Binding{Organization: p.Organization, Project: p.Project, Agent: p.Agent, Environment: p.Environment}
}

// answer is an answer with a body.
type answer[T any] struct{ Body T }

// answered is what became of a call, as the API says it.
func answered[T any](body T, err error) (*answer[T], error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return &answer[T]{Body: body}, nil
}

// done is an answer without a body.
func done(err error) (*struct{}, error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return nil, nil //nolint:nilnil // 204 says it all
}

// operation describes an operation; words are its tag and what it does.
func (s service) operation(id, method, path, tag, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary,
		Responses: map[string]*huma.Response{"default": s.problemResponse()}, MaxBodyBytes: maxBody,
	}
}

// maxBody bounds what is read of a request: what may be sent to an API, in
// base64.
const maxBody = 2 << 20

// The tags.
const (
	tagBindings = "bindings"
	tagTry      = "try"
	tagClients  = "clients"
	tagChanges  = "changes"
	tagOrders   = "orders"
	tagHistory  = "history"
)
