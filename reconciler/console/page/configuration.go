package page

import (
	"net/http"
	"slices"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
)

// configuration shows what is asked of an endpoint, and what would be done.
func (p *pages) configuration(w http.ResponseWriter, r *http.Request) {
	a, ok := p.agent(w, r, "configuration")
	if !ok {
		return
	}
	a.Form = formOf(a.Authentication)
	pending, err := p.desk.Pending(r.Context(), access.From(r.Context()), a.Of())
	if err != nil {
		// The page says the rest all the same.
		a.PendingFailure = failed(err)
	} else {
		a.Pending = &pending
	}
	p.showAgent(w, r, a, nil)
}

// draftView is a change that is shown before it is committed.
type draftView struct {
	desk.Draft
	// Fields lead to the same change again.
	Fields []field
	Lines  []diffLine
	// Fit reports that it can be committed.
	Fit bool
	// Back is where the form is.
	Back string
}

// field is a hidden field of a form.
type field struct{ Name, Value string }

// draft shows what a change does to the file, and the plan that it leads to.
func (p *pages) draft(w http.ResponseWriter, r *http.Request) {
	a, c, ok := p.change(w, r)
	if !ok {
		return
	}
	found, err := p.desk.Draft(r.Context(), access.From(r.Context()), c)
	if err == nil {
		a.Draft = &draftView{
			Draft: found, Lines: diffLines(found.Diff), Fields: fieldsOf(r.PostForm, found.Base),
			Fit: !found.Diagnostics.HasErrors() && found.Diff != "", Back: backOf(a, r),
		}
	}
	p.showAgent(w, r, a, err)
}

// commit commits a change that was shown as a draft.
func (p *pages) commit(w http.ResponseWriter, r *http.Request) {
	a, c, ok := p.change(w, r)
	if !ok {
		return
	}
	done, err := p.desk.Commit(r.Context(), access.From(r.Context()), c)
	if err != nil {
		p.showAgent(w, r, a, err)
		return
	}
	p.show(w, r, http.StatusOK, "committed", frame{Section: "agents", Page: committedPage{agentPage: a, Committed: done}})
}

// committedPage tells of a commit and what comes next.
type committedPage struct {
	agentPage
	desk.Committed
}

// change reads the change that a form asks for; if it cannot, it has answered.
func (p *pages) change(w http.ResponseWriter, r *http.Request) (agentPage, desk.Change, bool) {
	a, ok := p.agent(w, r, "configuration")
	if !ok {
		return a, desk.Change{}, false
	}
	if err := r.ParseForm(); err != nil {
		p.fail(w, r, unreadable(err))
		return a, desk.Change{}, false
	}
	a.Form = formOf(a.Authentication)
	if r.PostForm.Get("kind") == kindAuthentication {
		a.Form = readAuthentication(r.PostForm)
	}
	edits, err := editsOf(a, r.PostForm)
	if err != nil {
		p.showAgent(w, r, a, err)
		return a, desk.Change{}, false
	}
	return a, desk.Change{
		Binding: a.Of(), Edits: edits, Base: r.PostForm.Get("base"), Summary: r.PostForm.Get("summary"),
	}, true
}

// backOf is where the form of a change is.
func backOf(a agentPage, r *http.Request) string {
	if slices.Contains([]string{kindAddClient, kindRemoveClient}, r.PostForm.Get("kind")) {
		return a.Path("consume")
	}
	return a.Path()
}
