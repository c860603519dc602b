package page

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Desk is where the pages get what they show and bring what people ask for; see
// desk.Desk.
type Desk interface {
	Looks
	Tries
	Secrets
	Changes
	Orders
}

// Looks are what a viewer sees.
type Looks interface {
	Overview(ctx context.Context, who access.Principal, q desk.Query) (desk.Overview, error)
	Detail(ctx context.Context, who access.Principal, b resource.Binding) (desk.Detail, error)
	Pending(ctx context.Context, who access.Principal, b resource.Binding) (desk.Pending, error)
	Past(ctx context.Context, who access.Principal, b resource.Binding, limit int) (desk.Past, error)
	Runs(ctx context.Context, who access.Principal, f inventory.RunFilter) ([]inventory.Run, error)
	Audit(ctx context.Context, who access.Principal, f inventory.EventFilter) ([]inventory.Event, error)
}

// Tries call the API of a binding.
type Tries interface {
	Token(ctx context.Context, who access.Principal, b resource.Binding, client string) (desk.Token, error)
	Try(ctx context.Context, who access.Principal, b resource.Binding, r desk.Request) (desk.Response, error)
	Prove(ctx context.Context, who access.Principal, b resource.Binding) (resource.Proof, error)
}

// Secrets are about credentials.
type Secrets interface {
	Reveal(ctx context.Context, who access.Principal, b resource.Binding, client string, wrap time.Duration) (desk.Credential, error)
	Rotate(ctx context.Context, who access.Principal, b resource.Binding, client string, o desk.RotateOptions) error
}

// Changes are changes of specs.
type Changes interface {
	Draft(ctx context.Context, who access.Principal, c desk.Change) (desk.Draft, error)
	Commit(ctx context.Context, who access.Principal, c desk.Change) (desk.Committed, error)
}

// Orders are for the daemon.
type Orders interface {
	Suspend(ctx context.Context, who access.Principal, scope resource.Selector, reason string, until time.Time) error
	Resume(ctx context.Context, who access.Principal, scope resource.Selector) (bool, error)
	Sync(ctx context.Context, who access.Principal) error
}

// Options are the settings of the pages.
type Options struct {
	// Version is that of the program, for the foot of each page.
	Version string
	// Propose reports that changes become branches, for the words on buttons.
	Propose bool
	// Branch is the one that is followed, for the same.
	Branch string
	Log    *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// pages serves the pages.
type pages struct {
	desk Desk
	Options
	templates map[string]*template.Template
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// New makes the handler of all pages and of /static/, which is for everybody.
func New(d Desk, o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &pages{desk: d, Options: o}
	p.templates = parse(o.Now)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.overview)
	mux.HandleFunc("GET /runs", p.runs)
	mux.HandleFunc("GET /audit", p.audit)
	mux.HandleFunc("POST /sync", p.sync)
	const binding = "/agents/{organization}/{project}/{agent}/{environment}"
	mux.HandleFunc("GET "+binding, p.configuration)
	mux.HandleFunc("POST "+binding+"/draft", p.draft)
	mux.HandleFunc("POST "+binding+"/commit", p.commit)
	mux.HandleFunc("GET "+binding+"/test", p.test)
	mux.HandleFunc("POST "+binding+"/test/token", p.token)
	mux.HandleFunc("POST "+binding+"/test/try", p.try)
	mux.HandleFunc("POST "+binding+"/test/proof", p.prove)
	mux.HandleFunc("GET "+binding+"/consume", p.consumption)
	mux.HandleFunc("POST "+binding+"/consume/reveal", p.reveal)
	mux.HandleFunc("POST "+binding+"/consume/rotate", p.rotate)
	mux.HandleFunc("GET "+binding+"/history", p.history)
	mux.HandleFunc("POST "+binding+"/suspend", p.suspend)
	mux.HandleFunc("POST "+binding+"/resume", p.resume)
	mux.Handle("GET /static/", static())
	mux.HandleFunc("/", p.missing)
	return mux
}

// static serves what is the same for everybody. It is asked for anew with each
// start of a daemon, which is when it may have changed.
func static() http.Handler {
	files, err := fs.Sub(staticFiles, ".")
	if err != nil {
		panic(err) // the files are part of the program
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		server.ServeHTTP(w, r)
	})
}

// frame is what every page has.
type frame struct {
	Who     access.Principal
	Version string
	// Section is the entry of the main navigation that is shown as current.
	Section string
	// Notice is said above the page, Failure if something did not work.
	Notice  string
	Failure *failure
	Now     time.Time
	Page    any
}

// show renders the page called name. It is made whole before the first byte is
// sent, so that a fault in it is an error and not half a page.
func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f.Who, f.Version, f.Now = access.From(r.Context()), p.Version, p.Now()
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "layout", f); err != nil {
		p.Log.ErrorContext(r.Context(), "a page could not be made", "page", name, "error", err)
		http.Error(w, "the page could not be made; the daemon's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := b.WriteTo(w); err != nil {
		p.Log.DebugContext(r.Context(), "a page was not read to its end", "page", name, "error", err)
	}
}

// saying leads to another page of the console, which says what was done.
func saying(w http.ResponseWriter, r *http.Request, path, word string) {
	http.Redirect(w, r, path+"?said="+word, http.StatusSeeOther) //nolint:gosec // path is one of pathOf, which begins with a single slash
}
