package openbao

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/target"
)

// Check implements target.Checker: the server, the login, the mount, and what
// the token may do. It writes nothing.
func (t *Target) Check(ctx context.Context) []target.Finding {
	out := []target.Finding{t.checkServer(ctx)}
	if !out[0].OK {
		return out
	}
	out = append(out, t.checkLogin(ctx))
	if !out[1].OK {
		return out
	}
	out = append(out, t.checkMount(ctx))
	return append(out, t.checkRights(ctx)...)
}

func bad(name string, f *fault.Error) target.Finding {
	hint := f.Hint
	if hint == "" {
		hint = "try again"
	}
	return target.Finding{Name: name, Message: f.Error(), Hint: hint}
}

func (t *Target) checkServer(ctx context.Context) target.Finding {
	const finding = "openbao server"
	h, err := t.health(ctx)
	switch {
	case err != nil:
		return bad(finding, t.explain(place{op: "ask the health of", resource: t.config.Address}, err))
	case !h.Initialized:
		return target.Finding{Name: finding, Message: t.config.Address + " is not initialized", Hint: "initialize it: bao operator init"}
	case h.Sealed:
		return target.Finding{Name: finding, Message: t.config.Address + " is sealed", Hint: "unseal it: bao operator unseal"}
	case h.Standby:
		return target.Finding{
			Name: finding, OK: true, Message: fmt.Sprintf("%s runs %s, a standby: its reads may be late", t.config.Address, h.Version),
			Hint: "let the address lead to the active node, or set disable_standby_reads on the servers",
		}
	default:
		return target.Finding{Name: finding, OK: true, Message: fmt.Sprintf("%s runs %s, active and unsealed", t.config.Address, h.Version)}
	}
}

func (t *Target) checkLogin(ctx context.Context) target.Finding {
	const finding = "openbao login"
	err := t.session.do(ctx, func(ctx context.Context, id *identity) error {
		_, err := t.session.lookup(ctx, id.token)
		return err
	})
	if err != nil {
		return bad(finding, t.explain(place{"look up the token", "", "auth/token/lookup-self", "read"}, err))
	}
	id, err := t.session.identity(ctx, nil)
	if err != nil {
		return bad(finding, t.explain(place{op: "log in"}, err))
	}
	out := target.Finding{Name: finding, OK: true, Message: "the token " + id.describe()}
	if !id.expires.IsZero() && !id.renewable && !id.ours {
		out.Hint = "log in by appRole or kubernetes, or put a renewable token into the configuration"
	}
	return out
}

func (t *Target) checkMount(ctx context.Context) target.Finding {
	const finding = "openbao mount"
	message, f := t.lookAtMount(ctx)
	if f != nil {
		return bad(finding, f)
	}
	return target.Finding{Name: finding, OK: true, Message: message}
}

// need is what the target does at one path.
type need struct {
	path         string
	capabilities []string
}

// needs lists the policy of the README for one entry.
func (t *Target) needs(key string) []need {
	folder := key[:strings.LastIndexByte(key, '/')+1]
	return []need{
		{t.api("data", key), []string{"create", "read", "update"}},
		{t.api("metadata", key), []string{"create", "delete", "patch", "read", "update"}},
		{t.api("undelete", key), []string{"update"}},
		{t.api("delete", key), []string{"update"}},
		{t.api("metadata", folder), []string{"list"}},
	}
}

// checkRights asks what the token may do with an entry: one that was worked on,
// or one that nobody has.
func (t *Target) checkRights(ctx context.Context) []target.Finding {
	const finding = "openbao policy"
	t.mu.Lock()
	key := t.sample
	t.mu.Unlock()
	if key == "" {
		key = t.config.Prefix + "/organization/project/agent/environment/own"
	}
	needs := t.needs(key)
	var paths []string
	for _, n := range needs {
		paths = append(paths, n.path)
	}
	var granted map[string]any
	_, err := t.send(ctx, func(ctx context.Context, l *api.Logical) (*api.Secret, error) {
		s, err := l.WriteWithContext(ctx, "sys/capabilities-self", map[string]any{"paths": paths})
		if err == nil && s != nil {
			granted = s.Data
		}
		return s, err
	})
	if err == nil && granted == nil {
		err = errNotOpenBAO
	}
	if err != nil {
		return []target.Finding{bad(finding, t.explain(place{"ask for capabilities", "", "sys/capabilities-self", "update"}, err))}
	}
	var out []target.Finding
	for _, n := range needs {
		if missing := n.missing(granted[n.path]); len(missing) > 0 {
			list, _ := json.Marshal(missing) //nolint:errchkjson // strings always have a JSON form
			out = append(out, target.Finding{
				Name: finding, Message: fmt.Sprintf("the token lacks %s on %s", strings.Join(missing, ", "), n.path),
				Hint: fmt.Sprintf("add to its policy: path %q { capabilities = %s }", n.path, list),
			})
		}
	}
	if out == nil {
		out = append(out, target.Finding{Name: finding, OK: true, Message: "the token may do all that is needed at " + t.config.Mount + "/" + key})
	}
	return out
}

// missing lists what is not granted.
func (n need) missing(granted any) []string {
	list, _ := granted.([]any)
	if slices.Contains(list, any("root")) {
		return nil
	}
	var out []string
	for _, c := range n.capabilities {
		if !slices.Contains(list, any(c)) {
			out = append(out, c)
		}
	}
	return out
}
