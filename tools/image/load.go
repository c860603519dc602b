package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// ErrNoEngine is the cause of an error when no container engine answers.
var ErrNoEngine = errors.New("no container engine answers")

// defaultHost is where Docker's engine listens unless DOCKER_HOST says
// otherwise.
const defaultHost = "unix:///var/run/docker.sock"

// Load puts the image into the engine of DOCKER_HOST (Docker's socket by
// default) under a tag. It does nothing if the tag is that image already. The
// error is an ErrNoEngine if none answers.
//
// It speaks to the engine's API (GET /images/{name}/json and POST
// /images/load), whose unversioned paths every engine has.
func Load(ctx context.Context, img v1.Image, tag string) error {
	if err := load(ctx, img, tag); err != nil {
		return fmt.Errorf("load image %s: %w", tag, err)
	}
	return nil
}

// Ping reports whether a container engine answers.
func Ping(ctx context.Context) error {
	e, err := newEngine()
	if err != nil {
		return err
	}
	_, err = e.call(ctx, http.MethodGet, "/_ping", nil)
	return err
}

func load(ctx context.Context, img v1.Image, tag string) error {
	ref, err := name.NewTag(tag)
	if err != nil {
		return err
	}
	id, err := img.ConfigName()
	if err != nil {
		return err
	}
	e, err := newEngine()
	if err != nil {
		return err
	}
	has, err := e.id(ctx, tag)
	if err != nil || has == id.String() {
		return err
	}
	r, w := io.Pipe()
	defer r.Close() // ends the writer if the engine did not read to the end
	go func() { _ = w.CloseWithError(tarball.Write(ref, img, w)) }()
	answer, err := e.call(ctx, http.MethodPost, "/images/load?quiet=1", r)
	if err != nil {
		return err
	}
	return loadError(answer)
}

// loadError finds an error in the engine's answer, a stream of messages whose
// status was sent before it began.
func loadError(answer []byte) error {
	for dec := json.NewDecoder(bytes.NewReader(answer)); ; {
		var m struct {
			Error string `json:"error"`
		}
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the engine's answer: %w", err)
		case m.Error != "":
			return errors.New(m.Error)
		}
	}
}

// engine is the API of a container engine.
type engine struct {
	client *http.Client
	base   string
}

func newEngine() (engine, error) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = defaultHost
	}
	u, err := url.Parse(host)
	if err != nil {
		return engine{}, fmt.Errorf("DOCKER_HOST: %w", err)
	}
	switch u.Scheme {
	case "unix":
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", u.Path)
		}
		return engine{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}, "http://engine"}, nil
	case "tcp", "http":
		return engine{http.DefaultClient, "http://" + u.Host}, nil
	default:
		return engine{}, fmt.Errorf("DOCKER_HOST: %q is neither unix:// nor tcp://", host)
	}
}

// errNotFound is the engine's answer 404.
var errNotFound = errors.New("not found")

// id returns the identity of the image that a tag stands for, or nothing.
func (e engine) id(ctx context.Context, tag string) (string, error) {
	answer, err := e.call(ctx, http.MethodGet, "/images/"+tag+"/json", nil)
	if errors.Is(err, errNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var image struct {
		ID string `json:"Id"`
	}
	if err := json.Unmarshal(answer, &image); err != nil {
		return "", fmt.Errorf("the engine's answer: %w", err)
	}
	return image.ID, nil
}

// call sends a request and returns the answer to one that succeeded.
func (e engine) call(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-tar")
	}
	resp, err := e.client.Do(req)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
		}
		return nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, errNotFound
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, strings.TrimSpace(string(answer)))
	}
	return answer, nil
}
