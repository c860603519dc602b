package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// runs is the body of GET /runs.
type runs struct {
	Runs []inventory.Run `json:"runs"`
}

// steps is the body of GET /runs/{run}.
type steps struct {
	Steps []inventory.StepRecord `json:"steps"`
}

// events is the body of GET /audit.
type events struct {
	Events []inventory.Event `json:"events"`
}

// Me is who asks.
type Me struct {
	Subject string  `json:"subject"`
	Name    string  `json:"name,omitempty"`
	Email   string  `json:"email,omitempty"`
	Grants  []Grant `json:"grants"`
}

// Grant is a role within a scope.
type Grant struct {
	Role  string `enum:"viewer,developer,admin"                         json:"role"`
	Scope string `doc:"As acme/travel@production, or * for everything." json:"scope"`
}

// roles are the words for roles.
var roles = map[access.Role]string{access.Viewer: "viewer", access.Developer: "developer", access.Admin: "admin"}

// which selects events.
type which struct {
	Actor  string    `maxLength:"300"                               query:"actor"`
	Action string    `maxLength:"63"                                query:"action"`
	Scope  string    `doc:"As acme/travel@production."              maxLength:"300" query:"scope"`
	Since  time.Time `query:"since"`
	Before int64     `doc:"Only events with a smaller id, to page." minimum:"0"     query:"before"`
	Limit  int       `default:"100"                                 maximum:"10000" minimum:"1"    query:"limit"`
}

func (w *which) filter() (inventory.EventFilter, error) {
	scope, err := scopeOf("query.scope", w.Scope)
	return inventory.EventFilter{
		Binding: desk.Binding(scope), Actor: w.Actor, Action: w.Action, Since: w.Since, Before: w.Before, Limit: w.Limit,
	}, err
}

// past registers what tells what was done, and who asks.
func (s service) past() {
	huma.Register(s.api, s.operation("get-history", http.MethodGet, ofBinding+"/history", tagHistory, "What was done to a binding, newest first"),
		func(ctx context.Context, in *struct {
			Place

			Limit int `default:"100" maximum:"500" minimum:"1" query:"limit"`
		}) (*answer[desk.Past], error) {
			return answered(s.desk.Past(ctx, access.From(ctx), in.binding(), in.Limit))
		})
	huma.Register(s.api, s.operation("list-runs", http.MethodGet, prefix+"/runs", tagHistory, "Passes and applies, newest first"),
		func(ctx context.Context, in *struct {
			Kind        string    `enum:"pass,apply"                           query:"kind"`
			Environment string    `maxLength:"63"                              query:"environment"`
			Revision    string    `maxLength:"64"                              query:"revision"`
			Since       time.Time `query:"since"`
			Before      int64     `doc:"Only runs with a smaller id, to page." minimum:"0"         query:"before"`
			Limit       int       `default:"100"                               maximum:"500"       minimum:"1"    query:"limit"`
		}) (*answer[runs], error) {
			found, err := s.desk.Runs(ctx, access.From(ctx), inventory.RunFilter{
				Kind: inventory.RunKind(in.Kind), Environment: in.Environment, Revision: in.Revision, Since: in.Since,
				Before: inventory.RunID(in.Before), Limit: in.Limit,
			})
			return answered(runs{Runs: found}, err)
		})
	huma.Register(s.api, s.operation("get-run", http.MethodGet, prefix+"/runs/{run}", tagHistory, "The steps of a run, newest first"),
		func(ctx context.Context, in *struct {
			Run   int64 `minimum:"1"   path:"run"`
			Limit int   `default:"100" maximum:"10000" minimum:"1" query:"limit"`
		}) (*answer[steps], error) {
			found, err := s.desk.Steps(ctx, access.From(ctx), inventory.RunID(in.Run), in.Limit)
			return answered(steps{Steps: found}, err)
		})
	huma.Register(s.api, s.operation("list-events", http.MethodGet, prefix+"/audit", tagHistory, "Who did what, newest first"),
		func(ctx context.Context, in *which) (*answer[events], error) {
			found, err := s.audit(ctx, in)
			return answered(events{Events: found}, err)
		})
	export := s.operation("export-events", http.MethodGet, prefix+"/audit.csv", tagHistory, "Who did what, as a table")
	export.Responses["200"] = &huma.Response{
		Description: "Comma-separated values (RFC 4180), with a line of names",
		Content:     map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
	huma.Register(s.api, export, func(ctx context.Context, in *which) (*table, error) {
		found, err := s.audit(ctx, in)
		if err != nil {
			return nil, problemOf(err)
		}
		return &table{ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="audit.csv"`, Body: asTable(found)}, nil
	})
	huma.Register(s.api, s.operation("get-me", http.MethodGet, prefix+"/me", tagHistory, "Who you are, and what you may do"),
		func(ctx context.Context, _ *struct{}) (*answer[Me], error) {
			return answered(me(access.From(ctx)), nil)
		})
}

func (s service) audit(ctx context.Context, in *which) ([]inventory.Event, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	return s.desk.Audit(ctx, access.From(ctx), f)
}

// me says who asks.
func me(p access.Principal) Me {
	out := Me{Subject: p.Subject, Name: p.Name, Email: p.Email, Grants: []Grant{}}
	for _, g := range p.Grants {
		if role, ok := roles[g.Role]; ok {
			out.Grants = append(out.Grants, Grant{Role: role, Scope: g.Scope.String()})
		}
	}
	return out
}

// table is an answer that a spreadsheet reads.
type table struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// asTable writes events as comma-separated values.
func asTable(found []inventory.Event) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"id", "at", "actor", "action", "binding", "subject", "revision", "message"}) // a buffer takes all
	for _, e := range found {
		_ = w.Write([]string{
			strconv.FormatInt(e.ID, 10), e.At.UTC().Format(time.RFC3339), cell(e.Actor), cell(e.Action),
			cell(resource.Selector(e.Binding).String()), cell(e.Subject), cell(e.Revision), cell(e.Message),
		})
	}
	w.Flush()
	return b.Bytes()
}

// cell keeps a spreadsheet from taking text for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
