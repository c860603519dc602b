package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// Media types of the Kubernetes API.
const (
	mediaJSON       = "application/json"
	mediaJSONPatch  = "application/json-patch+json"
	mediaMergePatch = "application/merge-patch+json"
	mediaApply      = "application/apply-patch+yaml"
	mediaMetadata   = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
)

// maxAnswer bounds one answer. A page of 500 objects of the largest size that
// etcd takes would be larger; none is ever seen.
const maxAnswer = 256 << 20

// client speaks to one API server in raw bytes. The generic clients decode
// into maps, which costs ten times what the few fields are worth that count
// here; see BenchmarkObserve.
type client struct {
	http *http.Client
	base url.URL
	// agent is sent as User-Agent.
	agent string
}

func newClient(cfg *rest.Config) (*client, error) {
	cfg = rest.CopyConfig(cfg)
	// Nothing here goes through client-go's own limiter: the API server's
	// priority and fairness decides, and the gate bounds what is under way.
	cfg.QPS = -1
	if cfg.UserAgent == "" {
		cfg.UserAgent = "gatewright"
	}
	cfg.GroupVersion, cfg.APIPath = nil, ""
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("address of the API server: %w", err)
	}
	hc, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("client of the API server: %w", err)
	}
	// A redirect of an API server is a login page's.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{http: hc, base: *base, agent: cfg.UserAgent}, nil
}

// request is one call.
type request struct {
	verb, path string
	query      url.Values
	media      string // of the body
	accept     string
	body       []byte
}

// do makes a call and returns the body of a 2xx answer that is JSON. Other
// errors than *answerError mean that no usable answer came.
func (c *client) do(ctx context.Context, r request) ([]byte, error) {
	return c.into(ctx, r, new(bytes.Buffer))
}

// into does as do, with the body in b, whose former content is overwritten.
func (c *client) into(ctx context.Context, r request, b *bytes.Buffer) ([]byte, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readAll(resp, b)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		if !isJSON(body) {
			return nil, errNotJSON
		}
		return body, nil
	}
	return nil, answerOf(resp, body)
}

// send makes a call and returns the open answer.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	u := c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + r.path
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.verb, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	accept := r.accept
	if accept == "" {
		accept = mediaJSON
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", c.agent)
	if r.body != nil {
		req.Header.Set("Content-Type", r.media)
	}
	return c.http.Do(req)
}

func readAll(resp *http.Response, b *bytes.Buffer) ([]byte, error) {
	b.Reset()
	if n := resp.ContentLength; n > 0 && n < maxAnswer {
		b.Grow(int(n) + bytes.MinRead)
	} else {
		b.Grow(16 << 10)
	}
	n, err := b.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off after %d bytes: %w", n, err)
	}
	if n > maxAnswer {
		return nil, fmt.Errorf("the answer is longer than %d MB", maxAnswer>>20)
	}
	return b.Bytes(), nil
}

// isJSON reports that body begins as a JSON object. It tells a proxy's page
// from an answer; a decoder tells the rest.
func isJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{'
}

// answerError is an answer of the API server that is not a success.
type answerError struct {
	Code    int
	Reason  string
	Message string
	// Object is the name of the object that the answer is about. A path that
	// is not served at all has none.
	Object     string
	Causes     []cause
	RetryAfter time.Duration
	// Status reports that the answer was the API server's own and not that of
	// something in between.
	Status bool
}

type cause struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Field   string `json:"field"`
}

func (e *answerError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%d %s", e.Code, http.StatusText(e.Code))
	}
	return fmt.Sprintf("%d %s", e.Code, e.Message)
}

// answerOf reads a Kubernetes Status. Of any other body nothing is repeated: it
// may hold anything.
func answerOf(resp *http.Response, body []byte) *answerError {
	e := &answerError{Code: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	var status struct {
		Kind    string `json:"kind"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
		Details struct {
			Name              string  `json:"name"`
			Causes            []cause `json:"causes"`
			RetryAfterSeconds int     `json:"retryAfterSeconds"`
		} `json:"details"`
	}
	if !isJSON(body) || json.Unmarshal(body, &status) != nil || status.Kind != "Status" {
		return e
	}
	e.Status, e.Reason, e.Message = true, status.Reason, oneLine(status.Message)
	e.Object, e.Causes = status.Details.Name, status.Details.Causes
	if s := status.Details.RetryAfterSeconds; s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

// oneLine keeps a message printable: one line of a bounded length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 600
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}
