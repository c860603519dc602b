package proof

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatewright/gatewright/reconciler/clientkey"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Prover tries credentials and endpoints.
type Prover struct {
	// Identity is the client for the token endpoint. Gateway is the client for
	// endpoints. Both are required and must have a time limit.
	Identity, Gateway *http.Client
	// TokenEndpoint is where to ask for tokens. Empty means where the
	// credential says, which is where consumers ask.
	TokenEndpoint string
	// Slot waits for a place among the token requests that the identity provider
	// takes at once, each of which costs it a hash; nil means that there are
	// enough.
	Slot func(ctx context.Context) (release func(), err error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Token is an access token with what it says of itself. The claims were not
// verified against a key: they came from the issuer itself.
type Token struct {
	Access   resource.Secret
	Issuer   string
	Audience []string
	Subject  string
	ClientID string
	Expiry   time.Time
	// Claims are all members of the token's payload.
	Claims map[string]any
}

// Token asks for an access token with the client_credentials grant (RFC 6749
// section 4.4).
func (p *Prover) Token(ctx context.Context, c resource.Credential) (Token, error) {
	endpoint := p.TokenEndpoint
	if endpoint == "" {
		endpoint = c.TokenEndpoint
	}
	if p.Slot != nil {
		release, err := p.Slot(ctx)
		if err != nil {
			return Token{}, tokenError(c, &url.Error{Op: "wait for", URL: endpoint, Err: err})
		}
		defer release()
	}
	cfg, err := p.grant(c, endpoint)
	if err != nil {
		return Token{}, err
	}
	got, err := cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, p.Identity))
	if err != nil {
		return Token{}, tokenError(c, err)
	}
	return readToken(got.AccessToken)
}

// grant is the request of a token by c's way to authenticate.
func (p *Prover) grant(c resource.Credential, endpoint string) (clientcredentials.Config, error) {
	cfg := clientcredentials.Config{ClientID: c.ClientID, TokenURL: endpoint}
	if c.AuthMethod != schema.AuthPrivateKey {
		cfg.ClientSecret, cfg.AuthStyle = c.ClientSecret.Reveal(), oauth2.AuthStyleInHeader
		return cfg, nil
	}
	assertion, err := clientkey.Assertion(c.ClientSecret, c.ClientID, c.Issuer, p.now())
	if err != nil {
		f := fault.New(fault.Stalled, "BadKey", "the stored private key cannot be used: %w", err)
		f.Op, f.Resource = "request token for", "client "+c.ClientID
		return cfg, f
	}
	cfg.AuthStyle = oauth2.AuthStyleInParams
	cfg.EndpointParams = url.Values{"client_assertion_type": {clientkey.AssertionType}, "client_assertion": {assertion}}
	return cfg, nil
}

// readToken reads the claims of a JWT access token (RFC 9068).
func readToken(access string) (Token, error) {
	parsed, err := jwt.ParseInsecure([]byte(access))
	if err != nil {
		f := fault.New(fault.Stalled, "OpaqueToken", "the access token is not a JWT")
		f.Op, f.Hint = "read token", "the gateway needs JWT access tokens; configure the identity provider to issue them"
		return Token{}, f
	}
	t := Token{Access: resource.NewSecret(access), Claims: map[string]any{}}
	t.Issuer, _ = parsed.Issuer()
	t.Audience, _ = parsed.Audience()
	t.Subject, _ = parsed.Subject()
	t.Expiry, _ = parsed.Expiration()
	_ = parsed.Get("client_id", &t.ClientID) // absent from some issuers' tokens
	for _, name := range parsed.Keys() {
		var v any
		if err := parsed.Get(name, &v); err == nil {
			t.Claims[name] = v
		}
	}
	return t, nil
}

// InvalidClient is the reason of a fault for a credential that the identity
// provider refuses.
const InvalidClient = "InvalidClient"

