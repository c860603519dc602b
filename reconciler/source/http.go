package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// maxAdvertised bounds the list of refs: a million of them have about 60 MB.
const maxAdvertised = 128 << 20

// credentials are what a remote over http is shown.
type credentials struct {
	username        string
	password, token resource.Secret
	// bearer: the server asked for the token as one.
	bearer atomic.Bool
}

func (c *credentials) none() bool { return c.password.IsZero() && c.token.IsZero() }

func (c *credentials) set(req *http.Request) {
	switch {
	case !c.token.IsZero() && c.bearer.Load():
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	case !c.token.IsZero():
		req.SetBasicAuth(orGit(c.username), c.token.Reveal())
	case !c.password.IsZero():
		req.SetBasicAuth(orGit(c.username), c.password.Reveal())
	}
}

func orGit(username string) string {
	if username == "" {
		return "git"
	}
	return username
}

// statusError is an answer that is not the one asked for.
type statusError struct {
	status     int
	retryAfter time.Duration
	// offered: credentials went with the request.
	offered bool
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.status, http.StatusText(e.status))
}

// redirectError is a redirect that is not followed.
type redirectError struct{ to string }

func (e *redirectError) Error() string { return "the server redirects to " + e.to }

// notGitError is an answer of something that is no git server.
type notGitError struct{ contentType string }

func (e *notGitError) Error() string {
	return fmt.Sprintf("the answer is %q, which is nothing of git's", e.contentType)
}

// httpTalk is git's smart protocol over http: see git help http-protocol.
type httpTalk struct {
	base    *url.URL
	access  *credentials
	client  *http.Client
	service service
}

func newHTTP(loc location, access *credentials, transport http.RoundTripper, s service) *httpTalk {
	t := &httpTalk{service: s, base: &url.URL{Scheme: loc.scheme, Host: loc.host, Path: strings.TrimRight(loc.path, "/")}, access: access}
	t.client = &http.Client{Transport: transport, CheckRedirect: t.redirect}
	return t
}

// redirect follows a server that moved, on the first request alone and never
// to a place that our credentials were not meant for.
func (t *httpTalk) redirect(req *http.Request, via []*http.Request) error {
	same := req.URL.Host == t.base.Host && req.URL.Scheme == t.base.Scheme
	weaker := t.base.Scheme == "https" && req.URL.Scheme != "https"
	if req.Method != http.MethodGet || len(via) > 5 || weaker || !same && !t.access.none() {
		return &redirectError{to: req.URL.Scheme + "://" + req.URL.Host}
	}
	return nil
}

func (t *httpTalk) advertise(ctx context.Context) (*packp.AdvRefs, error) {
	res, err := t.discover(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end, or is of no use
	adv := packp.NewAdvRefs()
	err = adv.Decode(io.LimitReader(res.Body, maxAdvertised))
	if err != nil && !errors.Is(err, packp.ErrEmptyAdvRefs) {
		return nil, answerError(err)
	}
	if moved, ok := strings.CutSuffix(res.Request.URL.Path, "/info/refs"); ok {
		t.base = &url.URL{Scheme: res.Request.URL.Scheme, Host: res.Request.URL.Host, Path: moved}
	}
	return adv, nil
}

func (t *httpTalk) discover(ctx context.Context) (*http.Response, error) {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base.JoinPath("info", "refs").String()+"?service="+string(t.service), nil)
		if err != nil {
			return nil, plain(err)
		}
		bearer := t.access.bearer.Load()
		res, err := t.do(req, "application/x-"+string(t.service)+"-advertisement")
		if err != nil && !bearer && t.access.bearer.Load() {
			continue // the same once more, as the server wants it
		}
		return res, err
	}
}

func (t *httpTalk) request(ctx context.Context, pack *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	var body bytes.Buffer
	if err := encode(&body, pack, false); err != nil {
		return nil, err
	}
	answer, err := t.send(ctx, body.Bytes())
	if err != nil {
		return nil, err
	}
	return decode(pack, answer)
}

func (t *httpTalk) send(ctx context.Context, body []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base.JoinPath(string(t.service)).String(), bytes.NewReader(body))
	if err != nil {
		return nil, plain(err)
	}
	req.Header.Set("Content-Type", "application/x-"+string(t.service)+"-request")
	res, err := t.do(req, "application/x-"+string(t.service)+"-result")
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

func (t *httpTalk) close() error { return nil }

// do sends a request and accepts an answer of one content type only.
func (t *httpTalk) do(req *http.Request, want string) (*http.Response, error) {
	req.Header.Set("Accept", want)
	// Hosts tell git clients from browsers by this, as git's own says.
	req.Header.Set("User-Agent", "git/gatewright")
	t.access.set(req)
	res, err := t.client.Do(req)
	if err != nil {
		// The outermost error would repeat the URL.
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	got, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // anything malformed is not what we want
	switch {
	case res.StatusCode == http.StatusOK && got == want:
		return res, nil
	case res.StatusCode == http.StatusOK:
		err = &notGitError{contentType: printable(got)}
	default:
		err = t.refused(res)
	}
	_ = res.Body.Close() // of a refusal only the head counts
	return nil, err
}

func (t *httpTalk) refused(res *http.Response) error {
	challenge := strings.ToLower(strings.Join(res.Header.Values("WWW-Authenticate"), ","))
	if res.StatusCode == http.StatusUnauthorized && !t.access.token.IsZero() &&
		strings.Contains(challenge, "bearer") && !strings.Contains(challenge, "basic") {
		t.access.bearer.Store(true)
	}
	e := &statusError{status: res.StatusCode, offered: !t.access.none()}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.retryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	return e
}

// encode writes a request; after the haves a server that keeps state wants a
// flush.
func encode(w io.Writer, req *packp.UploadPackRequest, stateful bool) error {
	if err := req.UploadRequest.Encode(w); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	if err := req.UploadHaves.Encode(w, stateful); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	if err := pktline.NewEncoder(w).EncodeString("done\n"); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	return nil
}

func decode(req *packp.UploadPackRequest, body io.ReadCloser) (*packp.UploadPackResponse, error) {
	resp := packp.NewUploadPackResponse(req)
	if err := resp.Decode(body); err != nil {
		_ = body.Close() // it is of no use
		return nil, answerError(err)
	}
	return resp, nil
}
