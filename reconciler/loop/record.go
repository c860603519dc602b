package loop

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/apply"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// recordTime bounds writing to the inventory after a context has ended.
const recordTime = 10 * time.Second

// recorder records steps under a run.
type recorder struct {
	store *inventory.Store
	run   inventory.RunID
	// asked are the requests to rotate that the plan answers.
	asked map[resource.ID]inventory.Rotation
}

// Intend implements apply.Recorder.
func (r recorder) Intend(ctx context.Context, steps []plan.Step) ([]int, error) {
	ids, err := r.store.Intend(ctx, r.run, steps)
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = id.Seq
	}
	return out, err
}

// Settle implements apply.Recorder.
func (r recorder) Settle(ctx context.Context, outcomes []apply.Settled) error {
	out := make([]inventory.Settlement, len(outcomes))
	for i, o := range outcomes {
		s := inventory.Settlement{
			Step: inventory.StepID{Run: r.run, Seq: o.Number}, State: inventory.Done,
			Writes: o.Writes, Started: o.Started, Ended: o.Ended,
		}
		if o.Err != nil {
			s.State, s.Class, s.Message = inventory.Failed, fault.ClassOf(o.Err), o.Err.Error()
			if s.Class == fault.Unknown {
				s.State = inventory.Unknown
			}
		}
		switch {
		case o.Step.After == nil && o.Err == nil:
			s.Removed = []resource.ID{o.Step.ID}
		case o.Step.After != nil && (o.Err == nil || o.Begun && !o.RolledBack):
			// What may have been made is owned, so that it can be pruned.
			s.Added = []resource.ID{o.Step.ID}
		}
		out[i] = s
	}
	return errors.Join(r.store.Settle(ctx, out), r.answer(ctx, outcomes))
}

// settleKept records the bindings of p that no job works on, what is theirs,
// and the note of the revision.
func (e *Engine) settleKept(ctx context.Context, p *Planned, jobs []*job) error {
	working := map[resource.Binding]bool{}
	for _, j := range jobs {
		working[j.binding] = true
	}
	steps := map[resource.Binding][]plan.Step{}
	owned := map[resource.ID]bool{}
	for _, id := range p.Owned {
		owned[id] = true
	}
	var adopted []resource.ID
	for _, s := range p.Steps {
		steps[s.ID.Binding] = append(steps[s.ID.Binding], s)
		if s.Action == plan.Keep && !owned[s.ID] && s.ID.Kind != resource.KindKeyManager && p.Observed[s.ID].Owner == resource.OwnerUs {
			adopted = append(adopted, s.ID)
		}
	}
	var rows []inventory.Binding
	var spentRows []resource.Binding
	for b, steps := range steps {
		if b.Organization == "" || working[b] {
			continue
		}
		if row := e.row(p, b, p.Wanted[b], steps, nil); spent(row, steps) {
			spentRows = append(spentRows, b)
		} else {
			rows = append(rows, row)
		}
	}
	if p.Discovered {
		adopted = append(adopted, p.Owned...)
	}
	owns := inventory.Settlement{Added: adopted, Removed: vanished(p)}
	if err := e.settleLeft(ctx, p); err != nil {
		return err
	}
	if err := e.forgetAsked(ctx, p); err != nil {
		return err
	}
	if p.lapsed {
		if err := e.Store.EndSuspensions(ctx, e.Options.Now()); err != nil {
			return err
		}
	}
	if err := errors.Join(e.own(ctx, owns), e.Store.SaveBindings(ctx, rows), e.Store.DeleteBindings(ctx, spentRows)); err != nil {
		return err
	}
	return e.notes(ctx, p)
}

// settleLeft settles what an earlier process has begun and could not settle. What
// it may have made is owned, so that it can be pruned, unless it was looked at
// and is not there or not ours.
func (e *Engine) settleLeft(ctx context.Context, p *Planned) error {
	var out []inventory.Settlement
	for _, s := range p.unsettled {
		if !p.scope.has(s.ID.Binding) {
			continue // its row is not written now, and has to be
		}
		settled := inventory.Settlement{
			Step: s.StepID(), State: inventory.Unknown, Class: fault.Unknown, Started: s.Started,
			Message: "the process ended before it could say what came of it",
		}
		o, looked := p.Observed[s.ID]
		if makes(s.Action) && (!looked || o.Err != nil || o.Found && o.Owner == resource.OwnerUs) {
			settled.Added = []resource.ID{s.ID}
		}
		out = append(out, settled)
	}
	if err := e.Store.Settle(ctx, out); err != nil {
		return err
	}
	if p.scope == nil {
		e.recovered.Store(true)
	}
	return nil
}

// makes reports that after a step of that kind the resource is ours.
func makes(a plan.Action) bool { return a.Effectful() && a != plan.Delete && a != plan.Orphan }