// tokenError classifies a refused token request. The cause is rewritten: the
// library's error repeats the answer's body.
//
//	answer                             | class
//	-----------------------------------+-----------
//	429, or 5xx of whatever form       | transient
//	an OAuth error otherwise           | stalled
//	a certificate that is not valid    | stalled
//	anything else, or none             | transient
func tokenError(c resource.Credential, err error) error {
	f := &fault.Error{Op: "request token for", Resource: "client " + c.ClientID}
	var refused *oauth2.RetrieveError
	var link *url.Error
	switch {
	case errors.As(err, &refused) && overloaded(refused.Response.StatusCode):
		f.Class, f.Reason, f.Unreachable = fault.Transient, "TokenEndpoint", refused.ErrorCode == ""
		f.RetryAfter = retryAfter(refused.Response.Header)
		f.Err = fmt.Errorf("the token endpoint answered %d", refused.Response.StatusCode)
	case errors.As(err, &refused) && refused.ErrorCode != "":
		f.Hint = "compare the application at the identity provider with its spec, and see the provider's log"
		f.Class, f.Reason = fault.Stalled, "TokenRefused"
		f.Err = fmt.Errorf("the token endpoint answered %d %s", refused.Response.StatusCode, oauthCode(refused.ErrorCode))
		if refused.ErrorCode == "invalid_client" {
			f.Reason = InvalidClient
			f.Hint = "the stored secret and the application's differ; the daemon finds that out within an hour and gives the application the stored one, " +
				"and deleting the application makes the next pass do so"
		}
	case errors.As(err, &refused):
		f.Class, f.Reason, f.Unreachable = fault.Transient, "TokenEndpoint", true
		f.Err = fmt.Errorf("the token endpoint answered %d without an OAuth error", refused.Response.StatusCode)
	case errors.As(err, &link) && badCertificate(link.Err):
		f.Class, f.Reason, f.Unreachable = fault.Stalled, "CertificateInvalid", true
		f.Err = link.Err
		f.Hint = "renew the certificate of the identity provider, or let this machine trust its authority and set its clock"
	case errors.As(err, &link):
		f.Class, f.Reason, f.Unreachable = fault.Transient, "TokenEndpoint", true
		f.Err = link.Err
	default:
		f.Class, f.Reason, f.Unreachable = fault.Transient, "TokenEndpoint", true
		f.Err = errors.New("the token endpoint's answer could not be read")
	}
	return f
}

// overloaded reports that a status says nothing of the request: the same one may
// succeed later.
func overloaded(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// retryAfter is how many seconds an answer asks to be left alone; zero if it
// does not say.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// badCertificate reports that nobody can be sure who answers.
func badCertificate(err error) bool {
	var invalid *tls.CertificateVerificationError
	return errors.As(err, &invalid)
}

// oauthCode lets through only what RFC 6749 section 5.2 allows in an error
// code, so that nothing else of an answer can reach a message.
func oauthCode(code string) string {
	for _, r := range code {
		if (r < 'a' || r > 'z') && r != '_' {
			return "with an odd error code"
		}
	}
	return code
}

// Credential proves that c gets a token, and that issuer and audience of the
// token are those that the gateway will demand.
func (p *Prover) Credential(ctx context.Context, c resource.Credential) (Token, resource.Proof, error) {
	t, err := p.Token(ctx, c)
	proof := resource.Proof{At: p.now()}
	if err != nil {
		proof.Checks = []resource.Check{{Name: "token", Want: "a token", Got: err.Error()}}
		return Token{}, proof, err
	}
	proof.Checks = []resource.Check{
		{Name: "token", Want: "a token", Got: "a token", OK: true},
		{Name: "issuer", Want: c.Issuer, Got: t.Issuer, OK: t.Issuer == c.Issuer},
		{Name: "audience", Want: c.Audience, Got: fmt.Sprint(t.Audience), OK: slices.Contains(t.Audience, c.Audience)},
	}
	return t, finish(&proof), failure(proof, "prove credential of", "client "+c.ClientID)
}

// finish sets OK from the checks and returns the proof.
func finish(p *resource.Proof) resource.Proof {
	p.OK = !slices.ContainsFunc(p.Checks, func(c resource.Check) bool { return !c.OK })
	return *p
}

// failure is the error that says which checks of p failed; nil if none did.
func failure(p resource.Proof, op, of string) error {
	for _, c := range p.Checks {
		if !c.OK {
			f := fault.New(fault.Stalled, "ProofFailed", "%s: want %s, got %s", c.Name, c.Want, c.Got)
			f.Op, f.Resource = op, of
			return f
		}
	}
	return nil
}

func (p *Prover) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}
