package openbao

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// lookAgainFor is how long looking at the outcome of a write may take, whatever
// the caller's own deadline: a write that may have happened is worth the look.
const lookAgainFor = 5 * time.Second

// sent is what came back for one write.
type sent struct {
	status     int
	retryAfter time.Duration
	secret     *api.Secret
}

// send makes one call that changes something, once.
func (t *Target) send(ctx context.Context, call func(context.Context, *api.Logical) (*api.Secret, error)) (sent, error) {
	var out sent
	err := t.session.do(ctx, func(ctx context.Context, id *identity) error {
		var err error
		client := id.client.WithResponseCallbacks(func(r *api.Response) {
			out.status, out.retryAfter = r.StatusCode, retryAfter(r.Header)
		})
		out.secret, err = call(ctx, client.Logical())
		if status, ok := asStatus(err); ok {
			status.retryAfter = out.retryAfter
			return status
		}
		return err
	})
	return out, err
}

// quiet makes a call that is answered with 204, or 200 and warnings. Any other
// success is not OpenBAO's.
func (t *Target) quiet(ctx context.Context, call func(context.Context, *api.Logical) (*api.Secret, error)) error {
	out, err := t.send(ctx, call)
	if err == nil && out.status != http.StatusNoContent && (out.secret == nil || out.secret.RequestID == "") {
		return errNotOpenBAO
	}
	return err
}

// putData stores fields as the version after cas. The answer tells the version
// and when it was made.
func (t *Target) putData(ctx context.Context, key string, fields map[string]json.RawMessage, cas int) (record, error) {
	out, err := t.send(ctx, func(ctx context.Context, l *api.Logical) (*api.Secret, error) {
		return l.WriteWithContext(ctx, t.api("data", key), map[string]any{
			"options": map[string]any{"cas": cas}, "data": fields,
		})
	})
	if err != nil {
		return record{}, err
	}
	if out.secret == nil {
		return record{}, errNotOpenBAO
	}
	number, isNumber := out.secret.Data["version"].(json.Number)
	created, isText := out.secret.Data["created_time"].(string)
	version, err := number.Int64()
	if !isNumber || !isText || err != nil || int(version) != cas+1 {
		return record{}, errNotOpenBAO
	}
	return record{there: true, live: true, version: int(version), created: created, fields: fields}, nil
}

// createMark marks a key that does not exist. The check-and-set of metadata
// refuses if somebody made metadata of the key meanwhile.
func (t *Target) createMark(ctx context.Context, e entry, mark map[string]string) error {
	return t.quiet(ctx, func(ctx context.Context, l *api.Logical) (*api.Secret, error) {
		return l.WriteWithContext(ctx, t.api("metadata", e.key), map[string]any{
			"custom_metadata": mark, "metadata_cas": 0,
		})
	})
}

// patchMark changes the mark of a key of ours and leaves the rest of its custom
// metadata alone.
func (t *Target) patchMark(ctx context.Context, e entry, mark map[string]string) error {
	return t.quiet(ctx, func(ctx context.Context, l *api.Logical) (*api.Secret, error) {
		return l.JSONMergePatch(ctx, t.api("metadata", e.key), map[string]any{"custom_metadata": mark})
	})
}

// removeMark takes our mark from a key.
func (t *Target) removeMark(ctx context.Context, e entry) error {
	none := map[string]any{}
	for _, key := range marks {
		none[key] = nil
	}
	return t.quiet(ctx, func(ctx context.Context, l *api.Logical) (*api.Secret, error) {
		return l.JSONMergePatch(ctx, t.api("metadata", e.key), map[string]any{"custom_metadata": none})
	})
}

// purge removes a key with all its versions.
func (t *Target) purge(ctx context.Context, key string) error {
	return t.quiet(ctx, func(ctx context.Context, l *api.Logical) (*api.Secret, error) {
		return l.DeleteWithContext(ctx, t.api("metadata", key))
	})
}

// versionsCall deletes or restores versions of a key.
func (t *Target) versionsCall(ctx context.Context, kind, key string, versions ...int) error {
	return t.quiet(ctx, func(ctx context.Context, l *api.Logical) (*api.Secret, error) {
		return l.WriteWithContext(ctx, t.api(kind, key), map[string]any{"versions": versions})
	})
}

// settle decides what became of a write that failed. What the server refused
// before it did anything is reported as it is. All else may have happened: then
// look tells whether what was to stand stands now.
func (t *Target) settle(ctx context.Context, p place, err error, look func(context.Context) (bool, *fault.Error)) *fault.Error {
	status, answered := asStatus(err)
	mismatch := answered && (status.says(saysMismatch) || status.says(saysMetaMismatch))
	if unsent(err) && !mismatch {
		return t.explain(p, err)
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAgainFor)
	defer cancel()
	stands, f := look(looking)
	switch {
	case f == nil && stands:
		return nil
	case f == nil && mismatch:
		return t.explain(p, moved())
	}
	out := t.explain(p, err)
	out.Class = fault.Unknown
	out.Reason = "OutcomeUnknown"
	out.Hint = "look again: the next pass goes by what stands then"
	return out
}
