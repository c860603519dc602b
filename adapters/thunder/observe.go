package thunder

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Observe implements target.Observer: one GET for each resource, under its
// derived id.
//
//	GET /applications/<derived id>       | observation
//	-------------------------------------+---------------------------------------
//	200, our mark                        | found, ours
//	200, another mark or none            | found, other
//	404, the client id or the name is    | found, other: it could not be created
//	  taken by an application of the list |
//	404 APP-1001                         | not found
//	anything else                        | an error
func (t *Target) Observe(ctx context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	if len(resources) == 0 {
		return nil, nil
	}
	if _, err := t.api.tokens.get(ctx); err != nil {
		return nil, err // without it nothing can be observed
	}
	out := make([]resource.Observed, len(resources))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(t.c.Reads, len(resources)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(resources)); i = next.Add(1) - 1 {
				out[i] = t.observe(ctx, resources[i].ID)
			}
		})
	}
	workers.Wait()
	t.findRivals(ctx, resources, out)
	return out, nil
}

func (t *Target) observe(ctx context.Context, id resource.ID) resource.Observed {
	a, found, err := t.find(ctx, resource.ApplicationID(clientID(id)))
	switch {
	case err != nil:
		return resource.Observed{ID: id, Err: about(err, "observe", id)}
	case !found:
		return resource.Observed{ID: id}
	default:
		return t.observed(a, id)
	}
}

// find gets one application. Only the API's own answer means that there is
// none: a proxy's 404 would have us create everything anew.
func (t *Target) find(ctx context.Context, appID string) (a application, found bool, err error) {
	err = t.api.get(ctx, applicationPath(appID), answerLimit, func(got answer) error {
		var err error
		a, found, err = readApplication(got)
		return err
	})
	return a, found, err
}

// readApplication reads the answer to a GET.
func readApplication(got answer) (application, bool, error) {
	if got.status == http.StatusNotFound {
		if p, ok := problemOf(got); ok && p.Code == codeNotFound {
			return application{}, false, nil
		}
	}
	if err := success(got, http.StatusOK); err != nil {
		return application{}, false, err
	}
	a, err := decodeApplication(got.body)
	if err != nil || a.ID == "" {
		return application{}, false, malformed("application")
	}
	return a, true, nil
}

func applicationPath(appID string) string { return "/applications/" + url.PathEscape(appID) }

// findRivals looks in the list for applications of others that have the client
// id or the name of a resource that was not found, so that a plan says so
// before it is carried out. The list may fail; then the creation will say so.
func (t *Target) findRivals(ctx context.Context, resources []resource.Resource, out []resource.Observed) {
	if !missing(resources, out) {
		return
	}
	apps, err := t.list(ctx)
	if err != nil {
		return // nothing depends on the list
	}
	byClientID, byName := map[string]listed{}, map[string]listed{}
	for _, a := range apps {
		if a.ClientID != "" {
			byClientID[a.ClientID] = a
		}
		byName[a.Name] = a
	}
	for i, r := range resources {
		if out[i].Found || out[i].Err != nil || r.State.Client == nil {
			continue
		}
		id := clientID(r.ID)
		rival, ok := byClientID[id]
		if !ok {
			rival, ok = byName[applicationName(id)]
		}
		if ok && rival.ID != resource.ApplicationID(id) {
			out[i] = rival.observed(r.ID)
		}
	}
}

// missing reports that a desired resource was not found.
func missing(resources []resource.Resource, out []resource.Observed) bool {
	for i, r := range resources {
		if r.State.Client != nil && out[i].Err == nil && !out[i].Found {
			return true
		}
	}
	return false
}
