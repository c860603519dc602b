package page

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/schema"
)

// credentialView is a credential that was asked for.
type credentialView struct {
	desk.Credential
	// Secret and Wrapping are shown, this once.
	Secret, Wrapping string
	// Command unwraps it.
	Command string
}

// wrapTime is how long a wrapped credential can be fetched.
const wrapTime = 10 * time.Minute

// consumption shows who may call the API and how.
func (p *pages) consumption(w http.ResponseWriter, r *http.Request) {
	if a, ok := p.agent(w, r, "consume"); ok {
		p.showAgent(w, r, a, nil)
	}
}

// consumed reads the forms of the consumption page.
func (p *pages) consumed(w http.ResponseWriter, r *http.Request) (agentPage, bool) {
	a, ok := p.agent(w, r, "consume")
	if !ok {
		return a, false
	}
	if err := r.ParseForm(); err != nil {
		p.fail(w, r, unreadable(err))
		return a, false
	}
	return a, true
}

// reveal shows the secret of a client to who asked for it.
func (p *pages) reveal(w http.ResponseWriter, r *http.Request) {
	a, ok := p.consumed(w, r)
	if !ok {
		return
	}
	wrap := time.Duration(0)
	if r.PostForm.Get("wrap") != "" {
		wrap = wrapTime
	}
	who := access.From(r.Context())
	c, err := p.desk.Reveal(r.Context(), who, a.Of(), r.PostForm.Get("client"), wrap)
	if err == nil {
		// What was just shown, and to whom, belongs on the same page.
		if d, again := p.desk.Detail(r.Context(), who, a.Of()); again == nil {
			a.Detail = d
		}
		a.Shown = &credentialView{Credential: c, Secret: c.Secret.Reveal(), Wrapping: c.Wrapping.Reveal()}
		if a.Shown.Wrapping != "" {
			a.Shown.Command = "bao unwrap"
		}
	}
	p.showAgent(w, r, a, err)
}

// rotate asks for a new secret of a client.
func (p *pages) rotate(w http.ResponseWriter, r *http.Request) {
	a, ok := p.consumed(w, r)
	if !ok {
		return
	}
	o := desk.RotateOptions{Reason: r.PostForm.Get("reason")}
	if r.PostForm.Get("revoke") != "" {
		o.Overlap, o.Cut = new(schema.Seconds), true
	}
	if err := p.desk.Rotate(r.Context(), access.From(r.Context()), a.Of(), r.PostForm.Get("client"), o); err != nil {
		p.showAgent(w, r, a, err)
		return
	}
	saying(w, r, a.Path("consume"), "rotate")
}
