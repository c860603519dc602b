package openbao

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// reader sends the reads. They go past the api client, which costs twice
// the CPU of the whole read and throws away the body of a 404: and only that
// body tells a missing mount from a missing secret. The connections are the api
// client's own.
type reader struct {
	client    *http.Client
	base      *url.URL
	namespace string
	timeout   time.Duration
}

// maxAnswer bounds what is read of one answer. A KV value has 1 MiB at most;
// a page of a listing is far smaller.
const maxAnswer = 8 << 20

// buffers holds bodies while they are decoded.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func newReader(transport http.RoundTripper, c Config) *reader {
	base, _ := url.Parse(c.Address) // checked by the configuration
	return &reader{
		base: base, namespace: c.Namespace, timeout: c.Timeout,
		client: &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
			// A standby sends clients to the active node. The token goes along,
			// so never from TLS to plain text.
			if len(via) > 1 || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return errors.New("redirect refused")
			}
			return nil
		}},
	}
}

// get asks once and hands the body to decode, for the statuses that carry an
// answer: 200 and 404 without a message. All else is a *statusError.
func (r *reader) get(ctx context.Context, token, path string, query url.Values, decode func(status int, body []byte) error) error {
	return r.getWith(ctx, token, path, query, nil, decode)
}

// getWith is get with more headers.
func (r *reader) getWith(
	ctx context.Context, token, path string, query url.Values, header http.Header, decode func(status int, body []byte) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	u := *r.base
	u.Path, u.RawQuery = "/v1/"+path, query.Encode()
	req := (&http.Request{Method: http.MethodGet, URL: &u, Host: u.Host, Header: http.Header{
		"X-Vault-Request": {"true"}, "Accept": {"application/json"},
	}}).WithContext(ctx)
	maps.Copy(req.Header, header)
	if token != "" {
		req.Header["X-Vault-Token"] = []string{token}
	}
	if r.namespace != "" {
		req.Header["X-Vault-Namespace"] = []string{r.namespace}
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	buf, _ := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if _, err := buf.ReadFrom(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return decode(resp.StatusCode, buf.Bytes())
	}
	if err := refusal(resp, buf.Bytes()); err.status != http.StatusNotFound || err.foreign || len(err.errors) > 0 {
		return err
	}
	return decode(resp.StatusCode, buf.Bytes())
}

// refusal reads an answer that is no success.
func refusal(resp *http.Response, body []byte) *statusError {
	e := &statusError{status: resp.StatusCode, retryAfter: retryAfter(resp.Header)}
	var in struct {
		Errors *[]string       `json:"errors"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Errors == nil && in.Data == nil {
		e.foreign = true
		return e
	}
	if in.Errors != nil {
		e.errors = *in.Errors
	}
	return e
}

// retryAfter reads the header of RFC 9110 section 10.2.3, in seconds or as a
// date.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(min(n, 3600)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, time.Until(at)), time.Hour)
	}
	return 0
}

// readPauses are the waits between tries of a read that got no answer or a
// failure of the server: reads may be repeated freely.
var readPauses = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond}

// fetch reads a path with the session's token and tries again where that may
// help.
func (t *Target) fetch(ctx context.Context, path string, query url.Values, decode func(status int, body []byte) error) error {
	for try := 0; ; try++ {
		err := t.session.do(ctx, func(ctx context.Context, id *identity) error {
			return t.reader.get(ctx, id.token.Reveal(), path, query, decode)
		})
		if err == nil || try == len(readPauses) || ctx.Err() != nil || !worthRepeating(err) {
			return err
		}
		if pause(ctx, readPauses[try]) != nil {
			return err
		}
	}
}

// worthRepeating reports that the same read may succeed in a moment. What took
// its whole time already is left to the next pass.
func worthRepeating(err error) bool {
	if status, ok := asStatus(err); ok {
		return status.status >= 500 && !status.says(saysSealed)
	}
	f := explainSilence(err)
	return f.Reason == "Unreachable" && !unsent(err)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// readData reads the latest version of an entry, or the one that is asked for.
func (t *Target) readData(ctx context.Context, key string, version int) (record, error) {
	var query url.Values
	if version > 0 {
		query = url.Values{"version": {strconv.Itoa(version)}}
	}
	var r record
	err := t.fetch(ctx, t.api("data", key), query, func(status int, body []byte) (err error) {
		r, err = decodeData(status, body)
		return err
	})
	return r, err
}

// readMetadata reads what is kept about an entry.
func (t *Target) readMetadata(ctx context.Context, key string) (record, error) {
	var r record
	err := t.fetch(ctx, t.api("metadata", key), nil, func(status int, body []byte) (err error) {
		r, err = decodeMetadata(status, body)
		return err
	})
	return r, err
}

// read reads an entry whole. An entry without any version looks absent to a
// read of its data, so that absence costs a second call.
func (t *Target) read(ctx context.Context, e entry) (record, *fault.Error) {
	r, err := t.fresh(ctx, e, func(ctx context.Context) (record, error) { return t.readData(ctx, e.key, 0) })
	if err != nil {
		return record{}, t.explain(place{"read", e.id.String(), t.api("data", e.key), "read"}, err)
	}
	if r.there {
		return r, nil
	}
	return t.readAbout(ctx, e)
}

// readAbout reads an entry's metadata.
func (t *Target) readAbout(ctx context.Context, e entry) (record, *fault.Error) {
	r, err := t.fresh(ctx, e, func(ctx context.Context) (record, error) { return t.readMetadata(ctx, e.key) })
	if err != nil {
		return record{}, t.explain(place{"read metadata of", e.id.String(), t.api("metadata", e.key), "read"}, err)
	}
	return r, nil
}

// health is what sys/health and sys/seal-status say.
type health struct {
	Initialized bool   `json:"initialized"`
	Sealed      bool   `json:"sealed"`
	Standby     bool   `json:"standby"`
	Version     string `json:"version"`
}

// health asks the node how it is; that needs no token and works when sealed.
func (t *Target) health(ctx context.Context) (health, error) {
	var h health
	query := url.Values{"standbycode": {"200"}, "sealedcode": {"200"}, "uninitcode": {"200"}}
	err := t.reader.get(ctx, "", "sys/health", query, func(_ int, body []byte) error {
		if json.Unmarshal(body, &h) != nil || h.Version == "" {
			return errNotOpenBAO
		}
		return nil
	})
	if err != nil {
		return h, fmt.Errorf("health: %w", err)
	}
	h.Version = strings.TrimPrefix(h.Version, "v")
	return h, nil
}
