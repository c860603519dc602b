package page

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// suspend asks that nothing of a binding be changed for a while.
func (p *pages) suspend(w http.ResponseWriter, r *http.Request) {
	a, ok := p.agent(w, r, "history")
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		p.fail(w, r, unreadable(err))
		return
	}
	length, err := time.ParseDuration(r.PostForm.Get("for"))
	if err != nil || length <= 0 {
		p.showAgent(w, r, a, wrong("%q is no length of time", r.PostForm.Get("for"), "write it as 30m or 8h"))
		return
	}
	err = p.desk.Suspend(r.Context(), access.From(r.Context()), resource.Selector(a.Of()), r.PostForm.Get("reason"), p.Now().Add(length))
	if err != nil {
		p.showAgent(w, r, a, err)
		return
	}
	saying(w, r, a.Path("history"), "suspend")
}

// resume ends a suspension.
func (p *pages) resume(w http.ResponseWriter, r *http.Request) {
	a, ok := p.agent(w, r, "history")
	if !ok {
		return
	}
	scope := resource.Selector(a.Of())
	if a.Suspended != nil {
		scope = a.Suspended.Scope
	}
	if _, err := p.desk.Resume(r.Context(), access.From(r.Context()), scope); err != nil {
		p.showAgent(w, r, a, err)
		return
	}
	saying(w, r, a.Path("history"), "resume")
}
