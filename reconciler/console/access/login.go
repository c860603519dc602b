package access

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Handler serves /login, /logout and /link, and what is below them. It stands
// within Guard.
func (a *Access) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathLogin, a.login)
	mux.HandleFunc("GET "+pathOut, a.out)
	mux.HandleFunc("GET "+pathFiles+"style.css", file("style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("POST "+pathLogout, a.logout)
	if a.OIDC != nil {
		mux.HandleFunc("GET "+pathCallback, a.callback)
	}
	if a.Links != nil {
		mux.HandleFunc("GET "+pathFiles+"link.js", file("link.js", "text/javascript; charset=utf-8"))
		mux.HandleFunc("GET "+pathLink, a.linkPage)
		mux.HandleFunc("POST "+pathLink, a.openLink)
	}
	return mux
}

// login sends a browser to where it logs in.
func (a *Access) login(w http.ResponseWriter, r *http.Request) {
	switch {
	case a.OIDC != nil:
		a.begin(w, r)
	case a.Links != nil:
		http.Redirect(w, r, pathLink, http.StatusSeeOther)
	default:
		a.fail(w, r, message{
			Status: http.StatusNotFound, Title: "People cannot log in here",
			Text: "This console takes the bearer tokens of machines alone; name an OpenID Connect provider in console.oidc.",
		})
	}
}

// logout ends the session.
func (a *Access) logout(w http.ResponseWriter, r *http.Request) {
	if !a.sameOrigin(w, r) {
		return
	}
	a.leave(r)
	http.SetCookie(w, a.cookie(a.sessionCookie(), "", 0))
	http.Redirect(w, r, pathOut, http.StatusSeeOther)
}

// out is what a person sees who has logged out. It does not send them to the
// identity provider, which would log them in again.
func (a *Access) out(w http.ResponseWriter, r *http.Request) {
	m := message{Status: http.StatusOK, Title: "You are logged out", Text: "The session has ended.", Link: pathLogin, LinkText: "Log in again"}
	if a.OIDC != nil {
		m.Text += " You may still be logged in at your identity provider."
	}
	a.fail(w, r, m)
}

// linkPage takes the token out of the address that was opened, or asks for it.
func (a *Access) linkPage(w http.ResponseWriter, r *http.Request) {
	a.askForLink(w, r, http.StatusOK, "Open the link that gatewright printed at its start, or paste it here. "+
		"It works once; `gatewright console link` prints another.")
}

func (a *Access) askForLink(w http.ResponseWriter, r *http.Request, status int, text string) {
	m := message{Status: status, Title: "Log in", Text: text, Form: true, Return: returnPath(r.FormValue("return"))}
	if s, ok := a.current(r); ok {
		m.Link, m.LinkText = m.Return, "Go on as "+s.principal.Subject
	}
	a.show(w, m)
}

// maxForm is the largest form of a login.
const maxForm = 16 << 10

// openLink trades a link for a session.
func (a *Access) openLink(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if !a.sameOrigin(w, r) || a.limited(w, r) {
		return
	}
	token := r.PostFormValue("token")
	if i := strings.LastIndexByte(token, '#'); i >= 0 {
		token = token[i+1:] // the whole link was pasted
	}
	link, err := a.takeLink(r, strings.TrimSpace(token))
	if err != nil {
		a.refused(r, "link", err)
		a.askForLink(w, r, http.StatusForbidden, "This link was used before, has expired or never was one. `gatewright console link` prints another.")
		return
	}
	p := Principal{Subject: link.Subject, Name: link.Name, Grants: []Grant{{Role: Admin}}}
	a.enter(w, r, p)
	a.Log.Info("logged in", "how", "link", "subject", p.Subject, "peer", Peer(r.Context()).String())
	http.Redirect(w, r, returnPath(r.PostFormValue("return")), http.StatusSeeOther) //nolint:gosec // returnPath lets no other host through
}

// takeLink uses a link up.
func (a *Access) takeLink(r *http.Request, token string) (Link, error) {
	if token == "" || len(token) > maxLine {
		return Link{}, errors.New("there is no link")
	}
	d := digest(token)
	link, err := a.Links.Take(r.Context(), d)
	switch {
	case err != nil:
		return Link{}, fmt.Errorf("look for the link: %w", err)
	case !link.Is(d) || !a.Now().Before(link.Ends):
		return Link{}, errors.New("it was used before, has expired or never was one")
	case link.Subject == "":
		return Link{}, errors.New("it names nobody")
	default:
		return link, nil
	}
}
