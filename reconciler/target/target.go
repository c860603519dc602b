// Package target is the contract between the core and the systems that hold
// state: identity providers, secret stores, gateways.
//
// A target keeps the resources of one kind in one environment. The core calls
// [Observer.Observe] before it plans and [Applier.Apply] for each effectful
// step; nothing else changes anything. Package targettest has the suite that
// every target passes.
package target

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Observer reads the state of resources and changes nothing.
type Observer interface {
	// Observe returns one observation for each resource, by index. It is
	// called with the desired state where there is one; for a resource that is
	// owned and no longer desired the state is empty and only the ID counts.
	//
	// "Not found" is an observation (Found false), never an error. A failure
	// that concerns one resource stands in that observation's Err; the error
	// that Observe returns itself is for failures that left nothing observed.
	// Both are *fault.Error. The slice is not modified.
	Observe(ctx context.Context, resources []resource.Resource) ([]resource.Observed, error)
}

// Applier carries out steps.
type Applier interface {
	// Apply carries out one effectful step, guarded by step.Version, so that
	// it changes nothing if the resource moved since it was observed. It is
	// idempotent: a step that has taken effect already, in whole or in part,
	// is completed and reported as done. It never changes what is not marked
	// ours, whatever the step says, unless the observation called it nobody's, or
	// called it adoptable and the step adopts it.
	//
	// A lost answer to an effect is observed by Apply where it can be; where
	// not, the error's class is fault.Unknown. Errors are *fault.Error.
	Apply(ctx context.Context, step plan.Step, input Input) (Outcome, error)
}

// Discoverer finds what is marked ours without being told where to look. It
// may miss some (a listing may be cut short by the target); what it reports is
// marked.
type Discoverer interface {
	Discover(ctx context.Context) ([]resource.ID, error)
}

// Finder finds what could be brought under specs, marked ours or not. Only a
// target can that keeps the endpoints.
type Finder interface {
	// Find returns the endpoints of the target's environment, sorted: all that a
	// spec could name. An error means that some may be missing.
	Find(ctx context.Context) ([]resource.ID, error)
}

// Lister lists clients that are not marked ours, for people who bring an
// installation under specs. Not every target can.
type Lister interface {
	// Unmarked returns what the target calls each of them, sorted. An error of
	// class stalled means that there is no list.
	Unmarked(ctx context.Context) ([]string, error)
}

// Watcher tells of changes as they happen. Not every target can.
type Watcher interface {
	// Watch calls look for each binding of which somebody has changed
	// something, until ctx ends. It only says "look again": it may say so
	// needlessly, and what it misses is found by the next pass.
	Watch(ctx context.Context, look func(resource.Binding))
}

// Checker examines a target for people: connection, version, permissions.
type Checker interface {
	Check(ctx context.Context) []Finding
}

// Target is all of these.
type Target interface {
	Observer
	Applier
	Discoverer
	Checker
	// Name is what people call the target, as "thunder".
	Name() string
}

// Input is what a step needs beside its own data.
type Input struct {
	// Secret is the client's secret. Steps that create or update a client have
	// it, and a step that rotates a credential.
	Secret resource.Secret
	// At is when the step is carried out.
	At time.Time
	// PeerDigest is, for a step on a credential, the digest of the secret that
	// the client holds at the identity provider; empty if it holds none. If an
	// earlier version of the credential has that digest it is restored rather
	// than replaced, so that consumers go on working.
	PeerDigest string
}

// Outcome is what a step leaves behind.
type Outcome struct {
	// Secret is set by a step on a credential: the secret that now stands.
	Secret resource.Secret
	// Version guards the next effect on the resource.
	Version string
	// Writes counts the calls that changed something.
	Writes int
}

// Finding is one line of an examination.
type Finding struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Message says what was found.
	Message string `json:"message"`
	// Hint says how to mend it.
	Hint string `json:"hint,omitempty"`
}
