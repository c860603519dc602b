package proof

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// probePath is appended to a wildcard operation, so that a proof that is let
// through does not set off anything at the agent: it answers 404.
const probePath = "gatewright-probe"

// Tokens are what an endpoint is tried with.
type Tokens struct {
	// Own is meant for the endpoint.
	Own Token
	// Other is of the same issuer, for another audience.
	Other Token
	// Expired was meant for the endpoint; nil where there is none yet.
	Expired *Token
}

// Endpoint proves how the gateway answers at base, the URL of the binding's
// API, by the desired scheme:
//
//	scheme | request                    | want
//	-------+----------------------------+--------
//	oauth2 | no token                   | 401
//	       | token for another audience | 401
//	       | own token that has expired | 401
//	       | own token                  | not 401
//	apiKey | no key                     | 401
//	none   | nothing                    | not 401
//
// A failed check is a fault of class stalled, an unusable answer one of class
// transient.
func (p *Prover) Endpoint(ctx context.Context, base string, e resource.Endpoint, tokens Tokens) (resource.Proof, error) {
	proof := resource.Proof{At: p.now()}
	method, target, harmless, err := probeRequest(base, e.Interface)
	if err != nil {
		return proof, err
	}
	try := func(name, want string, token *Token) error {
		status, err := p.send(ctx, method, target, e, token)
		if err != nil {
			return err
		}
		proof.Checks = append(proof.Checks, resource.Check{
			Name: name, Want: want, Got: strconv.Itoa(status),
			OK: (status == http.StatusUnauthorized) == (want == refused) && !gatewayFailed(status),
		})
		return nil
	}
	switch e.Scheme {
	case schema.SchemeOAuth2:
		err = errors.Join(
			try("without a token", refused, nil),
			try("with a token for another audience", refused, &tokens.Other))
		if err == nil && tokens.Expired != nil {
			err = try("with an expired token", refused, tokens.Expired)
		}
		if err == nil && harmless {
			err = try("with a token", admitted, &tokens.Own)
		}
	case schema.SchemeAPIKey:
		err = try("without a key", refused, nil)
	case schema.SchemeNone:
		if harmless {
			err = try("without a token", admitted, nil)
		}
	}
	if err != nil {
		return proof, err
	}
	return finish(&proof), failure(proof, "prove endpoint", target)
}

// What a check wants to see.
const (
	refused  = "401"
	admitted = "not 401"
)

// gatewayFailed reports an answer that says nothing about authentication.
func gatewayFailed(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// send makes one request and returns its status. The body is not looked at.
func (p *Prover) send(ctx context.Context, method, target string, e resource.Endpoint, token *Token) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return 0, endpointFault(target, err)
	}
	if token != nil {
		value := token.Access.Reveal()
		if e.Prefix != "" {
			value = e.Prefix + " " + value
		}
		req.Header.Set(e.Header, value)
	}
	client := *p.Gateway
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return 0, endpointFault(target, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	return resp.StatusCode, nil
}

// endpointFault says that target gave no answer.
func endpointFault(target string, err error) error {
	if link, ok := errors.AsType[*url.Error](err); ok {
		err = link.Err
	}
	return &fault.Error{
		Class: fault.Transient, Op: "prove endpoint", Resource: target, Reason: "EndpointUnreachable", Unreachable: true, Err: err,
		Hint: "check the gateway's URL in the configuration and that it can be reached from here",
	}
}

// probeRequest chooses the request to try an endpoint with. Harmless reports
// that it may be let through: it is a GET or HEAD on a wildcard, which the agent
// answers with 404. Where the API has no such operation, only requests that the
// gateway must refuse are made.
func probeRequest(base string, i *schema.Interface) (method, target string, harmless bool, err error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		f := fault.New(fault.Waiting, "NoURL", "the URL of the API is not known")
		f.Op, f.Hint = "prove endpoint", "set the gateway's url in the configuration of the environment"
		return "", "", false, f
	}
	ops := []schema.Operation{{Method: http.MethodGet, Path: "/*"}}
	if i != nil && len(i.Operations) > 0 {
		ops = i.Operations
	}
	chosen := ops[0]
	for _, op := range ops {
		wildcard := strings.HasSuffix(op.Path, "/*")
		if wildcard && (op.Method == http.MethodGet || op.Method == http.MethodHead) {
			chosen, harmless = op, true
			break
		}
	}
	path := strings.TrimSuffix(chosen.Path, "*")
	if strings.HasSuffix(chosen.Path, "/*") {
		path += probePath
	}
	return chosen.Method, strings.TrimSuffix(u.String(), "/") + fillParameters(path), harmless, nil
}

// fillParameters puts a word in place of each {parameter} of a path.
func fillParameters(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
			segments[i] = probePath
		}
	}
	return strings.Join(segments, "/")
}
