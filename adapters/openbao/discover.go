package openbao

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// pageSize is how many names one LIST returns at most.
const pageSize = 500

// Discover implements target.Discoverer. It walks the folders below the prefix
// and reads the mark of each entry. SCAN would take one call, but it knows no
// pages and needs a capability of its own.
func (t *Target) Discover(ctx context.Context) ([]resource.ID, error) {
	since := time.Now()
	if f := t.ready(ctx, since.Add(-mountFor)); f != nil {
		return nil, f
	}
	folders := []string{""}
	for range levels - 1 {
		next, err := t.fan(ctx, folders, func(ctx context.Context, folder string) ([]string, error) {
			return t.subfolders(ctx, folder)
		})
		if err != nil {
			return nil, t.explain(place{"discover credentials below", t.config.Prefix, t.api("metadata", t.config.Prefix) + "/*", "list"}, err)
		}
		folders = next
	}
	var mu sync.Mutex
	var out []resource.ID
	_, err := t.fan(ctx, folders, func(ctx context.Context, folder string) ([]string, error) {
		ids, err := t.marked(ctx, folder)
		mu.Lock()
		defer mu.Unlock()
		out = append(out, ids...)
		return nil, err
	})
	if err != nil {
		return nil, t.explain(place{"discover credentials below", t.config.Prefix, t.api("metadata", t.config.Prefix) + "/*", "list"}, err)
	}
	slices.SortFunc(out, resource.ID.Compare)
	return out, nil
}

// fan does the same to many folders at once and puts the results in order.
func (t *Target) fan(ctx context.Context, folders []string, do func(context.Context, string) ([]string, error)) ([]string, error) {
	results := make([][]string, len(folders))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(t.config.Reads)
	for i, folder := range folders {
		group.Go(func() (err error) {
			results[i], err = do(ctx, folder)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(results...), nil
}

// subfolders lists the folders of a folder that can hold entries of ours.
func (t *Target) subfolders(ctx context.Context, folder string) ([]string, error) {
	keys, _, err := t.list(ctx, "metadata", folder)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, k := range keys {
		if sub, isFolder := strings.CutSuffix(k, "/"); isFolder && resource.ValidName(sub) {
			out = append(out, folder+k)
		}
	}
	return out, nil
}

// marked lists the entries of a folder that are marked ours. A detailed listing
// has the marks; the metadata of each entry has them where that one is not
// allowed.
func (t *Target) marked(ctx context.Context, folder string) ([]resource.ID, error) {
	keys, info, err := t.list(ctx, "detailed-metadata", folder)
	if status, ok := asStatus(err); ok && status.status == http.StatusForbidden {
		info = nil
		keys, _, err = t.list(ctx, "metadata", folder)
	}
	if err != nil {
		return nil, err
	}
	var out []resource.ID
	for _, k := range keys {
		id, ok := identify(folder + k)
		if !ok {
			continue
		}
		custom := info[k].Custom
		if info == nil {
			r, err := t.readMetadata(ctx, t.config.Prefix+"/"+folder+k)
			if err != nil {
				return nil, t.explain(place{"read metadata of", id.String(), t.api("metadata", t.config.Prefix+"/"+folder+k), "read"}, err)
			}
			custom = r.custom
		}
		if owner, _ := t.owner(id, custom); owner == resource.OwnerUs {
			out = append(out, id)
		}
	}
	return out, nil
}

// list reads a whole folder by pages. The page after the last one is 404.
func (t *Target) list(ctx context.Context, kind, folder string) ([]string, map[string]metadata, error) {
	var keys []string
	infos := map[string]metadata{}
	after := ""
	for {
		query := url.Values{"list": {"true"}, "limit": {strconv.Itoa(pageSize)}}
		if after != "" {
			query.Set("after", after)
		}
		var names []string
		err := t.fetch(ctx, t.api(kind, t.config.Prefix)+"/"+folder, query, func(status int, body []byte) error {
			got, info, err := decodeKeys(status, body)
			names = got
			maps.Copy(infos, info)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		if len(names) == 0 {
			return keys, infos, nil
		}
		if len(keys) > 0 && names[0] <= after {
			return nil, nil, t.explain(place{op: "list"}, errNotOpenBAO)
		}
		keys = append(keys, names...)
		if len(names) < pageSize {
			return keys, infos, nil
		}
		after = names[len(names)-1]
	}
}
