package thunder

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// orphan takes our mark from an application and sends all else back as a GET
// answered, so that its client goes on. ThunderID gives a client another secret
// if it is sent none, so the secret that the mark names must be at hand.
//
//	GET under our id         | then
//	-------------------------+-----------------------------------------
//	nothing there            | done
//	nobody has marked it     | done: an earlier try of this step
//	marked by others         | conflict
//	not as it was observed   | the step was planned from another state
//	its secret is not known  | waiting
//	else                     | PUT
func (e *effect) orphan(ctx context.Context) (resource.Observed, error) {
	raw, o, err := e.current(ctx)
	switch {
	case err != nil || !o.Found:
		return o, err
	case o.Owner != resource.OwnerUs && o.Adoptable:
		return o, nil
	case o.Owner != resource.OwnerUs:
		return o, conflict(o.OwnerName)
	case e.step.Version != "" && o.Version != e.step.Version:
		return o, moved()
	}
	body, err := e.unmarked(raw, o)
	if err != nil {
		return o, err
	}
	given := func(now resource.Observed) bool { return now.Found && now.Owner != resource.OwnerUs }
	got, err := e.put(ctx, body)
	if err != nil {
		if fault.ClassOf(err) != fault.Unknown {
			return o, err
		}
		return e.settle(ctx, err, given)
	}
	now := e.observed(got, e.id)
	if !given(now) {
		return now, fault.New(fault.Stalled, "ServerIgnores", "ThunderID accepted the application and kept its mark")
	}
	return now, nil
}

// unmarked is a GET's body without our mark, and with the secret.
func (e *effect) unmarked(raw []byte, o resource.Observed) ([]byte, error) {
	have := o.State.Client
	if have == nil {
		return nil, malformed("application")
	}
	if have.AuthMethod != schema.AuthPrivateKey && (e.secret.IsZero() || e.digest() != have.SecretDigest) {
		f := fault.New(fault.Waiting, "NoSecret", "the secret of the application is not the one that OpenBAO holds, and ThunderID would give it another")
		f.Hint = "delete the application at ThunderID, or its managedBy from its metadata"
		return nil, f
	}
	var app object
	if json.Unmarshal(raw, &app) != nil {
		return nil, malformed("application")
	}
	var metadata object
	if json.Unmarshal(orNull(app["metadata"]), &metadata) != nil {
		return nil, malformed("application")
	}
	for _, member := range []string{"managedBy", "installation", "binding", "client", "secretDigest"} {
		delete(metadata, member)
	}
	var description string
	if json.Unmarshal(orNull(app["description"]), &description) != nil {
		description = ""
	}
	description = strings.TrimSpace(shortMark.ReplaceAllString(description, ""))
	if description == managedDescription(e.id) {
		description = "OAuth client of " + e.id.Binding.String() + ", once managed by gatewright."
	}
	inbound := app["inboundAuthConfig"]
	if have.AuthMethod != schema.AuthPrivateKey {
		entries, err := e.mergeInbound(inbound, *have)
		if err != nil {
			return nil, err
		}
		if inbound, err = json.Marshal(entries); err != nil {
			return nil, malformed("application")
		}
	}
	rest, err := metadata.with(nil)
	if err != nil {
		return nil, err
	}
	delete(app, "clientId") // a copy of the configuration's, for reading
	return app.with(map[string]any{"description": description, "metadata": rest, "inboundAuthConfig": inbound})
}
