package command

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/console"
	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/api"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/page"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

// consoleHandler puts the console together.
func (a *App) consoleHandler(ctx context.Context, w *wired) (*console.Certificate, http.Handler, error) {
	c := w.cfg.Console
	var certificate *console.Certificate
	if c.TLS != nil {
		var err error
		if certificate, err = console.NewCertificate(c.TLS.CertFile, c.TLS.KeyFile, a.log); err != nil {
			return nil, nil, err
		}
	}
	who, err := a.access(w)
	if err != nil {
		return nil, nil, err
	}
	client, err := httpClient("", false, 2*desk.MaxTime, 16)
	if err != nil {
		return nil, nil, err
	}
	d := &desk.Desk{
		Engine: w.engine, Store: w.store, Repo: repository{lazySource{w, ctx}}, Client: client, Log: a.log,
		Commits: desk.Commits{Propose: c.Commits.Propose, Prefix: c.Commits.BranchPrefix, PullRequest: c.Commits.PullRequestURL},
	}
	pages := page.New(d, page.Options{Version: a.Version, Propose: c.Commits.Propose, Branch: w.cfg.Source.Branch, Log: a.log})
	return certificate, console.New(console.Options{Access: who, Pages: pages, API: api.New(d, a.Version), Log: a.log}), nil
}

// access says who may use the console.
func (a *App) access(w *wired) (*access.Access, error) {
	c := w.cfg.Console
	out := access.Config{
		PublicURL: c.Address(), Proxies: c.Proxies(), Contact: c.Contact, Log: a.log,
		Lifetime: access.Lifetime{Whole: c.Session.Lifetime, Idle: c.Session.Idle},
	}
	if c.Links() {
		out.Links = newStoredLinks(w.store, c)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Roles)) {
		r := c.Roles[name]
		role, err := access.ParseRole(r.Role)
		if err != nil {
			return nil, fmt.Errorf("console role %s: %w", name, err)
		}
		out.Rules = append(out.Rules, access.Rule{Claim: r.Claim, Value: r.Value, Grant: access.Grant{
			Role: role, Scope: resource.Selector{Organization: r.Organization, Project: r.Project, Environment: r.Environment},
		}})
	}
	var err error
	if c.OIDC != nil {
		if out.OIDC, err = oidcAccess(c.OIDC); err != nil {
			return nil, err
		}
	}
	if c.Bearer != nil {
		if out.Bearer, err = bearerAccess(c.Bearer); err != nil {
			return nil, err
		}
	}
	return access.New(out)
}

// issuerTimeout ends one conversation with an issuer.
const issuerTimeout = 10 * time.Second

// oidcAccess logs people in. The secret is read each time it is used.
func oidcAccess(c *config.OIDC) (*access.OIDC, error) {
	client, err := httpClient(c.CAFile, false, issuerTimeout, 4)
	if err != nil {
		return nil, fmt.Errorf("console oidc: %w", err)
	}
	o := &access.OIDC{Issuer: c.Issuer, ClientID: c.ClientID, Scopes: c.Scopes, SubjectClaim: c.SubjectClaim, Client: client}
	if !c.ClientSecret.IsZero() {
		o.ClientSecret = c.ClientSecret.Resolve
	}
	return o, nil
}

// bearerAccess accepts the tokens of machines.
func bearerAccess(c *config.Bearer) (*access.Bearer, error) {
	client, err := httpClient(c.CAFile, false, issuerTimeout, 4)
	if err != nil {
		return nil, fmt.Errorf("console bearer: %w", err)
	}
	return &access.Bearer{Issuer: c.Issuer, Audience: c.Audience, JWKS: c.JWKSURL, SubjectClaim: c.SubjectClaim, Client: client}, nil
}

// tellConsole says where the console is, and prints the first link. The link
// goes to whoever started the program and not into its log.
func (a *App) tellConsole(ctx context.Context, w *wired, l net.Listener) error {
	a.log.Info("serving the console", "address", l.Addr().String())
	if !w.cfg.Console.Links() {
		return nil
	}
	link, _, err := makeLink(ctx, w.store, w.cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "gatewright: console: %s\n", link)
	fmt.Fprintf(a.Err, "gatewright: hint: the link works once, for %s; `gatewright console link` prints another\n", access.LinkLife)
	return nil
}

// repository is the source with its write side.
type repository struct{ lazySource }

// At implements desk.Repository.
func (r repository) At(ctx context.Context, revision string) (source.Snapshot, error) {
	s, err := r.w.open(ctx)
	if err != nil {
		return source.Snapshot{}, err
	}
	return s.At(ctx, revision)
}

// Commit implements desk.Repository.
func (r repository) Commit(ctx context.Context, c source.Commit) (source.Revision, error) {
	s, err := r.w.open(ctx)
	if err != nil {
		return source.Revision{}, err
	}
	return s.Commit(ctx, c)
}
