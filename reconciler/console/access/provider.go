package access

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// askTimeout ends one conversation with an issuer.
	askTimeout = 10 * time.Second
	// askAgain is how long an issuer that could not be reached is left alone.
	askAgain = 3 * time.Second
	// maxAnswer is the largest answer of an issuer that is read.
	maxAnswer = 1 << 20
)

// algorithms are what tokens may be signed with. Neither none is among them nor
// a symmetric one, for which a public key could be taken for a secret.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// provider is an issuer that is asked for its endpoints and keys when somebody
// needs them first, and again until it answers.
type provider struct {
	issuer string
	client *http.Client
	now    func() time.Time

	mu     sync.Mutex
	found  *oidc.Provider
	failed error
	// again is when it is asked next.
	again time.Time
}

func newProvider(issuer string, client *http.Client, now func() time.Time) *provider {
	return &provider{issuer: issuer, client: bounded(client), now: now}
}

// get returns what the issuer says of itself.
func (p *provider) get() (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.failed != nil && p.now().Before(p.again) {
		return nil, p.failed
	}
	// Whoever asks first asks for all: it does not end with their request.
	found, err := oidc.NewProvider(p.context(context.Background()), p.issuer)
	p.found, p.failed, p.again = found, err, p.now().Add(askAgain)
	return found, err
}

// context makes ctx one with which our client is used.
func (p *provider) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

// bounded is a client that waits and reads no more than it should.
func bounded(c *http.Client) *http.Client {
	if c == nil {
		c = &http.Client{}
	}
	out := *c
	if out.Timeout == 0 {
		out.Timeout = askTimeout
	}
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = shortAnswers{out.Transport}
	return &out
}

// shortAnswers cuts answers off, so that an issuer cannot fill the memory.
type shortAnswers struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s shortAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// reason is what a failure of an issuer is logged as: not the body of its
// answer, which could repeat what was sent.
func reason(err error) error {
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if r.ErrorCode != "" {
			return errors.New("the token endpoint answers " + r.ErrorCode)
		}
		if r.Response != nil {
			return errors.New("the token endpoint answers " + r.Response.Status)
		}
	}
	return err
}
