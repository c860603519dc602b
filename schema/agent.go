package schema

import (
	"strings"
	"time"
)

// Scheme is how an agent API authenticates its callers in one environment.
// The three exclude each other and none is a default.
type Scheme string

// The schemes.
const (
	SchemeOAuth2 Scheme = "oauth2"
	SchemeAPIKey Scheme = "apiKey"
	SchemeNone   Scheme = "none"
)

// Deletion says what happens to what gatewright owns of a binding when its
// spec is gone.
type Deletion string

// The deletion policies. The empty value means DeletionPrune.
const (
	// DeletionPrune deletes clients and credentials; the gateway policy stays,
	// so that the API is locked and never open.
	DeletionPrune Deletion = "prune"
	// DeletionProtect deletes nothing.
	DeletionProtect Deletion = "protect"
	// DeletionOrphan deletes nothing and gives up ownership.
	DeletionOrphan Deletion = "orphan"
)

// Drift is what happens to what was changed though the spec was not; empty means
// what the configuration says.
type Drift string

// The ways to meet drift.
const (
	// DriftRepair puts it back.
	DriftRepair Drift = "repair"
	// DriftReport tells of it and leaves it as it is.
	DriftReport Drift = "report"
)

// Adoptable is a kind of resource that a spec may let gatewright take over.
type Adoptable string

// What may be adopted.
const (
	AdoptClient     Adoptable = "client"
	AdoptCredential Adoptable = "credential"
	AdoptEndpoint   Adoptable = "endpoint"
)

// KindCustomAPI is the only kind of agent that may have OAuth.
const KindCustomAPI = "custom-api"

// Agent is one agent spec. Its identity is organization/project/name.
type Agent struct {
	Name         string            `json:"name"`
	Organization string            `json:"organization"`
	Project      string            `json:"project"`
	Kind         string            `json:"kind"`
	Labels       map[string]string `json:"labels,omitempty"`
	Interface    *Interface        `json:"interface,omitempty"`
	// Environments is sorted by name.
	Environments []Environment `json:"environments"`
	Suspend      *Suspend      `json:"suspend,omitempty"`
	Deletion     Deletion      `json:"deletion,omitempty"`
	Drift        Drift         `json:"drift,omitempty"`
	Positions    Positions     `json:"positions,omitempty"`
}

// Identity is organization/project/name.
func (a Agent) Identity() string { return a.Organization + "/" + a.Project + "/" + a.Name }

// At returns where the field at path was written, the path being relative to
// the agent, as environments.production.endpointAuthentication.scheme. A field
// that comes from a default has the position of the nearest field around it.
func (a Agent) At(path string) Position { return a.Positions.At(path) }

// Interface is how the agent listens.
type Interface struct {
	Context    string      `json:"context,omitempty"`
	Port       int         `json:"port"`
	BasePath   string      `json:"basePath,omitempty"`
	Version    string      `json:"version,omitempty"`
	Operations []Operation `json:"operations,omitempty"`
}

// Operation is one method on one path pattern.
type Operation struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// Environment is what a spec says of one environment.
type Environment struct {
	Name           string         `json:"name"`
	Authentication Authentication `json:"endpointAuthentication"`
	Suspend        *Suspend       `json:"suspend,omitempty"`
	Deletion       Deletion       `json:"deletion,omitempty"`
	Drift          Drift          `json:"drift,omitempty"`
	// Adopt are the kinds of resources that may be taken over where they stand
	// under our names and no gatewright has marked them.
	Adopt []Adoptable `json:"adopt,omitempty"`
}

// Authentication is how callers authenticate. All fields but Scheme belong to
// oauth2 alone.
type Authentication struct {
	Scheme       Scheme `json:"scheme"`
	Header       string `json:"header,omitempty"`
	Prefix       string `json:"prefix,omitempty"`
	ForwardToken bool   `json:"forwardToken,omitempty"`
	// Issuers are names of key managers of the gateway.
	Issuers []string `json:"issuers,omitempty"`
	// Validity is the life of an access token in whole seconds; zero is the
	// default of the configuration.
	Validity Seconds `json:"validity,omitempty"`
	// Test asks for a client for test tokens, or for none; Unsaid leaves it to
	// the environment's default.
	Test Choice `json:"test,omitzero"`
	// Rotation holds for every client that has none of its own.
	Rotation *Rotation `json:"rotation,omitempty"`
	// Clients is sorted by name.
	Clients []Client `json:"clients,omitempty"`
}

// Client is one named consumer.
type Client struct {
	Name string `json:"name"`
	// AuthMethod is how it authenticates at the token endpoint; empty is
	// client_secret_basic.
	AuthMethod AuthMethod `json:"authMethod,omitempty"`
	Rotation   *Rotation  `json:"rotation,omitempty"`
}

// AuthMethod is a token_endpoint_auth_method (RFC 7591 section 2).
type AuthMethod string

// The methods. The first is the default and its zero value.
const (
	AuthSecretBasic AuthMethod = ""
	AuthPrivateKey  AuthMethod = "private_key_jwt"
)

// secretBasic is how specs write AuthSecretBasic.
const secretBasic = "client_secret_basic"

// String is the method as OAuth names it.
func (m AuthMethod) String() string {
	if m == AuthSecretBasic {
		return secretBasic
	}
	return string(m)
}

// Rotation says how often a client's secret is replaced and how long the old
// one goes on working.
type Rotation struct {
	Every   Seconds `json:"every"`
	Overlap Seconds `json:"overlap"`
}

// Suspend asks that nothing of the agent be changed until a time.
type Suspend struct {
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// Seconds is a duration in whole seconds.
type Seconds int64

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// String prints s as 15m0s.
func (s Seconds) String() string { return s.Duration().String() }

// Positions maps the path of a field to where it was written.
type Positions map[string]Position

// At returns the position of path, or of the nearest field around it. The
// empty path is the agent itself.
func (p Positions) At(path string) Position {
	for {
		if pos, ok := p[path]; ok {
			return pos
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return p[""]
		}
		path = path[:i]
	}
}
