package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// How long a watch waits before it starts anew, at least and at most, and how
// long the API server keeps one open.
const (
	watchRest    = 500 * time.Millisecond
	watchRestMax = 30 * time.Second
	watchLife    = 5 * time.Minute
)

// Watch calls look for each binding of which somebody has changed something: its
// ReleaseBinding, its Component. A status is no change, nor is what the target
// itself has read or written last. It ends with ctx, and not before: a watch that
// breaks off starts anew, with growing rests. It only says "look again". Where
// it cannot tell what it missed, as at its start, it says so of every binding
// there is; where it may not watch at all, of none, and a pass from time to time
// finds the same.
//
// A target of one environment tells of that one alone.
func (t *Target) Watch(ctx context.Context, look func(resource.Binding)) {
	namespaces := []string{""}
	if _, err := listPage(ctx, t.control, releaseBindings, ""); forbidden(err) && len(t.cfg.Namespaces) > 0 {
		namespaces = t.cfg.Namespaces
	}
	var group errgroup.Group
	for _, ns := range namespaces {
		group.Go(func() error {
			watchAll(ctx, t, releaseBindings, ns, func(rb *releaseBinding, gone bool) {
				if b, ok := t.bindingOf(rb); ok && (gone || t.versions.of(b).binding != version(rb.Metadata.meta)) {
					look(b)
				}
			})
			return nil
		})
		group.Go(func() error {
			watchAll(ctx, t, components, ns, func(c *component, gone bool) {
				if b, ok := t.bindingOfComponent(c); ok && (gone || t.versions.of(b).component != version(c.Metadata.meta)) {
					look(b)
				}
			})
			return nil
		})
	}
	_ = group.Wait() // no member fails
}

// bindingOfComponent is the binding of a Component in the target's environment.
func (t *Target) bindingOfComponent(c *component) (resource.Binding, bool) {
	rb := &releaseBinding{}
	rb.Metadata.Namespace = c.Metadata.Namespace
	rb.Spec.Owner.Project, rb.Spec.Owner.Component = c.Spec.Owner.Project, c.Metadata.Name
	rb.Spec.Environment = t.cfg.Environment
	return t.bindingOf(rb)
}

// listPage reads the first page of a list, to see whether it may be read.
func listPage(ctx context.Context, c *client, k kind, namespace string) ([]byte, error) {
	return c.do(ctx, request{verb: http.MethodGet, path: k.path(namespace, ""), query: url.Values{"limit": {"1"}}})
}

// watchAll lists a kind and follows it from there, until ctx ends.
func watchAll[T any](ctx context.Context, t *Target, k kind, namespace string, changed func(o *T, gone bool)) {
	rest := watchRest
	for ctx.Err() == nil {
		began := time.Now()
		version, err := list(ctx, t.control, listing{kind: k, namespace: namespace}, func(o *T) { changed(o, false) })
		for err == nil && ctx.Err() == nil {
			opened := time.Now()
			version, err = follow(ctx, t.control, k, namespace, version, changed)
			if time.Since(opened) < watchRestMax {
				pause(ctx, watchRest) // something in between does not keep it open
			}
		}
		if ctx.Err() != nil {
			return
		}
		t.cfg.Logger.DebugContext(ctx, "watch starts anew", "resource", k.plural, "namespace", namespace, "error", err)
		if rest = min(2*rest, watchRestMax); time.Since(began) > watchLife {
			rest = watchRest
		}
		pause(ctx, rest/2+rand.N(rest))
	}
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// errWatchEnded says that the API server can no longer tell what has changed.
var errWatchEnded = errors.New("the watch cannot go on from where it was")

// follow reads the events since version until the API server ends the watch,
// and returns the version to go on from.
func follow[T any](ctx context.Context, c *client, k kind, namespace, version string, changed func(o *T, gone bool)) (string, error) {
	resp, err := c.send(ctx, request{verb: http.MethodGet, path: k.path(namespace, ""), query: url.Values{
		"watch": {"true"}, "resourceVersion": {version}, "allowWatchBookmarks": {"true"},
		"timeoutSeconds": {strconv.Itoa(int(watchLife / time.Second))},
	}})
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := readAll(resp, new(bytes.Buffer))
		if err != nil {
			return "", err
		}
		return "", answerOf(resp, body)
	}
	events := json.NewDecoder(resp.Body)
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := events.Decode(&event); err != nil {
			// The end of a watch is its usual end.
			return version, ctx.Err()
		}
		var at struct {
			Metadata meta `json:"metadata"`
		}
		object := new(T)
		switch event.Type {
		case "ADDED", "MODIFIED", "DELETED", "BOOKMARK":
			if decode(event.Object, &at) != nil || decode(event.Object, object) != nil {
				return "", errWatchEnded
			}
			version = at.Metadata.ResourceVersion
		default:
			return "", errWatchEnded
		}
		if event.Type != "BOOKMARK" {
			changed(object, event.Type == "DELETED")
		}
	}
}
