package thunder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// sharedLimit bounds a call that several wait for.
const sharedLimit = 30 * time.Second

// shared makes one call for all who ask for it at once. Each may give up by
// its own context; the call goes on for the others.
func shared[T any](ctx context.Context, g *singleflight.Group, key string, f func(context.Context) (T, error)) (T, error) {
	var zero T
	if ctx.Err() != nil {
		return zero, unreachable(ctx, ctx.Err())
	}
	ch := g.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), sharedLimit, errors.New("the call took too long"))
		defer cancel()
		return f(ctx)
	})
	select {
	case <-ctx.Done():
		return zero, unreachable(ctx, ctx.Err())
	case r := <-ch:
		if r.Err != nil {
			return zero, r.Err
		}
		v, ok := r.Val.(T)
		if !ok {
			return zero, fmt.Errorf("a shared call returned %T", r.Val)
		}
		return v, nil
	}
}

// named sets the operation of a fault that has none.
func named(op string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return &fault.Error{Class: fault.Transient, Target: name, Op: op, Err: err}
	}
	if f.Op != "" {
		return err
	}
	out := *f
	out.Target, out.Op = name, op
	return &out
}
