package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Try sends a request to the API of a binding and nowhere else: below the URL
// where its endpoint is seen to be, without a proxy, and a redirect is an answer
// like any other. With a client a token of it is put in; should the API send it
// back, it is taken out of the answer. That it was sent is stored first.
func (d *Desk) Try(ctx context.Context, who access.Principal, b Binding, r Request) (Response, error) {
	if err := may(who, access.Developer, b); err != nil {
		return Response{}, err
	}
	env, client, err := d.ofClient(ctx, b, r.Client)
	if err != nil {
		return Response{}, err
	}
	if err := d.allow(who, ActionTry); err != nil {
		return Response{}, err
	}
	t := trial{desk: d, binding: b, client: client}
	if err := t.ready(ctx, env, r); err != nil {
		return Response{}, err
	}
	// Before it is sent: what it sets off at the API cannot be taken back if it
	// cannot be recorded.
	if err := d.event(ctx, who, ActionTry, b, client, t.request.Method+" "+t.request.URL.EscapedPath()); err != nil {
		return Response{}, fmt.Errorf("not sent, since it could not be recorded: %w", err)
	}
	return t.send(ctx)
}

// trial is one request that is tried.
type trial struct {
	desk    *Desk
	binding Binding
	client  string
	request *http.Request
	// token is what was put in; the zero Secret if nothing was.
	token resource.Secret
	curl  string
}

// ready checks a request and completes it.
func (t *trial) ready(ctx context.Context, env *loop.Environment, r Request) error {
	m, err := method(r.Method)
	if err != nil {
		return err
	}
	if len(r.Body) > MaxRequest {
		return invalid("body", "it is larger than %d KiB", MaxRequest>>10)
	}
	seen := t.desk.Engine.Endpoint(ctx, env, t.binding)
	base, err := baseOf(seen)
	if err != nil {
		return err
	}
	target, err := below(base, r.Path)
	if err != nil {
		return err
	}
	name, prefix := injected(seen)
	if t.client == "" {
		name = ""
	}
	header, err := headers(r.Header, name)
	if err != nil {
		return err
	}
	if prefix != "" {
		prefix += " "
	}
	t.curl = command{
		method: m, url: target.String(), header: header.Clone(), body: r.Body, of: t.binding, client: t.client, injected: name, lead: prefix,
	}.String()
	if t.client != "" {
		got, _, err := t.desk.Engine.AnyToken(ctx, env, t.binding, t.client)
		if err != nil {
			return err
		}
		t.token = got.Access
		header.Set(name, prefix+got.Access.Reveal())
	}
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", "gatewright")
	}
	t.request = &http.Request{Method: m, URL: target, Host: target.Host, Header: header}
	if len(r.Body) > 0 {
		t.request.Body, t.request.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
	}
	return nil
}

// baseOf is where an endpoint is seen to be.
func baseOf(seen resource.Observed) (*url.URL, error) {
	if seen.Err != nil {
		return nil, seen.Err
	}
	u, err := url.Parse(seen.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f := fault.New(fault.Waiting, "NoURL", "the URL of the API is not known")
		f.Op, f.Hint = "try", "set the gateway's url in the configuration of the environment"
		return nil, f
	}
	return u, nil
}

// send sends the request and reads the answer, as much of it as is kept.
func (t *trial) send(ctx context.Context) (Response, error) {
	limit := t.desk.patience
	if limit == 0 {
		limit = MaxTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client, end := t.only()
	defer end()
	started := time.Now()
	resp, err := client.Do(t.request.WithContext(ctx))
	if err != nil {
		return Response{}, t.silence(ctx, err, limit)
	}
	defer resp.Body.Close()
	secret := []byte(t.token.Reveal())
	// A little more than is kept, so that a token on the edge is seen whole.
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(MaxBody+len(secret)+1)))
	out := Response{
		Status: resp.StatusCode, Header: resp.Header.Clone(), Body: t.without(body), Took: time.Since(started),
		URL: t.request.URL.String(), Curl: t.curl, Cut: err != nil, // it was cut off, or takes for ever
	}
	if len(out.Body) > MaxBody {
		out.Body, out.Cut = out.Body[:MaxBody], true
	}
	for _, values := range out.Header {
		for i, v := range values {
			values[i] = string(t.without([]byte(v)))
		}
	}
	return out, nil
}

// without is text without the token.
func (t *trial) without(text []byte) []byte {
	if t.token.IsZero() {
		return text
	}
	return bytes.ReplaceAll(text, []byte(t.token.Reveal()), []byte(resource.Redacted))
}

// only returns a client for this request that reaches no host but that of the
// endpoint, whatever a proxy of the process or an answer says, and what ends it.
func (t *trial) only() (*http.Client, func()) {
	transport := &http.Transport{}
	if d := t.desk.Client; d != nil {
		if given, ok := d.Transport.(*http.Transport); ok {
			transport = given.Clone()
		}
	}
	host := authority(t.request.URL)
	dial := (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	if transport.DialContext != nil {
		dial = transport.DialContext
	}
	transport.Proxy, transport.DialTLSContext = nil, nil
	transport.DisableKeepAlives, transport.MaxResponseHeaderBytes = true, 256<<10
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !strings.EqualFold(address, host) {
			return nil, fmt.Errorf("%s is not the host of the API", address)
		}
		return dial(ctx, network, address)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, transport.CloseIdleConnections
}

// authority is the host and port that a request to u dials.
func authority(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// silence says that the API gave no answer. The library's error repeats the URL,
// query and all.
func (t *trial) silence(ctx context.Context, err error, limit time.Duration) error {
	if link, ok := errors.AsType[*url.Error](err); ok {
		err = link.Err
	}
	f := &fault.Error{
		Class: fault.Transient, Op: "try", Resource: t.binding.String(), Reason: "EndpointUnreachable", Unreachable: true, Err: err,
		Hint: "look whether the gateway runs, and whether its url in the configuration can be reached from here",
	}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		f.Reason, f.Err, f.Hint = "TooSlow", fmt.Errorf("no answer within %s", limit), "look at what the API does"
	}
	return f
}
