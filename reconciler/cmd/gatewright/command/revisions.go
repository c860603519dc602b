package command

import (
	"context"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// diffRevisions shows what the step from one revision to another would do to a
// world that stands as the first one says. No target is reached.
func (a *App) diffRevisions(ctx context.Context, cfg *config.Config, from, to string) error {
	w := a.wireSpecs(cfg)
	defer w.close(a)
	var states [2]loop.State
	for i, revision := range []string{from, to} {
		snap, err := w.snapshot(ctx, []string{revision})
		if err != nil {
			return err
		}
		if states[i], err = w.load(ctx, snap); err != nil {
			return err
		}
	}
	p := &loop.Planned{State: states[1], Plan: plan.Compute(supposed(states[0].Set, states[1]))}
	p.Revision = states[1].Revision.Hash
	if err := a.showPlan(p, w.sourceName(nil)); err != nil {
		return err
	}
	return verdict(p)
}

// supposed is the input of a plan for st in a world that stands as was says.
func supposed(was desired.Set, st loop.State) plan.Input {
	in := plan.Input{Desired: st.Set, Observed: map[resource.ID]resource.Observed{}, OwnedIn: map[string]int{}}
	if !st.Whole {
		in.PruneBlocked = "not every spec could be read"
	}
	wanted, present := map[resource.ID]bool{}, map[resource.Binding]bool{}
	for _, b := range st.Set.Bindings {
		present[b.Binding] = true
		for _, r := range b.Resources {
			wanted[r.ID] = true
			if r.ID.Kind == resource.KindEndpoint {
				// An agent is there, and open, before a spec protects it.
				in.Observed[r.ID] = resource.Observed{
					ID: r.ID, Found: true, Owner: resource.OwnerNobody,
					State: resource.State{Endpoint: &resource.Endpoint{Scheme: schema.SchemeNone}},
				}
			}
		}
	}
	stand := func(r resource.Resource) {
		in.Observed[r.ID] = resource.Observed{ID: r.ID, Found: true, Owner: resource.OwnerUs, State: standing(r.State)}
	}
	for _, b := range was.Bindings {
		for _, r := range b.Resources {
			in.Owned++
			in.OwnedIn[b.Binding.Environment]++
			stand(r)
			if !wanted[r.ID] {
				in.Gone = append(in.Gone, plan.Gone{ID: r.ID, Deletion: b.Deletion, SpecPresent: present[r.ID.Binding]})
			}
		}
	}
	for _, r := range st.Set.KeyManagers {
		stand(r)
	}
	return in
}

// standing is a desired state as it would be observed: with a secret that the
// client and its credential agree on.
func standing(s resource.State) resource.State {
	const agreed = "agreed"
	switch {
	case s.Client != nil:
		c := *s.Client
		c.SecretDigest = agreed
		return resource.State{Client: &c}
	case s.Credential != nil:
		c := *s.Credential
		c.SecretDigest, c.MarkDigest = agreed, agreed
		return resource.State{Credential: &c}
	default:
		return s
	}
}
