package page

import (
	"net/http"
	"net/url"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// agentPage is what the pages of a binding have in common.
type agentPage struct {
	desk.Detail
	// Tab is the page that is shown: configuration, test, consume or history.
	Tab string
	// Pending is what would be done now; nil where it was not looked up.
	Pending *desk.Pending
	// PendingFailure says why it could not be.
	PendingFailure *failure
	// Form is what the form for the configuration holds.
	Form authentication
	// Draft is a change that was asked for, with what leads to it again.
	Draft *draftView
	// Try is the testing page's own.
	Try tryView
	// Shown is a credential that was revealed.
	Shown *credentialView
	// Timeline is the history as a picture.
	Timeline timeline
	Past     desk.Past
	// Propose and Branch say where a commit goes.
	Propose bool
	Branch  string
}

// Of is the binding that the page is about.
func (a agentPage) Of() resource.Binding { return a.Binding.Binding }

// Path is the address of a page of the binding, or of another environment.
func (a agentPage) Path(parts ...string) string { return pathOf(a.Of(), parts...) }

// In is the address of the same page in another environment.
func (a agentPage) In(environment string) string {
	b := a.Of()
	b.Environment = environment
	if a.Tab == "configuration" {
		return pathOf(b)
	}
	return pathOf(b, a.Tab)
}

// pathOf is the address of a page of a binding.
func pathOf(b resource.Binding, parts ...string) string {
	return (&url.URL{Path: "/agents/"}).JoinPath(append([]string{b.Organization, b.Project, b.Agent, b.Environment}, parts...)...).String()
}

// bindingOf reads the binding that an address names.
func bindingOf(r *http.Request) resource.Binding {
	return resource.Binding{
		Organization: r.PathValue("organization"), Project: r.PathValue("project"),
		Agent: r.PathValue("agent"), Environment: r.PathValue("environment"),
	}
}

// agent gets what the pages of a binding have in common; if it cannot, it has
// answered already.
func (p *pages) agent(w http.ResponseWriter, r *http.Request, tab string) (agentPage, bool) {
	d, err := p.desk.Detail(r.Context(), access.From(r.Context()), bindingOf(r))
	if err != nil {
		p.fail(w, r, err)
		return agentPage{}, false
	}
	return agentPage{Detail: d, Tab: tab, Propose: p.Propose, Branch: p.Branch}, true
}

// showAgent shows a page of a binding. A failure stands above it, so that what
// somebody typed is not lost.
func (p *pages) showAgent(w http.ResponseWriter, r *http.Request, a agentPage, err error) {
	f := frame{Section: "agents", Page: a, Notice: r.URL.Query().Get("said")}
	status := http.StatusOK
	if err != nil {
		f.Failure = failed(err)
		f.Failure.header(w)
		status = f.Failure.status
	}
	p.show(w, r, status, a.Tab, f)
}
