package resource

import (
	"strings"
	"time"

	"github.com/gatewright/gatewright/schema"
)

// State is what a resource is or should be: exactly one member is set, by the
// resource's kind.
type State struct {
	Client     *Client     `json:"client,omitempty"`
	Credential *Credential `json:"credential,omitempty"`
	Endpoint   *Endpoint   `json:"endpoint,omitempty"`
	KeyManager *KeyManager `json:"keyManager,omitempty"`
}

// Client is an OAuth application that may use the client_credentials grant.
type Client struct {
	ClientID      string `json:"clientID"`
	ApplicationID string `json:"applicationID"`
	// Audience is the aud of its tokens (RFC 7519 section 4.1.3).
	Audience string `json:"audience"`
	// Validity is the life of its tokens.
	Validity schema.Seconds `json:"validity"`
	// AuthMethod is how it authenticates at the token endpoint.
	AuthMethod schema.AuthMethod `json:"authMethod,omitempty"`
	// SecretDigest is the Secret.Digest of the secret that the application was
	// given. In a desired state it is empty: it follows the credential.
	SecretDigest string `json:"secretDigest,omitempty"`
}

// Credential is what a consumer needs to ask for a token. ClientSecret is
// empty in a desired state: any secret will do that the client agrees with.
type Credential struct {
	Path          string `json:"path"`
	ClientID      string `json:"clientID"`
	TokenEndpoint string `json:"tokenEndpoint"`
	Issuer        string `json:"issuer"`
	Audience      string `json:"audience"`
	ClientSecret  Secret `json:"clientSecret"`
	// AuthMethod says what ClientSecret is: a client_secret, or a private key in
	// PKCS #8 and PEM.
	AuthMethod schema.AuthMethod `json:"authMethod,omitempty"`
	// SecretDigest is the digest of ClientSecret as it stands.
	SecretDigest string `json:"secretDigest,omitempty"`
	// MarkDigest is the digest that the mark at the store names: the last
	// secret that we wrote or were about to write.
	MarkDigest string `json:"markDigest,omitempty"`
	// Application is the application whose secret it holds: the client or its
	// Spare. Like the times below it is of an observation alone.
	Application string `json:"application,omitempty"`
	// Since is when ClientSecret was written.
	Since time.Time `json:"since,omitzero"`
	// Until is how long the application that it named before still serves; zero
	// if it never named another.
	Until time.Time `json:"until,omitzero"`
}

// Endpoint is how the gateway authenticates callers of a binding.
type Endpoint struct {
	Scheme       schema.Scheme `json:"scheme"`
	Header       string        `json:"header,omitempty"`
	Prefix       string        `json:"prefix,omitempty"`
	ForwardToken bool          `json:"forwardToken,omitempty"`
	Issuers      []string      `json:"issuers,omitempty"`
	Audience     string        `json:"audience,omitempty"`
	// Attached reports that the agent routes through the gateway at all. It is
	// always true in a desired state.
	Attached bool `json:"attached"`
	// Altered says in words what of the observed policy no spec can express,
	// such as a condition under which it does not hold, or who overwrote it. It
	// is always empty in a desired state, so that it shows as a difference.
	Altered string `json:"altered,omitempty"`
	// Interface is what attaching needs. An observed state may have it, of an
	// agent that is attached; it is never compared.
	Interface *schema.Interface `json:"interface,omitempty"`
}

// KeyManager is an issuer that the gateway of an environment trusts.
type KeyManager struct {
	Name    string `json:"name"`
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwksURI"`
}

// Field is one named value of a state, for showing and comparing.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Fields lists the values of s that a plan compares, in a fixed order. What
// only an observation has, and every secret, is left out.
func (s State) Fields() []Field {
	switch {
	case s.Client != nil:
		c := s.Client
		return method([]Field{
			{"client_id", c.ClientID}, {"application", c.ApplicationID}, {"audience", c.Audience},
			{"validity", c.Validity.String()},
		}, c.AuthMethod)
	case s.Credential != nil:
		c := s.Credential
		return method([]Field{
			{"path", c.Path}, {"client_id", c.ClientID}, {"token_endpoint", c.TokenEndpoint},
			{"issuer", c.Issuer}, {"audience", c.Audience},
		}, c.AuthMethod)
	case s.Endpoint != nil:
		return s.Endpoint.fields()
	case s.KeyManager != nil:
		k := s.KeyManager
		return []Field{{"issuer", k.Issuer}, {"jwks_uri", k.JWKSURI}}
	default:
		return nil
	}
}

