package resource

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Binding is one agent in one environment. Its names hold only [a-z0-9-], so
// that joining them with other characters is injective.
type Binding struct {
	Organization string `json:"organization"`
	Project      string `json:"project"`
	Agent        string `json:"agent"`
	Environment  string `json:"environment"`
}

// ParseBinding reads org/project/agent@environment, the form String prints.
func ParseBinding(s string) (Binding, error) {
	agent, env, ok := strings.Cut(s, "@")
	parts := strings.Split(agent, "/")
	if !ok || env == "" || len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Binding{}, fmt.Errorf("%q is not of the form organization/project/agent@environment", s)
	}
	return Binding{Organization: parts[0], Project: parts[1], Agent: parts[2], Environment: env}, nil
}

// Identity is organization/project/agent, which names the agent in every
// environment.
func (b Binding) Identity() string { return b.Organization + "/" + b.Project + "/" + b.Agent }

// String prints b as org/project/agent@environment.
func (b Binding) String() string { return b.Identity() + "@" + b.Environment }

// Compare orders bindings by organization, project, agent and environment.
func (b Binding) Compare(c Binding) int {
	return cmp.Or(cmp.Compare(b.Organization, c.Organization), cmp.Compare(b.Project, c.Project),
		cmp.Compare(b.Agent, c.Agent), cmp.Compare(b.Environment, c.Environment))
}

// Audience is the aud that tokens for b carry and that its gateway policy
// demands. It differs between any two bindings, so that a token for one agent
// opens no other.
func (b Binding) Audience() string {
	return "urn:gatewright:" + b.Identity() + ":" + b.Environment
}

// Reserved names of clients. A spec may not use them for consumers.
const (
	ClientOwn  = "own"
	ClientTest = "test"
)

// second ends the name of the second application of a client. Names of clients
// hold no underscore.
const second = "_b"

// Spare names the other of the two applications that a client has in turn when
// it is rotated: for "mobile-app" that is "mobile-app_b", and the other way
// round. A client that was never rotated has the first alone.
func Spare(name string) string {
	if client, ok := strings.CutSuffix(name, second); ok {
		return client
	}
	return name + second
}

// Consumer is the client that an application belongs to, whichever of its two
// it is: what its credential is named by.
func Consumer(name string) string { return strings.TrimSuffix(name, second) }

// ErrClientID says that a string is no client id of ours.
var ErrClientID = errors.New("not a client id of a binding")

// ClientID is the OAuth client_id (RFC 6749 section 2.2) of an application of b:
//
//	org_project_agent_env          the binding's own
//	org_project_agent_env_name     that of a client
//	org_project_agent_env__b       the second of the binding's own; see Spare
//	org_project_agent_env_name_b   the second of a client
//
// Names hold no underscore, so it is injective; ParseClientID is its inverse.
func (b Binding) ClientID(client string) string {
	id := strings.Join([]string{b.Organization, b.Project, b.Agent, b.Environment}, "_")
	switch client {
	case ClientOwn:
		return id
	case ClientOwn + second:
		return id + "_" + second
	default:
		return id + "_" + client
	}
}

// ParseClientID returns the binding and the application that a client_id was
// derived from.
func ParseClientID(id string) (Binding, string, error) {
	parts := strings.Split(id, "_")
	client := ClientOwn
	switch {
	case len(parts) == 4:
	case len(parts) == 5 && parts[4] != ClientOwn:
		client = parts[4]
	case len(parts) == 6 && parts[5] == "b" && parts[4] != ClientOwn:
		if parts[4] != "" {
			client = parts[4]
		}
		parts[4], client = client, client+second
	default:
		return Binding{}, "", fmt.Errorf("%w: %q", ErrClientID, id)
	}
	for _, p := range parts {
		if !ValidName(p) {
			return Binding{}, "", fmt.Errorf("%w: %q", ErrClientID, id)
		}
	}
	return Binding{parts[0], parts[1], parts[2], parts[3]}, client, nil
}

// ValidName reports whether s may name an organization, a project, an agent,
// an environment or a client: a DNS label (RFC 1123) of at most 63 characters.
func ValidName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// applicationSpace is the UUIDv5 namespace of the ids of applications. It must
// never change: it is what finds them again.
var applicationSpace = uuid.MustParse("6d1c4a2e-9f1b-5c53-8a58-0f3f0f9c6b41")

// ApplicationID is the id under which a client is kept at the identity
// provider: the UUIDv5 (RFC 9562) of its client_id.
func ApplicationID(clientID string) string {
	return uuid.NewSHA1(applicationSpace, []byte(clientID)).String()
}

// Kind says what a resource is.
type Kind string

// The kinds, in the order in which enabling creates them.
const (
	KindKeyManager Kind = "key-manager"
	KindCredential Kind = "credential"
	KindClient     Kind = "client"
	KindEndpoint   Kind = "endpoint"
)

// kindOrder places each kind among the others of a binding.
var kindOrder = map[Kind]int{KindKeyManager: 0, KindCredential: 1, KindClient: 2, KindEndpoint: 3}

// ID identifies a resource. Name is the client of a credential, the client or its
// Spare for a client, the key manager's name for a key manager, and empty for an
// endpoint. A key manager belongs to an environment: only Binding.Environment is set.
type ID struct {
	Kind    Kind    `json:"kind"`
	Binding Binding `json:"binding"`
	Name    string  `json:"name,omitempty"`
}

// String prints id as "client acme/travel/booking@production mobile-app".
func (id ID) String() string {
	s := string(id.Kind) + " "
	if id.Kind == KindKeyManager {
		return s + id.Name + "@" + id.Binding.Environment
	}
	s += id.Binding.String()
	if id.Name != "" && id.Name != ClientOwn {
		s += " " + id.Name
	}
	return s
}

// Compare orders ids by binding, client and kind, so that what belongs
// together stands together: each client's credential and then the client, the
// own client first, the endpoint last.
func (id ID) Compare(other ID) int {
	endpoint := func(i ID) int {
		if i.Kind == KindEndpoint {
			return 1
		}
		return 0
	}
	own := func(i ID) int {
		if Consumer(i.Name) == ClientOwn {
			return 0
		}
		return 1
	}
	return cmp.Or(id.Binding.Compare(other.Binding), cmp.Compare(endpoint(id), endpoint(other)),
		cmp.Compare(own(id), own(other)), cmp.Compare(Consumer(id.Name), Consumer(other.Name)),
		cmp.Compare(kindOrder[id.Kind], kindOrder[other.Kind]), cmp.Compare(id.Name, other.Name))
}
