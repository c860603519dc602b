package target

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Wrapper hands over a credential without telling it to us. Not every target
// can.
type Wrapper interface {
	// Wrap returns a token for which the target gives the credential, once and
	// to whoever has it, and when that ends. A credential that does not exist is
	// a fault.Waiting. It changes nothing; a token that nobody uses ends.
	Wrap(ctx context.Context, r resource.Resource, life time.Duration) (token resource.Secret, ends time.Time, err error)
}

// NoWrapper is the error of a target that is no Wrapper.
func NoWrapper(name string) error {
	f := fault.New(fault.Stalled, "NoWrapping", "it cannot hand over a credential unseen")
	f.Target, f.Op, f.Hint = name, "wrap", "ask for the credential itself"
	return f
}

// Wrap implements Wrapper for a target that is one.
func (g *Gate) Wrap(ctx context.Context, r resource.Resource, life time.Duration) (token resource.Secret, ends time.Time, err error) {
	w, ok := g.Target.(Wrapper)
	if !ok {
		return token, ends, NoWrapper(g.Name())
	}
	ctx, cancel := context.WithTimeout(ctx, g.limits.Step)
	defer cancel()
	err = g.run(ctx, func(ctx context.Context) (err error) {
		token, ends, err = w.Wrap(ctx, r, life)
		return err
	})
	switch {
	case err == nil:
		return token, ends, nil
	case g.resting(err):
		err = g.open("wrap", r.ID.String())
	}
	return resource.Secret{}, time.Time{}, err
}
