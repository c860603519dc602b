package page

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// pastSteps is how much of its history the page of a binding shows.
const pastSteps = 100

// history shows what was done to a binding, and by whom.
func (p *pages) history(w http.ResponseWriter, r *http.Request) {
	a, ok := p.agent(w, r, "history")
	if !ok {
		return
	}
	past, err := p.desk.Past(r.Context(), access.From(r.Context()), a.Of(), pastSteps)
	a.Past, a.Timeline = past, timelineOf(past, p.Now())
	p.showAgent(w, r, a, err)
}

// runsPage lists runs.
type runsPage struct {
	Runs []inventory.Run
	// Older is where the ones before are, or empty.
	Older string
}

// pageOfRuns is how many runs a page has.
const pageOfRuns = 50

// runs shows what the daemon did, newest first.
func (p *pages) runs(w http.ResponseWriter, r *http.Request) {
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // none is the newest
	found, err := p.desk.Runs(r.Context(), access.From(r.Context()), inventory.RunFilter{
		Before: inventory.RunID(before), Limit: pageOfRuns, Environment: r.URL.Query().Get("environment"),
	})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := runsPage{Runs: found}
	if len(found) == pageOfRuns {
		page.Older = "/runs?before=" + strconv.FormatInt(int64(found[len(found)-1].ID), 10)
	}
	p.show(w, r, http.StatusOK, "runs", frame{Section: "runs", Page: page})
}

// auditPage lists what people did.
type auditPage struct {
	Events []inventory.Event
	Filter inventory.EventFilter
	// Scope is the binding that was typed, Wrong why it cannot be read.
	Scope string
	Wrong string
	Older string
	// Export is where the same can be had as CSV.
	Export string
}

// exported is how many events one export holds at most.
const exported = 10000

// audit shows who did what.
func (p *pages) audit(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	before, _ := strconv.ParseInt(v.Get("before"), 10, 64) // none is the newest
	page := auditPage{Filter: inventory.EventFilter{
		Actor: strings.TrimSpace(v.Get("actor")), Action: v.Get("action"), Before: before, Limit: pageOfRuns,
	}}
	if page.Scope = strings.TrimSpace(v.Get("scope")); page.Scope != "" {
		scope, err := resource.ParseSelector(page.Scope)
		if err != nil {
			page.Wrong = err.Error()
		}
		page.Filter.Binding = resource.Binding(scope)
	}
	if page.Wrong != "" {
		p.show(w, r, http.StatusUnprocessableEntity, "audit", frame{Section: "audit", Page: page})
		return
	}
	var err error
	if page.Events, err = p.desk.Audit(r.Context(), access.From(r.Context()), page.Filter); err != nil {
		p.fail(w, r, err)
		return
	}
	v.Del("before")
	export := maps.Clone(v)
	export.Set("limit", strconv.Itoa(exported))
	page.Export = "/api/v1/audit.csv?" + export.Encode()
	if len(page.Events) == pageOfRuns {
		v.Set("before", strconv.FormatInt(page.Events[len(page.Events)-1].ID, 10))
		page.Older = "/audit?" + v.Encode()
	}
	p.show(w, r, http.StatusOK, "audit", frame{Section: "audit", Page: page})
}
