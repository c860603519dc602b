package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// OIDC is a provider of OpenID Connect that people log in with: the
// authorization code flow with PKCE (RFC 7636), a state and a nonce.
type OIDC struct {
	Issuer, ClientID string
	// ClientSecret reads the secret; nil means a public client.
	ClientSecret func() (resource.Secret, error)
	// Scopes are asked for beside openid.
	Scopes []string
	// SubjectClaim is the claim that people are known by; see Claims.Principal.
	SubjectClaim string
	// Client reaches the provider; nil means a plain one.
	Client *http.Client
}

// oauth is the client at a provider. A code can be traded once, so how to
// authenticate is known before and not tried out.
func (a *Access) oauth(p *oidc.Provider) (*oauth2.Config, error) {
	c := &oauth2.Config{
		ClientID: a.OIDC.ClientID, Endpoint: p.Endpoint(), RedirectURL: strings.TrimSuffix(a.PublicURL.String(), "/") + pathCallback,
		Scopes: []string{oidc.ScopeOpenID},
	}
	for _, s := range a.OIDC.Scopes {
		if !slices.Contains(c.Scopes, s) {
			c.Scopes = append(c.Scopes, s)
		}
	}
	c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if a.OIDC.ClientSecret == nil {
		return c, nil
	}
	secret, err := a.OIDC.ClientSecret()
	if err != nil {
		return nil, err
	}
	c.ClientSecret = secret.Reveal()
	var known struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.Claims(&known); err != nil {
		return nil, err
	}
	if len(known.Methods) == 0 || slices.Contains(known.Methods, "client_secret_basic") {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	return c, nil
}

// begin sends a browser to the provider.
func (a *Access) begin(w http.ResponseWriter, r *http.Request) {
	again := r.URL.Query().Get("again") != ""
	login := pending{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Return: returnPath(r.URL.Query().Get("return"))}
	if _, ok := a.current(r); ok && !again {
		http.Redirect(w, r, login.Return, http.StatusSeeOther)
		return
	}
	var client *oauth2.Config
	p, err := a.provider.get()
	if err == nil {
		client, err = a.oauth(p)
	}
	if err != nil {
		a.away(w, r, err)
		return
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(login.Nonce), oauth2.S256ChallengeOption(login.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	a.remember(w, r, login)
	http.Redirect(w, r, client.AuthCodeURL(login.State, options...), http.StatusSeeOther)
}

// away tells a person that the provider cannot be used now.
func (a *Access) away(w http.ResponseWriter, r *http.Request, err error) {
	a.Log.Warn("the identity provider cannot be used", "issuer", a.OIDC.Issuer, "reason", plainLine(reason(err).Error()))
	w.Header().Set("Retry-After", "5")
	a.fail(w, r, message{
		Status: http.StatusServiceUnavailable, Title: "The identity provider is away",
		Text: "Nobody can log in until " + a.OIDC.Issuer + " answers. The log of gatewright says what is wrong.",
		Link: pathLogin, LinkText: "Try again",
	})
}

// callback ends a login that begin began.
func (a *Access) callback(w http.ResponseWriter, r *http.Request) {
	if a.limited(w, r) {
		return
	}
	q := r.URL.Query()
	login, ok := a.recall(w, r, q.Get("state"))
	switch {
	case !ok:
		a.notLoggedIn(w, r, errors.New("the state is not one of this browser"),
			"The login was not begun in this browser, or more than ten minutes ago.")
		return
	case q.Has("error"):
		a.notLoggedIn(w, r, errors.New("the provider answers "+errorCode(q.Get("error"))), "The identity provider did not let you in.")
		return
	}
	claims, err := a.trade(r.Context(), q.Get("code"), q.Get("iss"), login)
	var p Principal
	if err == nil {
		p, err = claims.Principal(a.OIDC.SubjectClaim, a.Rules)
	}
	if err != nil {
		a.notLoggedIn(w, r, reason(err), "The identity provider's answer could not be accepted. The log of gatewright says why.")
		return
	}
	if !p.MayAny(Viewer) {
		a.withoutRole(w, r, p)
		return
	}
	a.enter(w, r, p)
	a.Log.Info("logged in", "how", "oidc", "subject", p.Subject, "peer", Peer(r.Context()).String())
	http.Redirect(w, r, login.Return, http.StatusSeeOther)
}

// notLoggedIn answers a login that failed.
func (a *Access) notLoggedIn(w http.ResponseWriter, r *http.Request, err error, text string) {
	a.refused(r, "oidc", err)
	a.fail(w, r, message{Status: http.StatusForbidden, Title: "You are not logged in", Text: text, Link: pathLogin, LinkText: "Log in again"})
}

// errorCode is an error code of RFC 6749 §4.1.2.1, as against any text that
// somebody puts into an address.
func errorCode(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		return "an unknown error"
	}
	return s
}

// trade gets the claims that a code stands for. The issuer in the answer, where
// there is one, must be ours (RFC 9207).
func (a *Access) trade(ctx context.Context, code, issuer string, login pending) (Claims, error) {
	if issuer != "" && issuer != a.OIDC.Issuer {
		return nil, errors.New("another issuer answers")
	}
	if code == "" {
		return nil, errors.New("there is no code")
	}
	p, err := a.provider.get()
	if err != nil {
		return nil, err
	}
	client, err := a.oauth(p)
	if err != nil {
		return nil, err
	}
	ctx = a.provider.context(ctx)
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(login.Verifier))
	if err != nil {
		return nil, err
	}
	claims, err := a.identity(ctx, p, token, login.Nonce)
	if err != nil {
		return nil, err
	}
	if len(claims.Grants(a.Rules)) > 0 || p.UserInfoEndpoint() == "" {
		return claims, nil
	}
	return a.more(ctx, p, token, claims)
}

// identity verifies an ID token (Core 1.0 §3.1.3.7).
func (a *Access) identity(ctx context.Context, p *oidc.Provider, token *oauth2.Token, nonce string) (Claims, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("there is no ID token")
	}
	verifier := p.Verifier(&oidc.Config{ClientID: a.OIDC.ClientID, SupportedSigningAlgs: algorithms, Now: a.Now})
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	claims := Claims{}
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("the claims of the ID token: %w", err)
	}
	party, named := claims["azp"]
	switch {
	case !same(id.Nonce, nonce):
		return nil, errors.New("the ID token has another nonce")
	case named && party != a.OIDC.ClientID, !named && len(id.Audience) > 1:
		return nil, errors.New("the ID token was issued to another client")
	case id.AccessTokenHash != "":
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// more adds what the provider tells at its user info endpoint: some put groups
// and roles there alone. What the ID token says stays.
func (a *Access) more(ctx context.Context, p *oidc.Provider, token *oauth2.Token, claims Claims) (Claims, error) {
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fmt.Errorf("ask for user info: %w", err)
	}
	if info.Subject != claims[claimSubject] {
		return nil, errors.New("the user info is about somebody else (Core 1.0 §5.3.2)")
	}
	out := Claims{}
	if err := info.Claims(&out); err != nil {
		return nil, fmt.Errorf("the claims of the user info: %w", err)
	}
	maps.Copy(out, claims)
	return out, nil
}
