package thunder

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// DefaultOrganizationUnit is the organization unit that every ThunderID is
// seeded with.
const DefaultOrganizationUnit = "01900000-0000-7000-8000-000000000001"

// stockResource is what ThunderID's shipped bundle calls the resource that
// opens its management API, whatever its public URL is.
const stockResource = "https://localhost:8090/mcp"

// Config says which ThunderID to use and how.
type Config struct {
	// BaseURL is the address to dial, as https://thunder.example:8090. It may
	// differ from the server's public URL.
	BaseURL string
	// ClientID and ClientSecret are of a client with the permission system,
	// registered with client_secret_basic.
	ClientID     string
	ClientSecret resource.Secret
	// Resource is the identifier of the system resource server (RFC 8707). By
	// default it is <issuer>/mcp, or what the shipped bundle says where that
	// is not registered.
	Resource string
	// OrganizationUnit is the id of the unit that applications are created in;
	// by default DefaultOrganizationUnit.
	OrganizationUnit string
	// Installation names this gatewright among others that share a ThunderID.
	// It is part of every mark: another name owns nothing of what this one
	// owns. It holds only letters, digits, '.', '_' and '-'.
	Installation string

	// Issuer, TokenEndpoint and JWKSURI override what discovery says.
	Issuer, TokenEndpoint, JWKSURI string

	// TLS is the configuration of connections; nil trusts the system's roots.
	TLS *tls.Config
	// HTTP replaces the client that New would make; TLS is ignored then. It
	// must not follow redirects.
	HTTP *http.Client

	// Creates is how many secrets may be under way to the server at once; zero
	// means 4. Each costs the server a tenth of a second of CPU, and it stops
	// answering after ten seconds.
	Creates int
	// Slots are those of others who cost the server hashes; nil means Creates
	// of its own.
	Slots *Slots
	// Reads is how many observations may be under way at once; zero means 16.
	Reads int
	// Patience is for how long a lost answer to an effect is looked for; zero
	// means a second.
	Patience time.Duration

	Logger *slog.Logger
}

// defaultCreates is how many secrets a server takes at once.
const defaultCreates = 4

// installationName is what a mark can hold.
var installationName = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

func (c Config) withDefaults() (Config, error) {
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return c, fmt.Errorf("thunder: the address %q is not an http or https URL", redactURL(c.BaseURL))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return c, fmt.Errorf("thunder: the address %q may hold no credentials, query or fragment", redactURL(c.BaseURL))
	case c.ClientID == "" || c.ClientSecret.IsZero():
		return c, fmt.Errorf("thunder: a client id and a client secret are needed")
	case !installationName.MatchString(c.Installation):
		return c, fmt.Errorf("thunder: the installation %q may hold only letters, digits, '.', '_' and '-'", c.Installation)
	case c.Creates < 0 || c.Reads < 0 || c.Patience < 0:
		return c, fmt.Errorf("thunder: limits may not be negative")
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	c.OrganizationUnit = cmp.Or(c.OrganizationUnit, DefaultOrganizationUnit)
	c.Creates = cmp.Or(c.Creates, defaultCreates)
	c.Reads = cmp.Or(c.Reads, 16)
	c.Patience = cmp.Or(c.Patience, time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.HTTP == nil {
		c.HTTP = newHTTPClient(c)
	}
	if c.Slots == nil {
		c.Slots = NewSlots(c.Creates)
	}
	return c, nil
}

// newHTTPClient keeps one connection for each call that may be under way. It
// follows no redirect: ThunderID's API has none, and one leads to a login page.
func newHTTPClient(c Config) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: c.TLS,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
			MaxIdleConns: c.Reads + c.Creates + 2, MaxIdleConnsPerHost: c.Reads + c.Creates + 2,
			IdleConnTimeout: 90 * time.Second, DisableCompression: true,
		},
	}
}

// redactURL takes credentials out of what was meant to be a URL.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return resource.Redacted
	}
	return u.Redacted()
}
