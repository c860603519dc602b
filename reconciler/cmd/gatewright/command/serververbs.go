package command

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// served is how everything stands, as the API says it.
type served struct {
	Bindings    []inventory.Binding    `json:"bindings"`
	Total       int                    `json:"total"`
	Suspensions []inventory.Suspension `json:"suspensions"`
	Running     *struct {
		Hash string `json:"hash"`
	} `json:"running"`
	At time.Time `json:"at"`
}

// servedPage is how many bindings are asked for at once.
const servedPage = 500

// bindings asks for the bindings that a filter selects, page by page; limit
// zero means all.
func (s *server) bindings(ctx context.Context, f inventory.Filter, limit int) (served, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"organization": f.Organization, "project": f.Project, "agent": f.Agent, "environment": f.Environment, "status": string(f.Status),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	page := servedPage
	if limit > 0 {
		page = limit
	}
	query.Set("limit", strconv.Itoa(page))
	var out served
	for {
		query.Set("offset", strconv.Itoa(len(out.Bindings)))
		var more served
		if err := s.call(ctx, http.MethodGet, "/bindings", query, nil, &more); err != nil {
			return out, err
		}
		more.Bindings = append(out.Bindings, more.Bindings...)
		got := len(more.Bindings) - len(out.Bindings)
		if out = more; got < page || limit > 0 {
			return out, nil
		}
	}
}

// status asks for what status shows.
func (s *server) status(ctx context.Context, f inventory.Filter) (view.Status, error) {
	got, err := s.bindings(ctx, f, 0)
	out := view.Status{Bindings: append([]inventory.Binding{}, got.Bindings...), Suspensions: byPeople(got.Suspensions), At: got.At}
	if got.Running != nil {
		out.Revision = got.Running.Hash
	}
	return out, err
}

// byPeople leaves out what specs suspend, which shows with their bindings.
func byPeople(all []inventory.Suspension) []inventory.Suspension {
	out := []inventory.Suspension{}
	for _, s := range all {
		if s.Author != "" {
			out = append(out, s)
		}
	}
	return out
}

// history asks for what history shows.
func (s *server) history(ctx context.Context, steps inventory.StepFilter, events bool) (out view.History, err error) {
	query := url.Values{"limit": {strconv.Itoa(steps.Limit)}}
	switch {
	case events:
		if steps.Binding != (resource.Binding{}) {
			query.Set("scope", steps.Binding.String())
		}
		err = s.call(ctx, http.MethodGet, "/audit", query, nil, &out)
	case steps.Run != 0 && steps.Binding != (resource.Binding{}):
		return out, usage("a console is asked for the steps of a run or of a binding; leave out --run or %s", steps.Binding)
	case steps.Run != 0:
		err = s.call(ctx, http.MethodGet, "/runs/"+strconv.FormatInt(int64(steps.Run), 10), query, nil, &out)
	case steps.Binding != (resource.Binding{}):
		err = s.call(ctx, http.MethodGet, bindingPath(steps.Binding)+"/history", query, nil, &out)
		out.Events = nil // history shows the steps of a binding
	default:
		err = s.call(ctx, http.MethodGet, "/runs", query, nil, &out)
	}
	return out, err
}

// bindingPath is where the API has a binding.
func bindingPath(b resource.Binding) string {
	return "/bindings/" + b.Organization + "/" + b.Project + "/" + b.Agent + "/" + b.Environment
}

// mint asks for an access token.
func (s *server) mint(ctx context.Context, b resource.Binding, client string) (t minted, seen resource.Observed, err error) {
	var got struct {
		AccessToken string         `json:"access_token"`
		TokenType   string         `json:"token_type"`
		ExpiresIn   int            `json:"expires_in"`
		ClientID    string         `json:"clientID"`
		Claims      map[string]any `json:"claims"`
		URL         string         `json:"url"`
		Header      string         `json:"header"`
		Prefix      string         `json:"prefix"`
	}
	in := struct {
		Client string `json:"client,omitempty"`
	}{client}
	if err := s.call(ctx, http.MethodPost, bindingPath(b)+"/token", nil, in, &got); err != nil {
		return t, seen, err
	}
	seen.URL = got.URL
	seen.State.Endpoint = &resource.Endpoint{Header: got.Header, Prefix: got.Prefix}
	return minted{
		AccessToken: got.AccessToken, TokenType: got.TokenType, ExpiresIn: got.ExpiresIn, ClientID: got.ClientID, Claims: got.Claims, URL: got.URL,
	}, seen, nil
}

// suspend asks for a suspension, and for how many bindings are in its scope.
func (s *server) suspend(ctx context.Context, sus inventory.Suspension) (suspended, error) {
	in := struct {
		Scope  string    `json:"scope"`
		Reason string    `json:"reason"`
		Until  time.Time `json:"until"`
	}{sus.Scope.String(), sus.Reason, sus.Until}
	if err := s.call(ctx, http.MethodPost, "/suspensions", nil, in, nil); err != nil {
		return suspended{}, err
	}
	var me struct {
		Subject string `json:"subject"`
	}
	if err := s.call(ctx, http.MethodGet, "/me", nil, nil, &me); err != nil {
		return suspended{}, err
	}
	sus.Author = me.Subject
	got, err := s.bindings(ctx, inventory.Filter{
		Organization: sus.Scope.Organization, Project: sus.Scope.Project, Agent: sus.Scope.Agent, Environment: sus.Scope.Environment,
	}, 1)
	return suspended{Suspension: sus, Bindings: got.Total}, err
}

// resume ends a suspension, reports whether there was one, and returns what is
// suspended still.
func (s *server) resume(ctx context.Context, scope resource.Selector) (bool, []inventory.Suspension, error) {
	before, err := s.suspensions(ctx)
	if err != nil {
		return false, nil, err
	}
	found := false
	for _, held := range before {
		found = found || held.Scope == scope
	}
	if !found {
		return false, before, nil
	}
	if err := s.call(ctx, http.MethodDelete, "/suspensions", url.Values{"scope": {scope.String()}}, nil, nil); err != nil {
		return false, nil, err
	}
	left, err := s.suspensions(ctx)
	return true, left, err
}

// suspensions asks for the suspensions of people.
func (s *server) suspensions(ctx context.Context) ([]inventory.Suspension, error) {
	var got struct {
		Suspensions []inventory.Suspension `json:"suspensions"`
	}
	err := s.call(ctx, http.MethodGet, "/suspensions", nil, nil, &got)
	return byPeople(got.Suspensions), err
}
