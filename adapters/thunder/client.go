package thunder

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Limits of answers. One application may hold 200 KB of metadata; the list of
// a thousand is about 400 KB.
const (
	answerLimit = 4 << 20
	listLimit   = 32 << 20
)

// client calls the management API.
type client struct {
	base   string
	http   *http.Client
	tokens *tokens
}

// answer is a complete answer of the API.
type answer struct {
	status      int
	body        []byte
	contentType string
	correlation string
	retryAfter  string
}

// buffers keeps the memory that answers are read into.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// get asks for a path and lets use see the answer, whose body is reused after.
func (c *client) get(ctx context.Context, path string, limit int64, use func(answer) error) error {
	buf, _ := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	a, err := c.do(ctx, call{method: http.MethodGet, path: path, limit: limit, into: buf})
	if err != nil {
		return err
	}
	return use(a)
}

// send makes a call that changes something.
func (c *client) send(ctx context.Context, method, path string, body []byte) (answer, error) {
	return c.do(ctx, call{method: method, path: path, body: body, limit: answerLimit, into: new(bytes.Buffer)})
}

// call is one call of the API.
type call struct {
	method, path string
	body         []byte
	limit        int64
	into         *bytes.Buffer
}

// do makes a call with the system token. A token that is refused is fetched
// anew, once: the server refuses before it does anything.
func (c *client) do(ctx context.Context, k call) (answer, error) {
	token, err := c.tokens.get(ctx)
	if err != nil {
		return answer{}, err
	}
	a, err := c.once(ctx, k, token)
	if err != nil || a.status != http.StatusUnauthorized {
		return a, err
	}
	c.tokens.drop(token)
	if token, err = c.tokens.get(ctx); err != nil {
		return answer{}, err
	}
	return c.once(ctx, k, token)
}

func (c *client) once(ctx context.Context, k call, token string) (answer, error) {
	var body io.Reader
	if k.body != nil {
		body = bytes.NewReader(k.body)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, c.base+k.path, body)
	if err != nil {
		return answer{}, fmt.Errorf("make a request for %s: %w", k.path, err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return exchange(c.http, req, k.limit, k.into)
}

// exchange sends a request and reads the whole answer, up to a limit. What
// stands in the way of that is a fault: no connection, no answer, half an
// answer, too much of one.
func exchange(h *http.Client, req *http.Request, limit int64, into *bytes.Buffer) (answer, error) {
	resp, err := h.Do(req)
	if err != nil {
		return answer{}, unreachable(req.Context(), err)
	}
	defer resp.Body.Close()
	into.Reset()
	n, err := into.ReadFrom(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return answer{}, unreachable(req.Context(), err)
	case n > limit:
		return answer{}, &fault.Error{
			Class: fault.Stalled, Reason: "AnswerTooLong", Unreachable: true,
			Err:  fmt.Errorf("the answer to %s %s is longer than %d bytes", req.Method, req.URL.Path, limit),
			Hint: "check that the configured address is that of ThunderID",
		}
	}
	return answer{
		status: resp.StatusCode, body: into.Bytes(), contentType: resp.Header.Get("Content-Type"),
		correlation: resp.Header.Get("X-Correlation-Id"), retryAfter: resp.Header.Get("Retry-After"),
	}, nil
}

// isJSON reports whether an answer says that it is JSON.
func (a answer) isJSON() bool {
	t, _, err := mime.ParseMediaType(a.contentType)
	return err == nil && (t == "application/json" || t == "application/problem+json")
}
