package thunder

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// systemScope is the only permission that opens applications and imports.
const systemScope = "system"

// Errors of the token endpoint (RFC 6749 section 5.2, RFC 8707 section 2).
const (
	errorClient = "invalid_client"
	errorTarget = "invalid_target"
)

// hintRole says how a client gets the permission.
const hintRole = "give the client the role Administrator, or another with the permission system: " +
	"POST /roles/01900000-0000-7000-8000-000000000050/assignments/add " +
	`{"assignments":[{"id":"<the client's application id>","type":"app"}]}`

// tokens keeps a system token and gets a new one ahead of its expiry.
type tokens struct {
	c         Config
	endpoints *endpoints
	group     singleflight.Group

	mu      sync.Mutex
	access  resource.Secret
	renewAt time.Time
	// resource is the one that worked, once one has.
	resource *string
}

func newTokens(c Config, e *endpoints) *tokens { return &tokens{c: c, endpoints: e} }

// get returns a token that is good for a while.
func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	access, fresh := t.access, time.Now().Before(t.renewAt)
	t.mu.Unlock()
	if fresh {
		return access.Reveal(), nil
	}
	got, err := shared(ctx, &t.group, "token", t.fetch)
	if err != nil {
		return "", err
	}
	return got.Reveal(), nil
}

// drop forgets a token that was refused, unless another has replaced it.
func (t *tokens) drop(access string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.access.Reveal() == access {
		t.access, t.renewAt = resource.Secret{}, time.Time{}
	}
}

// fetch asks for a token, trying one resource after the other.
//
//	resource                     | where it is right
//	-----------------------------+------------------------------------------------
//	configured                   | then it is the only one
//	<issuer>/mcp                 | the operator renamed the system resource server
//	https://localhost:8090/mcp   | the shipped bundle, with any public URL
//	none                         | a default resource server; v0.45
func (t *tokens) fetch(ctx context.Context) (resource.Secret, error) {
	candidates, err := t.candidates(ctx)
	if err != nil {
		return resource.Secret{}, err
	}
	for i, candidate := range candidates {
		grant, err := t.ask(ctx, candidate)
		if targetRefused(err) && i < len(candidates)-1 {
			continue
		}
		if err != nil {
			return resource.Secret{}, named("get a system token", err)
		}
		if err := t.check(grant); err != nil {
			return resource.Secret{}, err
		}
		t.keep(ctx, grant, candidate)
		return grant.access(), nil
	}
	return resource.Secret{}, fault.New(fault.Stalled, "NoResource", "there is no resource to ask a token for")
}

func (t *tokens) candidates(ctx context.Context) ([]string, error) {
	if t.c.Resource != "" {
		return []string{t.c.Resource}, nil
	}
	t.mu.Lock()
	known := t.resource
	t.mu.Unlock()
	var out []string
	if known != nil {
		out = append(out, *known)
	}
	issuer, err := t.endpoints.issuer(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range []string{strings.TrimRight(issuer, "/") + "/mcp", stockResource, ""} {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// targetRefused reports that the server knows no such resource.
func targetRefused(err error) bool {
	f, ok := err.(*fault.Error) //nolint:errorlint // ask returns it bare
	return ok && f.Reason == reasonTarget
}

// reasonTarget is the reason of a fault for a resource that is not known.
const reasonTarget = "UnknownResource"

// grant is a token answer (RFC 6749 section 5.1).
type grant struct {
	Token     string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"`
	Scope     string `json:"scope"`
}

func (g grant) access() resource.Secret { return resource.NewSecret(g.Token) }

// ask asks for a token for one resource.
func (t *tokens) ask(ctx context.Context, target string) (grant, error) {
	form := url.Values{"grant_type": {grantType}, "scope": {systemScope}}
	if target != "" {
		form.Set("resource", target)
	}
	address := t.c.BaseURL + "/oauth2/token" // not the discovered one, which may not be reachable from here
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return grant{}, notURL(t.c.BaseURL)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// Basic credentials are form-encoded (RFC 6749 section 2.3.1), and
	// ThunderID decodes them.
	req.SetBasicAuth(url.QueryEscape(t.c.ClientID), url.QueryEscape(t.c.ClientSecret.Reveal()))
	a, err := exchange(t.c.HTTP, req, answerLimit, new(bytes.Buffer))
	if err != nil {
		return grant{}, err
	}
	if a.status != http.StatusOK {
		return grant{}, t.refusal(a)
	}
	if err := success(a, http.StatusOK); err != nil {
		return grant{}, err
	}
	var g grant
	if json.Unmarshal(a.body, &g) != nil || g.Token == "" {
		return grant{}, malformed("token answer (RFC 6749 section 5.1)")
	}
	return g, nil
}

// refusal names what the token endpoint refuses.
func (t *tokens) refusal(a answer) error {
	err := refusal(a)
	f, ok := err.(*fault.Error) //nolint:errorlint // refusal returns it bare
	p, known := problemOf(a)
	if !ok || !known {
		return err
	}
	switch p.OAuth {
	case errorTarget:
		f.Reason = reasonTarget
		f.Hint = "set resource in the configuration to the identifier of ThunderID's System resource server"
	case errorClient:
		f.Reason = "WrongCredentials"
		f.Hint = "check the client id and the client secret of ThunderID in the configuration"
	case "unauthorized_client":
		f.Reason = "WrongMethod"
		f.Hint = "register the client with the grant client_credentials and the authentication method client_secret_basic"
	}
	return f
}

// check insists on the scope: ThunderID drops in silence what it does not
// grant.
func (t *tokens) check(g grant) error {
	if slices.Contains(strings.Fields(g.Scope), systemScope) {
		return nil
	}
	f := fault.New(fault.Stalled, "NoSystemScope", "ThunderID issued a token to client %q without the scope system", t.c.ClientID)
	f.Target, f.Op, f.Hint = name, "get a system token", hintRole
	return f
}

// keep stores a token until shortly before it expires.
func (t *tokens) keep(ctx context.Context, g grant, target string) {
	life := time.Duration(g.ExpiresIn) * time.Second
	early := min(time.Minute, life/5)
	t.mu.Lock()
	first := t.resource == nil
	t.access, t.renewAt, t.resource = g.access(), time.Now().Add(life-early), &target
	t.mu.Unlock()
	if first {
		t.c.Logger.LogAttrs(ctx, slog.LevelDebug, "system token issued", slog.String("resource", target), slog.Duration("life", life))
	}
}
