package openbao

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

var _ target.Wrapper = (*Target)(nil)

// headerWrap asks that an answer be kept, and a token given for it.
const headerWrap = "X-Vault-Wrap-TTL"

// Wrap implements target.Wrapper by response wrapping: OpenBAO keeps its answer
// to a read of the entry and gives it to whoever unwraps the token first. The
// token may be used for nothing else: any other call with it uses it up.
func (t *Target) Wrap(ctx context.Context, r resource.Resource, life time.Duration) (resource.Secret, time.Time, error) {
	e, f := t.locate(r.ID, r.State)
	if f != nil {
		return resource.Secret{}, time.Time{}, t.explain(place{op: "wrap", resource: r.ID.String()}, f)
	}
	path := t.api("data", e.key)
	header := http.Header{headerWrap: {strconv.FormatInt(int64(life/time.Second), 10)}}
	var token resource.Secret
	var ends time.Time
	err := t.session.do(ctx, func(ctx context.Context, id *identity) error {
		return t.reader.getWith(ctx, id.token.Reveal(), path, nil, header, func(status int, body []byte) (err error) {
			token, ends, err = decodeWrapped(status, body, path)
			return err
		})
	})
	if err != nil {
		return resource.Secret{}, time.Time{}, t.explain(place{"wrap", e.id.String(), path, "read"}, err)
	}
	return token, ends, nil
}

// decodeWrapped reads an answer that says where another one is kept. Nothing is
// kept of what does not exist.
func decodeWrapped(status int, body []byte, path string) (resource.Secret, time.Time, error) {
	if status == http.StatusNotFound {
		f := fault.New(fault.Waiting, "NoCredential", "it does not stand")
		f.Hint = "it is made when the binding is converged"
		return resource.Secret{}, time.Time{}, f
	}
	var in struct {
		Wrapped struct {
			Token   string `json:"token"`
			TTL     int    `json:"ttl"` // in seconds
			Created string `json:"creation_time"`
			Path    string `json:"creation_path"`
		} `json:"wrap_info"`
	}
	if json.Unmarshal(body, &in) != nil || in.Wrapped.Token == "" || in.Wrapped.TTL <= 0 || in.Wrapped.Path != path {
		return resource.Secret{}, time.Time{}, errNotOpenBAO
	}
	created := since(in.Wrapped.Created)
	if created.IsZero() {
		return resource.Secret{}, time.Time{}, errNotOpenBAO
	}
	return resource.NewSecret(in.Wrapped.Token), created.Add(time.Duration(in.Wrapped.TTL) * time.Second).UTC(), nil
}
