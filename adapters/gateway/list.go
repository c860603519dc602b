package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// pageSize is how many objects one answer of a list holds.
const pageSize = 500

type page[T any] struct {
	Metadata struct {
		Continue        string `json:"continue"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Items []T `json:"items"`
}

// listing is a list to be read.
type listing struct {
	kind      kind
	namespace string // empty means all
	labels    string
	accept    string
	// enough, where set, ends the listing early.
	enough func() bool
}

// list reads a whole listing and returns its version, for a watch. add sees
// each object once, unless the listing expires on the way and starts anew.
func list[T any](ctx context.Context, c *client, l listing, add func(*T)) (version string, err error) {
	for range 3 {
		version, err = listOnce(ctx, c, l, add)
		var answer *answerError
		if !errors.As(err, &answer) || answer.Code != http.StatusGone {
			break
		}
	}
	return version, err
}

func listOnce[T any](ctx context.Context, c *client, l listing, add func(*T)) (string, error) {
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if l.labels != "" {
		query.Set("labelSelector", l.labels)
	}
	for {
		body, err := c.do(ctx, request{
			verb: http.MethodGet, path: l.kind.path(l.namespace, ""), query: query, accept: l.accept,
		})
		if err != nil {
			return "", err
		}
		var p page[T]
		if err := decode(body, &p); err != nil {
			return "", errNotJSON
		}
		for i := range p.Items {
			add(&p.Items[i])
		}
		if p.Metadata.Continue == "" || (l.enough != nil && l.enough()) {
			return p.Metadata.ResourceVersion, nil
		}
		query.Set("continue", p.Metadata.Continue)
	}
}

// get reads one object. Absence is no error: the result is nil.
func get[T any](ctx context.Context, c *client, k kind, namespace, name string) (*T, error) {
	return getAs[T](ctx, c, k, namespace, name, "")
}

func getAs[T any](ctx context.Context, c *client, k kind, namespace, name, accept string) (*T, error) {
	body, err := c.do(ctx, request{verb: http.MethodGet, path: k.path(namespace, name), accept: accept})
	if missing(err) {
		return nil, nil //nolint:nilnil // nil is how absence is told
	}
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := decode(body, out); err != nil {
		return nil, errNotJSON
	}
	return out, nil
}

// missing reports that err says that an object of a kind that is served is not
// there.
func missing(err error) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.Code == http.StatusNotFound && answer.Status && answer.Object != ""
}

// unserved reports that err says that no such kind is served.
func unserved(err error) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.Code == http.StatusNotFound && !missing(err)
}

// forbidden reports that err says that the call is not allowed.
func forbidden(err error) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.Code == http.StatusForbidden
}
