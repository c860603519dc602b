package loop

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// suspension is why a binding, or what belongs to an environment, must not be
// changed, and until when: by its spec, or by word of a person.
type suspension struct {
	reason, author string
	until          time.Time
}

// String says it in a plan.
func (s suspension) String() string {
	until := s.until.UTC().Format(time.RFC3339)
	if s.author == "" {
		return fmt.Sprintf("%s (until %s)", s.reason, until)
	}
	return fmt.Sprintf("%s (by %s, until %s)", s.reason, s.author, until)
}

// suspended notes what of p is suspended: bindings that are wanted, those whose
// spec is gone, and environments.
func (e *Engine) suspended(ctx context.Context, p *Planned, gone []plan.Gone) error {
	stored, err := e.Store.Suspensions(ctx)
	if err != nil {
		return fmt.Errorf("read inventory: %w", err)
	}
	now := e.Options.Now()
	active := slices.DeleteFunc(stored, func(s inventory.Suspension) bool {
		p.lapsed = p.lapsed || !s.Active(now)
		return !s.Active(now)
	})
	p.suspended = map[resource.Binding]suspension{}
	note := func(b resource.Binding, said *schema.Suspend) {
		if s := over(active, b, said, now); s != nil {
			p.suspended[b] = *s
		}
	}
	for b, wanted := range p.Wanted {
		note(b, wanted.Suspend)
	}
	for _, g := range gone {
		if p.Wanted[g.ID.Binding] == nil {
			note(g.ID.Binding, nil)
		}
	}
	for _, env := range e.Environments {
		note(resource.Binding{Environment: env.Name}, nil)
	}
	return nil
}

// over is the suspension that holds for b: of those of people and that of the
// spec the one that ends last.
func over(active []inventory.Suspension, b resource.Binding, said *schema.Suspend, now time.Time) *suspension {
	var out *suspension
	if said != nil && now.Before(said.Until) {
		out = &suspension{reason: said.Reason, until: said.Until}
	}
	for _, s := range active {
		if s.Scope.Has(b) && (out == nil || s.Until.After(out.until)) {
			out = &suspension{reason: s.Reason, author: s.Author, until: s.Until}
		}
	}
	return out
}

// reasons says why each is suspended.
func reasons(suspended map[resource.Binding]suspension) map[resource.Binding]string {
	out := make(map[resource.Binding]string, len(suspended))
	for b, s := range suspended {
		out[b] = s.String()
	}
	return out
}

// overtaken asks, right before the effects of j, whether somebody has suspended
// its binding since it was planned, and takes the effects out of j then. That
// costs a query of a table with hardly a row in it; what has begun is completed.
func (e *Engine) overtaken(ctx context.Context, j *job) (*suspension, error) {
	if !slices.ContainsFunc(j.steps, func(s plan.Step) bool { return s.Action.Effectful() }) {
		return nil, nil //nolint:nilnil // nothing will be done
	}
	stored, err := e.Store.Suspensions(ctx)
	if err != nil {
		return nil, fmt.Errorf("not begun: read inventory: %w", err)
	}
	now := e.Options.Now()
	s := over(slices.DeleteFunc(stored, func(s inventory.Suspension) bool { return !s.Active(now) }), j.binding, nil, now)
	if s != nil {
		j.steps = plan.Suspend(j.steps, s.String())
	}
	return s, nil
}
