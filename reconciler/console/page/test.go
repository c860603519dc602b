package page

import (
	"encoding/json"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// tryView is what the testing page shows beside its forms.
type tryView struct {
	// Method, Path, Headers, Body and Client are what was typed.
	Method, Path, Headers, Body, Client string
	// Token is one that was asked for, Claims what it holds.
	Token  *desk.Token
	Claims string
	// Response is what the API answered, Text its body if it is text.
	Response *desk.Response
	Text     string
	Headed   []field
	Binary   bool
	Proof    *resource.Proof
}

// Methods are what the form offers.
func (tryView) Methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions}
}

// test shows the testing page.
func (p *pages) test(w http.ResponseWriter, r *http.Request) {
	a, ok := p.agent(w, r, "test")
	if !ok {
		return
	}
	a.Try = tryView{Method: http.MethodGet, Path: "/", Client: a.trier()}
	p.showAgent(w, r, a, nil)
}

// trier is the client whose token is offered first.
func (a agentPage) trier() string {
	for _, name := range []string{resource.ClientTest, resource.ClientOwn} {
		for _, c := range a.Consumers {
			if c.Name == name && c.Stands {
				return name
			}
		}
	}
	return ""
}

// tested reads the forms of the testing page; if it cannot, it has answered.
func (p *pages) tested(w http.ResponseWriter, r *http.Request) (agentPage, bool) {
	a, ok := p.agent(w, r, "test")
	if !ok {
		return a, false
	}
	if err := r.ParseForm(); err != nil {
		p.fail(w, r, unreadable(err))
		return a, false
	}
	a.Try = tryView{
		Method: r.PostForm.Get("method"), Path: r.PostForm.Get("path"), Headers: r.PostForm.Get("headers"),
		Body: r.PostForm.Get("body"), Client: r.PostForm.Get("client"),
	}
	if a.Try.Method == "" {
		a.Try.Method, a.Try.Path = http.MethodGet, "/"
	}
	return a, true
}

// token gets a test token and shows it masked.
func (p *pages) token(w http.ResponseWriter, r *http.Request) {
	a, ok := p.tested(w, r)
	if !ok {
		return
	}
	t, err := p.desk.Token(r.Context(), access.From(r.Context()), a.Of(), a.Try.Client)
	if err == nil {
		a.Try.Token = &t
		claims, failed := json.MarshalIndent(t.Claims, "", "  ")
		a.Try.Claims, err = string(claims), failed
	}
	p.showAgent(w, r, a, err)
}

// try sends a request to the API and shows what it answers.
func (p *pages) try(w http.ResponseWriter, r *http.Request) {
	a, ok := p.tested(w, r)
	if !ok {
		return
	}
	header, err := readHeader(a.Try.Headers)
	if err != nil {
		p.showAgent(w, r, a, err)
		return
	}
	got, err := p.desk.Try(r.Context(), access.From(r.Context()), a.Of(), desk.Request{
		Method: a.Try.Method, Path: a.Try.Path, Header: header, Body: []byte(a.Try.Body), Client: a.Try.Client,
	})
	if err == nil {
		a.Try.answer(got)
	}
	p.showAgent(w, r, a, err)
}

// prove tries the endpoint as the daemon does.
func (p *pages) prove(w http.ResponseWriter, r *http.Request) {
	a, ok := p.tested(w, r)
	if !ok {
		return
	}
	proof, err := p.desk.Prove(r.Context(), access.From(r.Context()), a.Of())
	if len(proof.Checks) > 0 {
		a.Try.Proof = &proof
	}
	p.showAgent(w, r, a, err)
}

// readHeader reads header lines as people type them.
func readHeader(text string) (http.Header, error) {
	out := http.Header{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, wrong("%q is no header", line, "write each on a line of its own, as Accept: application/json")
		}
		out.Add(textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value))
	}
	return out, nil
}

// answer takes in what an API answered.
func (t *tryView) answer(r desk.Response) {
	t.Response = &r
	for _, name := range sortedKeys(r.Header) {
		for _, value := range r.Header[name] {
			t.Headed = append(t.Headed, field{name, value})
		}
	}
	t.Text, t.Binary = textOf(r)
}

// Took is how long the answer took, for people.
func (t tryView) Took() time.Duration { return t.Response.Took.Round(100 * time.Microsecond) }