// method adds how a client authenticates, where that is not the usual way.
func method(fields []Field, m schema.AuthMethod) []Field {
	if m == schema.AuthSecretBasic {
		return fields
	}
	return append(fields, Field{"token_endpoint_auth_method", m.String()})
}

func (e Endpoint) fields() []Field {
	out := []Field{{"scheme", string(e.Scheme)}}
	if e.Scheme != schema.SchemeNone {
		// An agent that is open anyway need not route through the gateway.
		out = append(out, Field{"attached", boolean(e.Attached)})
	}
	out = append(out, Field{"altered", e.Altered})
	if e.Scheme != schema.SchemeOAuth2 {
		return out
	}
	return append(out, Field{"header", e.Header}, Field{"prefix", e.Prefix},
		Field{"forward_token", boolean(e.ForwardToken)}, Field{"issuers", strings.Join(e.Issuers, ",")},
		Field{"audience", e.Audience})
}

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// Resource is a desired resource.
type Resource struct {
	ID    ID    `json:"id"`
	State State `json:"state"`
	// Adopt lets it be taken over where it stands and no gatewright has marked it.
	Adopt bool `json:"adopt,omitempty"`
	// Position is where the spec asks for it.
	Position schema.Position `json:"position"`
}

// Owner says who may change a resource that was found at a target.
type Owner string

// The owners. The empty value means that nothing was found.
const (
	OwnerUs    Owner = "gatewright"
	OwnerOther Owner = "other"
	// OwnerNobody marks something that may be taken without asking, such as
	// an endpoint that nobody manages yet.
	OwnerNobody Owner = "nobody"
)

// Observed is what a target reports of one resource.
type Observed struct {
	ID    ID   `json:"id"`
	Found bool `json:"found"`
	// State is set if Found.
	State State `json:"state"`
	Owner Owner `json:"owner,omitempty"`
	// OwnerName says who owns it where that is not us, as the target knows it.
	OwnerName string `json:"ownerName,omitempty"`
	// Adoptable reports that what belongs to others bears no mark of gatewright's:
	// it may be taken over where a spec asks for that.
	Adoptable bool `json:"adoptable,omitempty"`
	// Version guards the next effect: a KV version, a resourceVersion. Its
	// form is the adapter's.
	Version string `json:"version,omitempty"`
	// Since is when what stands came to be as it is: when somebody wrote or
	// deleted it last. It is zero where the target does not say that in the
	// answer that is read anyway.
	Since time.Time `json:"since,omitzero"`
	// URL is where callers reach an endpoint, if known.
	URL string `json:"url,omitempty"`
	// Rollout says how far the last change of an endpoint or of a gateway's
	// configuration has come.
	Rollout Rollout `json:"rollout,omitzero"`
	// Awaited reports, on a key manager, that a change of it has a rollout: the
	// gateway knows it only once that has ended.
	Awaited bool `json:"awaited,omitempty"`
	// Err says why the resource could not be observed. It is a *fault.Error,
	// and nothing else of the observation counts where it is set.
	Err error `json:"-"`
}

// Rollout is the progress of a change from the API object to the gateway.
// The zero value means: rolled out.
type Rollout struct {
	// Class is empty, or the fault class that describes the delay: waiting,
	// stalled or transient.
	Class string `json:"class,omitempty"`
	// Reason is a word for machines, in CamelCase as in Kubernetes conditions.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Done reports that the change has reached the gateway.
func (r Rollout) Done() bool { return r.Class == "" }

// Proof is the outcome of trying a credential or an endpoint.
type Proof struct {
	At time.Time `json:"at"`
	OK bool      `json:"ok"`
	// Endpoint reports that the endpoint answered as it should, to the token of
	// the binding's own client among others. It is set though the credential of
	// another client failed, and with that the proof as a whole.
	Endpoint bool `json:"endpoint,omitempty"`
	// Checks are what was tried, in order.
	Checks []Check `json:"checks"`
}

// Check is one try: what was asked, what was expected and what came.
type Check struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	OK   bool   `json:"ok"`
}
