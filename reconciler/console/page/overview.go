package page

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/schema"
)

// perPage is how many bindings one page of the overview has.
const perPage = 50

// overviewPage is what the overview shows.
type overviewPage struct {
	desk.Overview
	Query  desk.Query
	Bars   []bar
	Number int
	Pages  int
	form   url.Values
}

// overview shows every agent.
func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	q, number := queryOf(r.URL.Query())
	found, err := p.desk.Overview(r.Context(), access.From(r.Context()), q)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := overviewPage{
		Overview: found, Query: q, Number: number, Pages: max(1, (found.Total+perPage-1)/perPage), form: r.URL.Query(),
	}
	for _, c := range found.Environments {
		page.Bars = append(page.Bars, barOf(c))
	}
	p.show(w, r, http.StatusOK, "overview", frame{Section: "agents", Notice: r.URL.Query().Get("said"), Page: page})
}

// queryOf reads the query of the overview. What it does not know is left out: an
// old bookmark shows more than it should, not an error.
func queryOf(v url.Values) (q desk.Query, number int) {
	number, err := strconv.Atoi(v.Get("page"))
	if err != nil || number < 1 || number > 1<<20 {
		number = 1
	}
	q = desk.Query{
		Filter: inventory.Filter{
			Organization: v.Get("organization"), Project: v.Get("project"), Agent: v.Get("agent"),
			Environment: v.Get("environment"), Status: inventory.Status(v.Get("status")),
		},
		Scheme: schema.Scheme(v.Get("scheme")), Search: v.Get("q"), Sort: v.Get("sort"), Descending: v.Get("order") == "desc",
		Limit: perPage, Offset: (number - 1) * perPage,
	}
	if !slices.Contains(desk.Sorts, q.Sort) {
		q.Sort = ""
	}
	return q, number
}

// With is the address of the overview with one value of its query replaced.
func (o overviewPage) With(name, value string) string {
	v := url.Values{}
	for key, values := range o.form {
		if key != "page" && key != "said" {
			v[key] = values
		}
	}
	v.Set(name, value)
	for key := range v {
		if v.Get(key) == "" {
			v.Del(key)
		}
	}
	if len(v) == 0 {
		return "/"
	}
	return "/?" + v.Encode()
}

// SortBy is the address of the overview sorted by a column: the other way round
// if it is already.
func (o overviewPage) SortBy(column string) string {
	order := ""
	if o.Query.Sort == column && !o.Query.Descending {
		order = "desc"
	}
	sorted := o
	sorted.form = url.Values{}
	maps.Copy(sorted.form, o.form)
	sorted.form.Set("order", order)
	return sorted.With("sort", column)
}

// Sorted is the value of aria-sort of a column.
func (o overviewPage) Sorted(column string) string {
	switch {
	case o.Query.Sort != column:
		return "none"
	case o.Query.Descending:
		return "descending"
	default:
		return "ascending"
	}
}

// Page is the address of another page of the list, and empty beyond its ends.
func (o overviewPage) Page(number int) string {
	if number < 1 || number > o.Pages {
		return ""
	}
	return o.With("page", strconv.Itoa(number))
}

// Previous and Next are its neighbours.
func (o overviewPage) Previous() string { return o.Page(o.Number - 1) }

// Next is the address of the page after this one.
func (o overviewPage) Next() string { return o.Page(o.Number + 1) }

// Filtered reports that the list is not everything.
func (o overviewPage) Filtered() bool {
	return o.Query.Filter != inventory.Filter{} || o.Query.Scheme != "" || o.Query.Search != ""
}

// First and Last number the rows that are shown.
func (o overviewPage) First() int { return min(o.Query.Offset+1, o.Total) }

// Last is the number of the last row that is shown.
func (o overviewPage) Last() int { return min(o.Query.Offset+len(o.Rows), o.Total) }

// sync asks the daemon to look again.
func (p *pages) sync(w http.ResponseWriter, r *http.Request) {
	if err := p.desk.Sync(r.Context(), access.From(r.Context())); err != nil {
		p.fail(w, r, err)
		return
	}
	saying(w, r, "/", "sync")
}
