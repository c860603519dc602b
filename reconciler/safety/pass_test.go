package safety_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/apply"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// pass is what a planner and an executor know, without an inventory: what is
// owned is what is marked.
type pass struct {
	world   *memory.World
	targets map[resource.Kind]target.Target
	want    desired.Set
	// deletion is the policy of bindings whose spec is gone.
	deletion map[resource.Binding]schema.Deletion
	// unreadable are resources whose observation fails.
	unreadable map[resource.ID]bool
	suspended  map[resource.Binding]string
	proved     map[resource.Binding]bool
	blocked    string
	// now is the time of it all, and rotate what somebody asked to rotate.
	now    time.Time
	rotate map[resource.ID]plan.Rotation
}

func newPass(w *memory.World, want desired.Set) *pass {
	return &pass{world: w, targets: w.Targets(), want: want, now: start}
}

// observe asks for what is wanted and what is owned.
func (p *pass) observe(ctx context.Context) plan.Input {
	in := plan.Input{
		Desired: p.want, Observed: map[resource.ID]resource.Observed{}, Suspended: p.suspended, Proved: p.proved, PruneBlocked: p.blocked,
		OwnedIn: map[string]int{}, Now: p.now, Rotate: p.rotate,
	}
	wanted, present := map[resource.ID]bool{}, map[resource.Binding]bool{}
	for _, b := range p.want.Bindings {
		present[b.Binding] = true
		for _, r := range b.Resources {
			wanted[r.ID] = true
			p.look(ctx, in, r)
		}
	}
	for _, r := range p.want.KeyManagers {
		p.look(ctx, in, r)
	}
	for _, id := range p.owned(ctx) {
		in.Owned++
		in.OwnedIn[id.Binding.Environment]++
		if !wanted[id] {
			in.Gone = append(in.Gone, plan.Gone{ID: id, Deletion: p.deletion[id.Binding], SpecPresent: present[id.Binding]})
			p.look(ctx, in, resource.Resource{ID: id})
		}
	}
	return in
}

func (p *pass) owned(ctx context.Context) []resource.ID {
	var out []resource.ID
	for kind, t := range p.targets {
		if kind != resource.KindKeyManager {
			ids, _ := t.Discover(ctx) // a world in memory lists all
			out = append(out, ids...)
		}
	}
	slices.SortFunc(out, resource.ID.Compare)
	return out
}

func (p *pass) look(ctx context.Context, in plan.Input, r resource.Resource) {
	if p.unreadable[r.ID] {
		in.Observed[r.ID] = resource.Observed{ID: r.ID, Err: fault.New(fault.Transient, "Down", "it is down")}
		return
	}
	got, _ := p.targets[r.ID.Kind].Observe(ctx, []resource.Resource{r})
	in.Observed[r.ID] = got[0]
}

// carryOut carries out a plan, binding by binding, and returns the failures.
func (p *pass) carryOut(ctx context.Context, in plan.Input, made plan.Plan) []error {
	e := apply.Executor{
		Targets: p.targets, Prover: prover{p.world}, Record: forgetful{}, Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler),
	}
	var errs []error
	for _, b := range bindingsOf(made) {
		r := e.Binding(ctx, made.Of(b), func(id resource.ID) resource.Observed { return in.Observed[id] })
		if r.Err != nil {
			errs = append(errs, r.Err)
		}
	}
	return errs
}

// once observes, plans and carries out.
func (p *pass) once(ctx context.Context) (plan.Plan, []error) {
	in := p.observe(ctx)
	made := plan.Compute(in)
	return made, p.carryOut(ctx, in, made)
}

// bindingsOf lists the bindings of a plan in its order.
func bindingsOf(p plan.Plan) []resource.Binding {
	var out []resource.Binding
	for _, s := range p.Steps {
		if !slices.Contains(out, s.ID.Binding) {
			out = append(out, s.ID.Binding)
		}
	}
	return out
}

// forgetful is a recorder without memory.
type forgetful struct{}

// Intend implements apply.Recorder.
func (forgetful) Intend(_ context.Context, steps []plan.Step) ([]int, error) {
	return make([]int, len(steps)), nil
}

// Settle implements apply.Recorder.
func (forgetful) Settle(context.Context, []apply.Settled) error { return nil }

// prover asks a world whether a credential would get a token.
type prover struct{ world *memory.World }

// Credential implements apply.Credentials.
func (p prover) Credential(_ context.Context, c resource.Credential) (proof.Token, resource.Proof, error) {
	b, name, err := resource.ParseClientID(c.ClientID)
	if err == nil {
		t := p.world.Look(resource.ID{Kind: resource.KindClient, Binding: b, Name: name})
		if t != nil && !c.ClientSecret.IsZero() && t.State.Client.SecretDigest == c.ClientSecret.Digest(c.ClientID) {
			return proof.Token{}, resource.Proof{OK: true}, nil
		}
	}
	return proof.Token{}, resource.Proof{}, fault.New(fault.Stalled, proof.InvalidClient, "refused")
}

// tally counts what properties have looked at.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[what] += n
}
