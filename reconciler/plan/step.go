package plan

import (
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Action is what a step does to a resource.
type Action string

// The actions.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
	// Adopt: mark as ours what stands under a name that we derive and that no
	// gatewright has marked, since the spec asks for it, and bring it to the desired state.
	Adopt Action = "adopt"
	// Orphan: take our mark away and leave all else as it is, since the spec is
	// gone and asked for that. What stands is nobody's afterwards.
	Orphan Action = "orphan"
	// Keep: nothing to do.
	Keep Action = "keep"
	// Skip: there is something to do and it will not be done; Class and Reason
	// say why.
	Skip Action = "skip"
)

// Effectful reports whether the action changes a target.
func (a Action) Effectful() bool {
	return a == Create || a == Update || a == Replace || a == Delete || a == Adopt || a == Orphan
}

// Change is one field that differs.
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Step is one resource's part of a plan. It is data: it can be printed,
// stored, compared and replayed.
type Step struct {
	ID     resource.ID `json:"id"`
	Action Action      `json:"action"`
	// Before is what stands; nil if nothing does.
	Before *resource.State `json:"before,omitempty"`
	// After is what shall stand; nil for a delete, and where we give it up.
	After *resource.State `json:"after,omitempty"`
	// Version guards the effect; see resource.Observed.
	Version string   `json:"version,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	// NewSecret asks for a fresh secret in place of the one that stands.
	NewSecret bool `json:"newSecret,omitempty"`
	// Rotates reports that the step is part of a rotation. On a client it makes
	// the application that takes over, with a fresh secret; on its credential it
	// puts that one into the place of the one before, which serves for Overlap.
	Rotates bool           `json:"rotates,omitempty"`
	Overlap schema.Seconds `json:"overlap,omitempty"`
	// Retires reports that the step deletes an application that another has
	// taken over from.
	Retires bool `json:"retires,omitempty"`
	// Postpones reports, on a credential's step, that the next plan rotates it:
	// this one mends or changes its client first. That is not certain where a
	// secret is put back that somebody changed, since its age is known only then.
	Postpones bool `json:"postpones,omitempty"`
	// Opens reports that callers need fewer rights after the step than before.
	Opens bool `json:"opens,omitempty"`
	// Disables reports that the step takes OAuth off an endpoint that has it.
	Disables bool `json:"disables,omitempty"`
	// Restores reports that the step puts back the protection of an endpoint
	// that has stood before and was proved: it waits for nothing else.
	Restores bool `json:"restores,omitempty"`
	// Drift reports that what stands has changed though the spec has not. On a
	// skip it would be repaired if drift were not only to be reported.
	Drift bool `json:"drift,omitempty"`
	// Since is when what stands came to be as it is, where it is drift and the
	// target knows.
	Since time.Time `json:"since,omitzero"`
	// Misses reports, on a skip, that the step would take something away if
	// what it is about could be read, or what it waits for were done.
	Misses bool `json:"misses,omitempty"`
	// Reason says why, for people.
	Reason string `json:"reason,omitempty"`
	// Class is set on a skip, and on a keep that is not yet rolled out.
	Class fault.Class `json:"class,omitempty"`
	// Hint says what a person can do about Class.
	Hint string `json:"hint,omitempty"`
	// DependsOn lists steps of the same plan that must have been done before.
	DependsOn []resource.ID   `json:"dependsOn,omitempty"`
	Position  schema.Position `json:"position,omitzero"`
}

// Takes reports that carrying out s takes something away: it deletes a
// resource, takes OAuth off an endpoint, or opens it. What a rotation has
// replaced is not missed by anyone.
func (s Step) Takes() bool {
	return s.Action == Delete && !s.Retires || (s.Disables || s.Opens) && s.Action.Effectful()
}
