package desk

import (
	"context"
	"slices"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Runs returns passes and applies, newest first. A run is about many bindings at
// once: who may not see all of them sees the runs of the environments that they
// may see something of, without the message, which names a binding.
func (d *Desk) Runs(ctx context.Context, who access.Principal, f inventory.RunFilter) ([]inventory.Run, error) {
	if !who.MayAny(access.Viewer) {
		return nil, ErrForbidden
	}
	if f.Limit < 0 || f.Limit > MaxLimit {
		return nil, invalid("limit", "it is a number from 1 to %d", MaxLimit)
	}
	runs, err := d.Store.Runs(ctx, f)
	if err != nil {
		return nil, err
	}
	out := []inventory.Run{}
	for _, r := range runs {
		if who.MayAll(access.Viewer, everything) {
			out = append(out, r)
			continue
		}
		r.Environments = slices.DeleteFunc(r.Environments, func(name string) bool {
			return !seesPart(who, resource.Selector{Environment: name})
		})
		r.Result.Message = ""
		if len(r.Environments) > 0 {
			out = append(out, r)
		}
	}
	return out, nil
}

// Audit returns events, newest first: an admin of everything sees all of them,
// anybody else those of the bindings that they may see.
func (d *Desk) Audit(ctx context.Context, who access.Principal, f inventory.EventFilter) ([]inventory.Event, error) {
	if !who.MayAny(access.Viewer) {
		return nil, ErrForbidden
	}
	if f.Limit < 0 || f.Limit > maxEvents {
		return nil, invalid("limit", "it is a number from 1 to %d", maxEvents)
	}
	if !who.MayAll(access.Admin, everything) {
		// What is about no binding, as a confirmation, is not theirs to see.
		f.Bounds = inventory.Bounds{Within: within(who), Without: bounds(who).Without}
	}
	events, err := d.Store.Events(ctx, f)
	return append([]inventory.Event{}, events...), err
}

// maxEvents is how many events one answer holds at most.
const maxEvents = 10_000

// Steps returns the steps of a run, newest first, of what who may see.
func (d *Desk) Steps(ctx context.Context, who access.Principal, run inventory.RunID, limit int) ([]inventory.StepRecord, error) {
	if !who.MayAny(access.Viewer) {
		return nil, ErrForbidden
	}
	if limit < 0 || limit > maxEvents {
		return nil, invalid("limit", "it is a number from 1 to %d", maxEvents)
	}
	steps, err := d.Store.Steps(ctx, inventory.StepFilter{Run: run, Limit: limit, Bounds: inventory.Bounds{Within: within(who)}})
	return append([]inventory.StepRecord{}, steps...), err
}
