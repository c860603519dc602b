package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// pageSize is how many objects one answer of a list holds.
const pageSize = 500

type listMeta struct {
	Continue        string `json:"continue"`
	ResourceVersion string `json:"resourceVersion"`
}

// listing is a list to be read.
type listing struct {
	kind      kind
	namespace string // empty means all
	labels    string
	accept    string
	// cache, where set, spares decoding what has not changed.
	cache *listCache
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
	var known, fresh map[digest]any
	if l.cache != nil {
		known = l.cache.last(l.key())
		fresh = make(map[digest]any, len(known))
	}
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if l.labels != "" {
		query.Set("labelSelector", l.labels)
	}
	var page bytes.Buffer // decoding copies what it keeps of one
	for {
		body, err := c.into(ctx, request{
			verb: http.MethodGet, path: l.kind.path(l.namespace, ""), query: query, accept: l.accept,
		}, &page)
		if err != nil {
			return "", err
		}
		var m listMeta
		err = split(body, func(raw []byte) error { return decode(raw, &m) }, func(raw []byte) error {
			v, err := itemOf[T](raw, known, fresh)
			if err == nil {
				add(v)
			}
			return err
		})
		if err != nil {
			return "", errNotJSON
		}
		if m.Continue == "" {
			if l.cache != nil {
				l.cache.keep(l.key(), fresh)
			}
			return m.ResourceVersion, nil
		}
		if l.enough != nil && l.enough() {
			return m.ResourceVersion, nil
		}
		query.Set("continue", m.Continue)
	}
}

// itemOf decodes an item, unless it is known, and notes it in fresh.
func itemOf[T any](raw []byte, known, fresh map[digest]any) (*T, error) {
	if fresh == nil {
		v := new(T)
		return v, decode(raw, v)
	}
	d := digestOf(raw)
	if v, ok := known[d].(*T); ok {
		fresh[d] = v
		return v, nil
	}
	v := new(T)
	err := decode(raw, v)
	fresh[d] = v
	return v, err
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