// own records what is owned without a step.
func (e *Engine) own(ctx context.Context, s inventory.Settlement) error {
	if len(s.Added)+len(s.Removed) == 0 {
		return nil
	}
	return e.Store.Settle(ctx, []inventory.Settlement{s})
}

// notes records what revision was applied and that marks have been read.
func (e *Engine) notes(ctx context.Context, p *Planned) error {
	if p.Discovered && p.scope == nil {
		for _, env := range e.Environments {
			if p.undiscovered[env.Name] {
				continue
			}
			if err := e.Store.SetMeta(ctx, discoveredKey(env.Name), e.Options.Now().UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
	}
	if p.scope == nil && p.State.Whole && !p.State.Revision.Dirty && !p.holdsBack() {
		return e.Store.SetMeta(ctx, metaRevision, p.State.Revision.Hash)
	}
	return nil
}

// holdsBack reports that a guard keeps something of p from being done, or would
// if it could be read. The revision does not count as applied then: the next
// pass must not take it for the history that a later one has to descend from.
func (p *Planned) holdsBack() bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Class == fault.Unsafe || p.blocked && s.Misses })
}

// vanished lists what is owned by the records, no longer asked for, and gone
// from the targets without us. An application that has given its place to the
// other one of its client is none that the plan speaks of, once it is gone: a
// process that ended between its delete and the record of it leaves it behind.
func vanished(p *Planned) []resource.ID {
	var out []resource.ID
	spoken := map[resource.ID]bool{}
	for _, s := range p.Steps {
		spoken[s.ID] = true
		if s.Action == plan.Keep && s.Before == nil && s.After == nil {
			out = append(out, s.ID)
		}
	}
	for _, id := range p.Owned {
		if o, looked := p.Observed[id]; looked && o.Err == nil && !o.Found && !spoken[id] {
			out = append(out, id)
		}
	}
	return out
}

// spent reports that nothing is left of a binding, so that its row can go: it
// is not wanted, and it has no endpoint that stays locked.
func spent(row inventory.Binding, steps []plan.Step) bool {
	return (row.Status == inventory.Locked || row.Status == inventory.Orphaned) && !slices.ContainsFunc(steps, func(s plan.Step) bool {
		return s.ID.Kind == resource.KindEndpoint && s.Before != nil
	})
}

// row is what the inventory shall say of a binding with the steps of its plan
// and, if it was worked on, the outcome.
func (e *Engine) row(p *Planned, b resource.Binding, wanted *desired.Binding, steps []plan.Step, o *Outcome) inventory.Binding {
	row := p.Recorded[b]
	row.Binding, row.Revision = b, p.Revision
	changed := wanted == nil && p.State.Whole || wanted != nil && wanted.Hash != row.DesiredHash
	if changed {
		// What was reached is not what is asked for now. A spec that is gone and
		// comes back asks anew, though it be the same; one that could not be read
		// does not.
		row.DesiredHash, row.ConvergedAt = "", time.Time{}
	}
	if o != nil && (o.Proof != nil || unsure(*o) || endpointDone(*o) && !restored(steps)) || wanted != nil && changed {
		row.LastProof = nil
	}
	if wanted != nil {
		e.describe(&row, wanted, p.Observed, o)
	}
	suspended, ok := p.suspended[b]
	if o != nil && o.suspended != nil {
		suspended, ok = *o.suspended, true
	}
	row.SuspendedUntil, row.SuspendReason = nil, ""
	if ok {
		row.SuspendedUntil, row.SuspendReason = &suspended.until, suspended.reason
	}
	err := unfinished(steps)
	if o != nil {
		err = o.Err
		if o.Proof != nil {
			row.LastProof = e.latest(p.Recorded[b], wanted, o)
		}
	}
	e.judge(&row, wanted, err)
	return row
}

// latest is the proof of o. Where nobody could be asked and nothing was changed,
// it is no less true that the endpoint was proved before: were that forgotten,
// an API that somebody opens meanwhile would stay open until somebody can be.
func (e *Engine) latest(former inventory.Binding, wanted *desired.Binding, o *Outcome) *resource.Proof {
	proof := *o.Proof
	switch fault.ClassOf(o.Err) {
	case fault.Transient, fault.Unknown:
		if was := former.LastProof; was != nil && wanted != nil && former.DesiredHash == wanted.Hash && !endpointDone(*o) {
			proof.Endpoint = proof.Endpoint || was.OK || was.Endpoint
		}
	case fault.Waiting, fault.Stalled, fault.Conflict, fault.Unsafe:
	}
	return &proof
}

// unsure reports that it is not known what came of a change of a client or of a
// credential. An identity provider may have stored the mark and not the secret:
// only a proof tells.
func unsure(o Outcome) bool {
	return slices.ContainsFunc(o.Settled, func(s apply.Settled) bool {
		return s.Err != nil && s.Begun && !s.RolledBack && gives(s.Step.ID, s.Step.Action)
	})
}

