package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

// Recorder remembers what was intended and what came of it.
type Recorder interface {
	// Intend records steps that are about to be carried out and returns a
	// number for each.
	Intend(ctx context.Context, steps []plan.Step) ([]int, error)
	// Settle records outcomes.
	Settle(ctx context.Context, outcomes []Settled) error
}

// Settled is the outcome of an intended step. Err is nil if it was done.
type Settled struct {
	Number  int
	Step    plan.Step
	Err     error
	Writes  int
	Started time.Time
	Ended   time.Time
	// Begun reports that the effect was tried, so that it may stand even if
	// Err is set.
	Begun bool
	// Version is the credential's version, where the step was on one.
	Version string
}

// Credentials proves that a credential gets the right token.
type Credentials interface {
	Credential(ctx context.Context, c resource.Credential) (proof.Token, resource.Proof, error)
}

// Executor carries out the steps of one environment.
type Executor struct {
	// Targets has the target of each kind.
	Targets map[resource.Kind]target.Target
	Prover  Credentials
	Record  Recorder
	Log     *slog.Logger
	Now     func() time.Time
}

// Result is what came of the steps of a binding.
type Result struct {
	Settled []Settled
	// Proofs has the proof of each client whose credential was tried.
	Proofs map[string]resource.Proof
	// Endpoint reports that the endpoint was changed, so that its rollout is
	// to be awaited and proved.
	Endpoint bool
	// Err is the first failure; the steps after it that depend on it were not
	// carried out.
	Err error
}

// bookkeeping is how long recording an outcome may take after the context has
// ended.
const bookkeeping = 10 * time.Second

// Binding carries out the effectful steps among steps, which belong to one
// binding (or to one environment's key managers) and are in order. observed
// returns what the plan was made from.
func (e *Executor) Binding(ctx context.Context, steps []plan.Step, observed func(resource.ID) resource.Observed) Result {
	r := run{Executor: e, observed: observed, failed: map[resource.ID]error{}, secrets: map[string]resource.Secret{}}
	r.result.Proofs = map[string]resource.Proof{}
	var effects []plan.Step
	for _, s := range steps {
		if s.Action.Effectful() {
			effects = append(effects, s)
		}
	}
	if len(effects) == 0 {
		return r.result
	}
	numbers, err := e.Record.Intend(ctx, effects)
	if err != nil {
		r.result.Err = fmt.Errorf("record intent: %w", err)
		return r.result
	}
	for i, s := range effects {
		r.step(ctx, s, numbers[i], steps)
	}
	save, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	if err := e.Record.Settle(save, r.result.Settled); err != nil {
		r.result.Err = errors.Join(r.result.Err, fmt.Errorf("record outcome: %w", err))
	}
	return r.result
}

// run is the carrying out of one binding's steps.
type run struct {
	*Executor
	observed func(resource.ID) resource.Observed
	// failed has what became of steps that others depend on.
	failed  map[resource.ID]error
	secrets map[string]resource.Secret
	result  Result
}

// step carries out s, unless something it depends on failed or the context
// has ended.
func (r *run) step(ctx context.Context, s plan.Step, number int, all []plan.Step) {
	done := Settled{Number: number, Step: s, Started: r.Now()}
	done.Err = r.ready(ctx, s)
	if done.Err == nil && s.ID.Kind == resource.KindEndpoint && s.After.Endpoint.Scheme == schema.SchemeOAuth2 && !s.Restores {
		done.Err = r.proveOwn(ctx, s.ID.Binding, all)
	}
	if done.Err == nil {
		done.Begun = true
		// An effect that has begun is not cut short: the target's own deadline
		// bounds it, and an unknown outcome costs more than the wait.
		done.Version, done.Writes, done.Err = r.apply(context.WithoutCancel(ctx), s)
	}
	if done.Err == nil && s.ID.Kind == resource.KindClient && s.Action != plan.Delete {
		done.Err = r.prove(ctx, s.ID.Binding, s.ID.Name, all)
	}
	done.Ended = r.Now()
	r.settle(ctx, done)
}

// ready reports why s cannot be carried out.
func (r *run) ready(ctx context.Context, s plan.Step) error {
	if ctx.Err() != nil {
		return fmt.Errorf("not begun: %w", context.Cause(ctx))
	}
	for _, dep := range s.DependsOn {
		if err := r.failed[dep]; err != nil {
			f := fault.New(fault.Waiting, "Dependency", "%s failed", dep)
			f.Op, f.Resource = string(s.Action), s.ID.String()
			return f
		}
	}
	return nil
}

// apply makes the effect.
func (r *run) apply(ctx context.Context, s plan.Step) (version string, writes int, err error) {
	t, ok := r.Targets[s.ID.Kind]
	if !ok {
		return "", 0, fault.New(fault.Stalled, "NoTarget", "no target keeps resources of kind %s", s.ID.Kind)
	}
	var in target.Input
	switch s.ID.Kind {
	case resource.KindClient:
		in.Secret = r.secret(s.ID)
	case resource.KindCredential:
		if c := r.observed(peer(s.ID, resource.KindClient)).State.Client; c != nil {
			in.PeerDigest = c.SecretDigest
		}
	case resource.KindEndpoint, resource.KindKeyManager:
	}
	out, err := t.Apply(ctx, s, in)
	if !out.Secret.IsZero() {
		r.secrets[s.ID.Name] = out.Secret
	}
	return out.Version, out.Writes, err
}

// secret is the secret of a client: as its credential's step left it, or as
// the credential was observed.
func (r *run) secret(id resource.ID) resource.Secret {
	if s, ok := r.secrets[id.Name]; ok {
		return s
	}
	if c := r.observed(peer(id, resource.KindCredential)).State.Credential; c != nil {
		return c.ClientSecret
	}
	return resource.Secret{}
}

// peer is the resource of another kind that belongs to the same client.
func peer(id resource.ID, kind resource.Kind) resource.ID {
	id.Kind = kind
	return id
}

// settle keeps and logs the outcome of a step.
func (r *run) settle(ctx context.Context, done Settled) {
	r.result.Settled = append(r.result.Settled, done)
	attrs := []slog.Attr{
		slog.String("resource", done.Step.ID.String()), slog.String("action", string(done.Step.Action)),
		slog.Duration("took", done.Ended.Sub(done.Started)),
	}
	if done.Err != nil {
		r.failed[done.Step.ID] = done.Err
		if r.result.Err == nil {
			r.result.Err = done.Err
		}
		attrs = append(attrs, slog.String("class", string(fault.ClassOf(done.Err))), slog.String("error", done.Err.Error()))
		r.Log.LogAttrs(ctx, slog.LevelWarn, "step failed", attrs...)
		return
	}
	if done.Step.ID.Kind == resource.KindEndpoint {
		r.result.Endpoint = true
	}
	r.Log.LogAttrs(ctx, slog.LevelInfo, "step done", attrs...)
}
