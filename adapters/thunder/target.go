package thunder

import (
	"context"
	"errors"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// name is what people call the target.
const name = "thunder"

// Target keeps OAuth clients in one ThunderID. It is safe for concurrent use,
// by as many environments as share the server.
type Target struct {
	c         Config
	api       *client
	endpoints *endpoints
}

var _ target.Target = (*Target)(nil)

// New returns the target for a configuration. It makes no call.
func New(c Config) (*Target, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	e := newEndpoints(c)
	return &Target{
		c: c, endpoints: e,
		api: &client{base: c.BaseURL, http: c.HTTP, tokens: newTokens(c, e)},
	}, nil
}

// Name implements target.Target.
func (t *Target) Name() string { return name }

// Apply implements target.Applier.
func (t *Target) Apply(ctx context.Context, step plan.Step, in target.Input) (target.Outcome, error) {
	e := effect{Target: t, step: step, secret: in.Secret, id: step.ID, clientID: clientID(step.ID)}
	e.appID = resource.ApplicationID(e.clientID)
	out, err := e.run(ctx)
	return out, about(err, string(step.Action), step.ID)
}

// clientID is the client id of a resource of kind client.
func clientID(id resource.ID) string { return id.Binding.ClientID(id.Name) }

// about names the operation and the resource of an error, and gives it a class
// if it has none.
func about(err error, op string, id resource.ID) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		f = &fault.Error{Class: fault.Transient, Err: err}
	}
	named := *f
	named.Target, named.Resource = name, id.String()
	if named.Op == "" {
		named.Op = op
	} else if op != "" {
		named.Op = op + ": " + named.Op
	}
	return &named
}
