package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/clientkey"
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
	// RolledBack reports that the effect was made and taken back.
	RolledBack bool
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
	// Failed has what failed of the steps of others that those of a binding
	// depend on.
	Failed map[resource.ID]error
}

// Result is what came of the steps of a binding.
type Result struct {
	Settled []Settled
	// Proofs has the proof of each client whose credential was tried.
	Proofs map[string]resource.Proof
	// Endpoint reports that the endpoint was changed, so that its rollout is
	// to be awaited and proved.
	Endpoint bool
	// Rotated reports that the binding's own credential was replaced, so that
	// the endpoint is to be proved with it.
	Rotated bool
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
	r := run{
		Executor: e, observed: observed, all: steps, failed: map[resource.ID]error{},
		secrets: map[string]resource.Secret{}, fresh: map[string]resource.Secret{}, rotated: map[string]bool{},
	}
	maps.Copy(r.failed, e.Failed)
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
		r.step(ctx, s, numbers[i])
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
	// all are the steps of the binding, those without effect included.
	all []plan.Step
	// failed has what became of steps that others depend on.
	failed map[resource.ID]error
	// secrets has what the credential of each client holds, where a step has
	// written it; fresh what it is to be rotated to.
	secrets, fresh map[string]resource.Secret
	// rotated has the clients whose credential names the new application.
	rotated map[string]bool
	result  Result
}

// step carries out s, unless something it depends on failed or the context
// has ended.
func (r *run) step(ctx context.Context, s plan.Step, number int) {
	done := Settled{Number: number, Step: s, Started: r.Now()}
	done.Err = r.ready(ctx, s)
	if done.Err == nil && s.ID.Kind == resource.KindEndpoint && s.After.Endpoint.Scheme == schema.SchemeOAuth2 && !s.Restores {
		done.Err = r.proveOwn(ctx, s.ID.Binding)
	}
	if done.Err == nil {
		done.Begun = true
		// An effect that has begun is not cut short: the target's own deadline
		// bounds it, and an unknown outcome costs more than the wait.
		done.Version, done.Writes, done.Err = r.apply(context.WithoutCancel(ctx), s)
	}
	if done.Err == nil && s.ID.Kind == resource.KindClient && s.After != nil {
		done.Err = r.proveStep(ctx, &done)
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
	in, err := r.input(s)
	if err != nil {
		return "", 0, err
	}
	out, err := t.Apply(ctx, s, in)
	if err == nil && s.ID.Kind == resource.KindCredential {
		r.secrets[s.ID.Name] = out.Secret
		r.rotated[s.ID.Name] = s.Rotates
	}
	return out.Version, out.Writes, err
}

// input is what a step needs beside its own data.
func (r *run) input(s plan.Step) (in target.Input, err error) {
	in.At = r.Now()
	name := resource.Consumer(s.ID.Name)
	switch {
	case s.ID.Kind == resource.KindClient && s.Rotates:
		// Nobody has it before it is proved, so it need not be stored first: if
		// it is lost, the application is given another.
		if in.Secret, err = clientkey.New(s.After.Client.AuthMethod); err != nil {
			return in, err
		}
		r.fresh[name] = in.Secret
	case s.ID.Kind == resource.KindClient:
		in.Secret = r.secret(s.ID.Binding, name)
	case s.ID.Kind == resource.KindCredential && s.Rotates:
		in.Secret = r.fresh[name]
	case s.ID.Kind == resource.KindCredential:
		if c := r.observed(r.serving(s)).State.Client; c != nil {
			in.PeerDigest = c.SecretDigest
		}
	}
	return in, nil
}

// serving is the application that a credential names, or the client's first.
func (r *run) serving(s plan.Step) resource.ID {
	id := s.ID
	id.Kind = resource.KindClient
	if s.Before != nil && s.Before.Credential != nil && s.Before.Credential.Application != "" {
		id.Name = s.Before.Credential.Application
	}
	return id
}

// secret is the secret of a client: as its credential's step left it, or as
// the credential was observed.
func (r *run) secret(b resource.Binding, client string) resource.Secret {
	if s, ok := r.secrets[client]; ok {
		return s
	}
	if c := r.observed(resource.ID{Kind: resource.KindCredential, Binding: b, Name: client}).State.Credential; c != nil {
		return c.ClientSecret
	}
	return resource.Secret{}
}

// settle keeps and logs the outcome of a step.
func (r *run) settle(ctx context.Context, done Settled) {
	r.result.Settled = append(r.result.Settled, done)
	attrs := []slog.Attr{
		slog.String("resource", done.Step.ID.String()), slog.String("action", string(done.Step.Action)),
		slog.Duration("took", done.Ended.Sub(done.Started)),
	}
	if done.Step.Drift {
		attrs = append(attrs, slog.String("drift", drift(done.Step)))
		if at := done.Step.Since; !at.IsZero() {
			attrs = append(attrs, slog.Time("since", at))
		}
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
	switch s := done.Step; {
	case s.ID.Kind == resource.KindEndpoint:
		r.result.Endpoint = true
	case s.ID.Kind == resource.KindCredential && s.ID.Name == resource.ClientOwn && s.Rotates:
		r.result.Rotated = true
	}
	r.Log.LogAttrs(ctx, slog.LevelInfo, "step done", attrs...)
}

// drift says field by field what had changed behind our back.
func drift(s plan.Step) string {
	if s.Before == nil {
		return "it was gone"
	}
	said := make([]string, len(s.Changes))
	for i, c := range s.Changes {
		said[i] = fmt.Sprintf("%s was %q, is %q again", c.Field, c.Before, c.After)
	}
	return strings.Join(said, ", ")
}
