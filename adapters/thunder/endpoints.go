package thunder

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Endpoints are what consumers and gateways have to know of a ThunderID. They
// are built from the server's public URL, which may not be the address that
// gatewright dials.
type Endpoints struct {
	// Issuer is the iss of its tokens (RFC 7519 section 4.1.1).
	Issuer string
	// TokenEndpoint is where tokens are asked for.
	TokenEndpoint string
	// JWKSURI is where its keys are (RFC 7517).
	JWKSURI string
}

// metadata is what counts of the discovery documents (RFC 8414).
type metadata struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"token_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
	// Revocation is there since v0.47.
	Revocation string `json:"revocation_endpoint"`
}

// endpoints asks for the discovery document once it is needed, and keeps it.
type endpoints struct {
	c     Config
	group singleflight.Group

	mu    sync.Mutex
	known *metadata
}

func newEndpoints(c Config) *endpoints { return &endpoints{c: c} }

// Learn asks a ThunderID for its endpoints, without credentials. A nil client
// means one like New's.
func Learn(ctx context.Context, h *http.Client, baseURL string) (Endpoints, error) {
	c := Config{BaseURL: baseURL, HTTP: h, Reads: 1, Creates: 1}
	if h == nil {
		c.HTTP = newHTTPClient(c)
	}
	e := newEndpoints(c)
	return e.get(ctx)
}

// Endpoints returns what discovery says, with the configuration's overrides.
func (t *Target) Endpoints(ctx context.Context) (Endpoints, error) { return t.endpoints.get(ctx) }

func (e *endpoints) get(ctx context.Context) (Endpoints, error) {
	if e.c.Issuer != "" && e.c.TokenEndpoint != "" && e.c.JWKSURI != "" {
		return Endpoints{e.c.Issuer, e.c.TokenEndpoint, e.c.JWKSURI}, nil
	}
	m, err := e.metadata(ctx)
	if err != nil {
		return Endpoints{}, err
	}
	return Endpoints{
		Issuer: cmp.Or(e.c.Issuer, m.Issuer), TokenEndpoint: cmp.Or(e.c.TokenEndpoint, m.TokenEndpoint),
		JWKSURI: cmp.Or(e.c.JWKSURI, m.JWKSURI),
	}, nil
}

// issuer is the issuer alone, without a call where it is configured.
func (e *endpoints) issuer(ctx context.Context) (string, error) {
	if e.c.Issuer != "" {
		return e.c.Issuer, nil
	}
	m, err := e.metadata(ctx)
	if err != nil {
		return "", err
	}
	return m.Issuer, nil
}

// metadata asks once for all who wait, and again only after a failure.
func (e *endpoints) metadata(ctx context.Context) (metadata, error) {
	e.mu.Lock()
	known := e.known
	e.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	return shared(ctx, &e.group, "discovery", func(ctx context.Context) (metadata, error) {
		m, err := e.fetch(ctx)
		if err == nil {
			e.mu.Lock()
			e.known = &m
			e.mu.Unlock()
		}
		return m, err
	})
}

func (e *endpoints) fetch(ctx context.Context) (metadata, error) {
	const path = "/.well-known/oauth-authorization-server"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.c.BaseURL+path, nil)
	if err != nil {
		return metadata{}, named("discover endpoints", notURL(e.c.BaseURL))
	}
	req.Header.Set("Accept", "application/json")
	a, err := exchange(e.c.HTTP, req, answerLimit, new(bytes.Buffer))
	if err == nil {
		err = success(a, http.StatusOK)
	}
	if err != nil {
		return metadata{}, named("discover endpoints", err)
	}
	var m metadata
	if json.Unmarshal(a.body, &m) != nil || m.Issuer == "" || m.TokenEndpoint == "" || m.JWKSURI == "" {
		return metadata{}, named("discover endpoints", malformed("discovery document (RFC 8414)"))
	}
	return m, nil
}

func notURL(address string) error {
	f := fault.New(fault.Stalled, "BadAddress", "the address %q is not a URL", redactURL(address))
	f.Hint = "mend ThunderID's address in the configuration"
	return f
}
