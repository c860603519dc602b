package desk

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Token is an access token to try an API with.
type Token struct {
	Access   resource.Secret `json:"-"`
	Client   string          `json:"client"`
	ClientID string          `json:"clientID"`
	Expiry   time.Time       `json:"expiry"`
	// Claims are those of the token, as it holds them.
	Claims map[string]any `json:"claims"`
	// URL, Header and Prefix say how to use it.
	URL    string `json:"url"`
	Header string `json:"header"`
	Prefix string `json:"prefix"`
}

// Request is a request to an API, as a person wrote it.
type Request struct {
	Method string `json:"method"`
	// Path is below the binding's endpoint, with its query.
	Path string `json:"path"`
	// Header are sent as they are, but for those that say where the request goes
	// and those that are injected.
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
	// Client is whose token is injected; empty means none.
	Client string `json:"client,omitempty"`
}

// Response is what an API answered.
type Response struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	// Body is cut at MaxBody; Cut says so.
	Body []byte `json:"body"`
	Cut  bool   `json:"cut"`
	// Took is from the request to the last byte.
	Took time.Duration `json:"took"`
	// URL is where it went.
	URL string `json:"url"`
	// Curl is the same as a command, the token left to `gatewright token`.
	Curl string `json:"curl"`
}

// Caps of Try.
const (
	MaxBody    = 1 << 20
	MaxRequest = 1 << 20
	MaxTime    = 30 * time.Second
)

// Credential is what a consumer needs. Its secret is shown to who asked for it.
type Credential struct {
	Client   string `json:"client"`
	ClientID string `json:"clientID"`
	// Secret is a client secret, or a private key for private_key_jwt. It is
	// empty if it was wrapped.
	Secret resource.Secret `json:"-"`
	// Key reports that Secret is a private key.
	Key bool `json:"key"`
	// Wrapping is a token that OpenBAO gives the secret for, once.
	Wrapping      resource.Secret `json:"-"`
	WrappingEnds  time.Time       `json:"wrappingEnds,omitzero"`
	TokenEndpoint string          `json:"tokenEndpoint"`
	Issuer        string          `json:"issuer"`
	Audience      string          `json:"audience"`
	Version       string          `json:"version,omitempty"`
}
