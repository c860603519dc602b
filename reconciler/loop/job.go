package loop

import (
	"context"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/apply"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// job is the work on one binding, or on the key managers of one environment
// if binding names an environment alone.
type job struct {
	round    *round
	binding  resource.Binding
	steps    []plan.Step
	observed map[resource.ID]resource.Observed
	wanted   *desired.Binding
	// prove asks for a proof of the endpoint though no step changes it.
	prove bool
}

// Outcome is what became of a binding in a pass.
type Outcome struct {
	Binding resource.Binding
	Settled []apply.Settled
	// Proof is that of the endpoint, or of a credential that failed before.
	Proof *resource.Proof
	// Rollout is where the endpoint's change stands.
	Rollout resource.Rollout
	// proved are the clients whose credentials were tried with their steps.
	proved map[string]bool
	// Err is the first failure; its class says what follows from it.
	Err error
	// suspended is a suspension that came after the plan.
	suspended *suspension
}

// jobs cuts a plan into the bindings that need work: those with effects, and
// those whose endpoint stands as desired and was not yet proved.
func (e *Engine) jobs(p *Planned) []*job {
	byBinding := map[resource.Binding]*job{}
	var out []*job
	for _, s := range p.Steps {
		j, ok := byBinding[s.ID.Binding]
		if !ok {
			j = &job{binding: s.ID.Binding, observed: p.Observed, wanted: p.Wanted[s.ID.Binding]}
			byBinding[s.ID.Binding] = j
			out = append(out, j)
		}
		j.steps = append(j.steps, s)
	}
	return slices.DeleteFunc(out, func(j *job) bool {
		j.prove = e.unproved(p, j)
		return !j.prove && !slices.ContainsFunc(j.steps, func(s plan.Step) bool { return s.Action.Effectful() })
	})
}

// unproved reports that the endpoint of j is to be proved without being
// changed: a crash or a slow rollout may have come between the change and its
// proof, or the proof may be old.
func (e *Engine) unproved(p *Planned, j *job) bool {
	if j.wanted == nil || desired.IsProbe(j.binding) {
		return false
	}
	for _, s := range j.steps {
		if s.ID.Kind != resource.KindEndpoint {
			continue
		}
		row, ok := p.Recorded[j.binding]
		proved := ok && row.LastProof != nil && row.LastProof.OK && row.DesiredHash == j.wanted.Hash &&
			e.Options.Now().Sub(row.LastProof.At) < e.counts(j.binding)
		return s.Action == plan.Keep && s.Class != fault.Stalled && !proved
	}
	return false
}

// counts is how long a proof of b counts: between half of the limit and the
// whole of it, for each binding another time, so that not all come due at once.
func (e *Engine) counts(b resource.Binding) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(b.String())) // it never fails
	half := e.Options.Reprove / 2
	return half + time.Duration(float64(half)*float64(h.Sum32())/math.MaxUint32)
}

// carryOut does the steps of j.
func (e *Engine) carryOut(ctx context.Context, record apply.Recorder, j *job) Outcome {
	out := Outcome{Binding: j.binding}
	if out.suspended, out.Err = e.overtaken(ctx, j); out.Err != nil {
		return out
	}
	env := e.environment(j.binding.Environment)
	executor := apply.Executor{Targets: env.Targets, Prover: env.Prover, Record: record, Log: e.Log, Now: e.Options.Now, Failed: j.round.trustless()}
	result := executor.Binding(ctx, j.steps, func(id resource.ID) resource.Observed { return j.observed[id] })
	out.Settled, out.Err, out.proved = result.Settled, result.Err, map[string]bool{}
	for name, p := range result.Proofs {
		out.proved[name] = p.OK
	}
	if p, ok := result.Proofs[resource.ClientOwn]; ok && !p.OK {
		out.Proof = &p
	}
	if result.Endpoint || result.Rotated {
		j.prove = true
	}
	if out.Err == nil {
		out.Err = skipped(j.steps)
	}
	return out
}

// skipped is the error that the skips among steps amount to: the first one.
func skipped(steps []plan.Step) error {
	for _, s := range steps {
		if s.Action == plan.Skip {
			f := fault.New(s.Class, "Skipped", "%s", s.Reason)
			if s.Drift {
				f.Reason = reasonDrift
			}
			f.Resource, f.Hint = s.ID.String(), s.Hint
			return f
		}
	}
	return nil
}