// gives reports that a step gives a resource a secret.
func gives(id resource.ID, a plan.Action) bool {
	return makes(a) && (id.Kind == resource.KindClient || id.Kind == resource.KindCredential)
}

// restored reports that the endpoint was put back as it had been proved: until
// it is proved anew that proof is the last.
func restored(steps []plan.Step) bool {
	return slices.ContainsFunc(steps, func(s plan.Step) bool { return s.Restores })
}

// describe copies what is wanted into row.
func (e *Engine) describe(row *inventory.Binding, wanted *desired.Binding, observed map[resource.ID]resource.Observed, o *Outcome) {
	row.Enabled, row.Scheme, row.Deletion = wanted.Enabled(), wanted.Scheme, wanted.Deletion
	row.SpecFile, row.SpecLine, row.DesiredHash = wanted.Position.File, wanted.Position.Line, wanted.Hash
	row.ClientID, row.ApplicationID, row.CredentialPath, row.Clients = "", "", "", nil
	for _, r := range wanted.Resources {
		switch r.ID.Kind {
		case resource.KindCredential:
			c := inventory.Client{Name: r.ID.Name, ClientID: serving(r, observed[r.ID], o), CredentialPath: r.State.Credential.Path}
			c.ApplicationID = resource.ApplicationID(c.ClientID)
			row.Clients = append(row.Clients, c)
			if c.Name == resource.ClientOwn {
				row.ClientID, row.ApplicationID, row.CredentialPath = c.ClientID, c.ApplicationID, c.CredentialPath
			}
		case resource.KindEndpoint:
			if url := observed[r.ID].URL; url != "" {
				row.Endpoint = url
			}
		case resource.KindClient, resource.KindKeyManager:
		}
	}
}

// serving is the client_id that a credential names: as it was seen, or as a
// rotation has left it.
func serving(r resource.Resource, seen resource.Observed, o *Outcome) string {
	if o != nil {
		for _, s := range o.Settled {
			if s.Step.ID == r.ID && s.Err == nil && s.Step.After != nil {
				return s.Step.After.Credential.ClientID
			}
		}
	}
	if c := seen.State.Credential; c != nil && c.Application != "" {
		return r.ID.Binding.ClientID(c.Application)
	}
	return r.State.Credential.ClientID
}

// judge sets the status of row.
//
//	spec     | suspended | error                    | status
//	---------+-----------+--------------------------+-----------
//	there    | yes       | none                     | suspended
//	any      | yes       | waiting                  | suspended
//	there    | no        | none                     | converged
//	any      | any       | transient, unknown       | failing
//	any      | any       | waiting                  | waiting
//	any      | any       | stalled, unsafe          | stalled
//	any      | any       | conflict                 | conflict
//	gone     | any       | none                     | locked, or orphaned
//	         |           |                          | where its spec said so
func (e *Engine) judge(row *inventory.Binding, wanted *desired.Binding, err error) {
	before := row.Status
	row.Class, row.Reason, row.Message, row.Hint = "", "", "", ""
	if err != nil {
		row.Class, row.Message, row.Hint = fault.ClassOf(err), err.Error(), fault.HintOf(err)
		if f, ok := errors.AsType[*fault.Error](err); ok {
			row.Reason = f.Reason
		}
	}
	switch row.Class {
	case fault.Waiting:
		row.Status = inventory.Waiting
	case fault.Stalled, fault.Unsafe:
		row.Status = inventory.Stalled
	case fault.Conflict:
		row.Status = inventory.Conflict
	case fault.Transient, fault.Unknown:
		row.Status = inventory.Failing
	default:
		row.Status = inventory.Converged
	}
	switch {
	case wanted == nil && row.Status == inventory.Converged:
		row.Status, row.Enabled = inventory.Locked, false
		if row.Deletion == schema.DeletionOrphan {
			row.Status = inventory.Orphaned
		}
	case row.SuspendedUntil != nil && (err == nil || row.Class == fault.Waiting):
		row.Status = inventory.Suspended
	}
	if row.Status == inventory.Converged && (before != inventory.Converged || row.ConvergedAt.IsZero()) {
		row.ConvergedAt = e.Options.Now().UTC()
	}
}

// unfinished is the error that steps amount to which are not carried out: the
// first skip, or a kept endpoint whose rollout has not ended.
func unfinished(steps []plan.Step) error {
	if err := skipped(steps); err != nil {
		return err
	}
	for _, s := range steps {
		if s.Action == plan.Keep && s.Class != "" {
			f := fault.New(s.Class, "Rollout", "%s", s.Reason)
			f.Resource, f.Hint = s.ID.String(), s.Hint
			return f
		}
	}
	return nil
}
