package loop

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// asked lists what in is about.
func asked(in plan.Input) []resource.Resource {
	out := slices.Clone(in.Desired.KeyManagers)
	for _, b := range in.Desired.Bindings {
		out = append(out, b.Resources...)
	}
	for _, g := range in.Gone {
		out = append(out, resource.Resource{ID: g.ID})
	}
	return out
}

// observe asks every target for resources, all targets at once.
func (e *Engine) observe(ctx context.Context, resources []resource.Resource, only []resource.Kind) map[resource.ID]resource.Observed {
	out := map[resource.ID]resource.Observed{}
	asks := map[string]map[resource.Kind][]resource.Resource{}
	for _, r := range resources {
		if only != nil && !slices.Contains(only, r.ID.Kind) {
			out[r.ID] = resource.Observed{ID: r.ID, Err: fault.New(fault.Transient, "NotLooked", "it was not looked at")}
			continue
		}
		env := r.ID.Binding.Environment
		if asks[env] == nil {
			asks[env] = map[resource.Kind][]resource.Resource{}
		}
		asks[env][r.ID.Kind] = append(asks[env][r.ID.Kind], r)
	}
	var group errgroup.Group
	answers := make(chan []resource.Observed)
	for _, env := range e.Environments {
		for kind, resources := range asks[env.Name] {
			group.Go(func() error {
				answers <- e.observeKind(ctx, env, kind, resources)
				return nil
			})
		}
	}
	go func() {
		_ = group.Wait() // no member fails
		close(answers)
	}()
	for answer := range answers {
		for _, o := range answer {
			out[o.ID] = o
		}
	}
	return out
}

// observeKind asks one target. A failure of the whole is put down to each
// resource.
func (e *Engine) observeKind(ctx context.Context, env *Environment, kind resource.Kind, resources []resource.Resource) []resource.Observed {
	started := time.Now()
	t := env.Targets[kind]
	got, err := t.Observe(ctx, resources)
	if err != nil {
		got = make([]resource.Observed, len(resources))
		for i := range got {
			got[i].Err = err
		}
	}
	for i := range got {
		got[i].ID = resources[i].ID
	}
	e.Metrics.observed(env.Name, t.Name(), len(resources), time.Since(started))
	return got
}
