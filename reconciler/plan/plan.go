// Package plan compares what is desired with what was observed and says what
// to do, as data.
//
// It is pure: no clock, no randomness, no logger; the same input gives a plan
// of the same bytes. It promises that carrying out a plan leaves nothing to
// plan, that nothing is deleted or changed that is not marked ours, and that no
// step opens an endpoint unless the spec says "none" in so many words.
package plan

import (
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Input is what a plan is made from.
type Input struct {
	Desired desired.Set
	// Observed holds an observation for each desired and each owned resource.
	Observed map[resource.ID]resource.Observed
	// Gone are the owned resources that the desired set lacks.
	Gone []Gone
	// Now is when the plan is made, for what is due.
	Now time.Time
	// Rotate are the credentials that somebody asked to rotate.
	Rotate map[resource.ID]Rotation
	// Suspended are the bindings that must not be changed now, and why. One
	// that names an environment alone stands for its key managers.
	Suspended map[resource.Binding]string
	// Proved are the bindings whose endpoint has stood as it is desired now, and
	// was proved then. What differs of it is drift, and the key to it exists.
	Proved map[resource.Binding]bool
	// PruneBlocked says why nothing may be pruned in this plan; empty means
	// that pruning is allowed. It concerns bindings whose spec is gone and
	// clients that a spec no longer names.
	PruneBlocked string
	// PruneHint says what a person can do about PruneBlocked.
	PruneHint string
	// Owned counts the resources that are owned in all, OwnedIn those of each
	// environment, for Guard.
	Owned   int
	OwnedIn map[string]int
}

// Gone is an owned resource that no spec asks for any more.
type Gone struct {
	ID resource.ID
	// Deletion is the policy that the spec had; empty if it is not known.
	Deletion schema.Deletion
	// SpecPresent reports that the binding itself is still desired, and only
	// this resource is not.
	SpecPresent bool
	// File is where the spec was; empty if that is not known.
	File string
	// Doubt says why the spec may not be gone, and DoubtHint what a person can do;
	// nothing is deleted or given up then.
	Doubt, DoubtHint string
}

// Plan is an ordered list of steps: those of one binding stand together, in
// the order in which they must happen.
type Plan struct {
	Revision string `json:"revision,omitempty"`
	Steps    []Step `json:"steps"`
	// Owned counts the resources owned before the plan, OwnedIn those of each
	// environment.
	Owned   int            `json:"owned"`
	OwnedIn map[string]int `json:"ownedIn,omitempty"`
}

// Compute makes the plan for in.
func Compute(in Input) Plan {
	p := planner{in: in}
	p.keyManagers()
	gone := map[resource.Binding][]Gone{}
	for _, g := range in.Gone {
		gone[g.ID.Binding] = append(gone[g.ID.Binding], g)
	}
	bindings := slices.Clone(in.Desired.Bindings)
	for b := range gone {
		if !slices.ContainsFunc(bindings, func(d desired.Binding) bool { return d.Binding == b }) {
			bindings = append(bindings, desired.Binding{Binding: b})
		}
	}
	slices.SortFunc(bindings, func(a, b desired.Binding) int { return a.Binding.Compare(b.Binding) })
	for _, b := range bindings {
		p.binding(b, gone[b.Binding])
	}
	p.renamed()
	return Plan{Steps: p.steps, Owned: in.Owned, OwnedIn: in.OwnedIn}
}

// planner collects steps.
type planner struct {
	in    Input
	steps []Step
	// trust is the step of each key manager.
	trust map[resource.ID]Step
}

// keyManagers plans the issuers that the gateways must know.
func (p *planner) keyManagers() {
	p.trust = map[resource.ID]Step{}
	for _, r := range p.in.Desired.KeyManagers {
		s := keyManagerStep(r, p.in.Observed[r.ID])
		if reason, ok := p.in.Suspended[r.ID.Binding]; ok {
			s = Suspend([]Step{s}, reason)[0]
		}
		p.trust[r.ID] = s
		p.steps = append(p.steps, s)
	}
}

// binding plans one binding: first each client's credential and the client,
// then the endpoint, then what is to be deleted. So an endpoint is never
// closed before the key to it exists, and never robbed of its clients before it
// is done with them.
func (p *planner) binding(b desired.Binding, gone []Gone) {
	first := len(p.steps)
	steps := map[resource.ID]Step{}
	add := func(s Step) {
		steps[s.ID] = s
		p.steps = append(p.steps, s)
	}
	for _, r := range b.Resources {
		o := p.in.Observed[r.ID]
		switch r.ID.Kind {
		case resource.KindCredential:
			for _, s := range p.client(b, r, gone) {
				add(s)
			}
		case resource.KindEndpoint:
			add(p.endpoint(r, o, steps))
		case resource.KindClient, resource.KindKeyManager:
		}
	}
	endpoint, hasEndpoint := steps[resource.ID{Kind: resource.KindEndpoint, Binding: b.Binding}]
	for _, g := range p.goneWith(gone) {
		if _, planned := steps[g.ID]; planned {
			continue // one of the two applications of a client that stays
		}
		s := p.prune(g)
		if s.Action == Delete && hasEndpoint && endpoint.Action != Keep && (!b.Enabled() || resource.Consumer(g.ID.Name) == resource.ClientOwn) {
			s = after(s, endpoint)
		}
		if (s.Action == Delete || s.Action == Orphan) && g.ID.Kind == resource.KindCredential {
			s = after(after(s, steps[clientOf(g.ID)]), steps[spareOf(g.ID)])
		}
		add(s)
	}
	if endpoint.Restores {
		// Whatever else is to be done: an API that stands open is closed first.
		mine := p.steps[first:]
		at := slices.IndexFunc(mine, func(s Step) bool { return s.ID == endpoint.ID })
		copy(mine[1:at+1], mine[:at])
		mine[0] = endpoint
	}
	if reason, ok := p.in.Suspended[b.Binding]; ok {
		Suspend(p.steps[first:], reason)
	}
}

// after makes s wait for dep, or skips it where dep will not happen.
func after(s, dep Step) Step {
	switch {
	case dep.Action == Skip:
		s.Misses = s.Misses || s.Takes()
		s.Action, s.Class = Skip, fault.Waiting
		s.Reason = "waits for " + dep.ID.String() + ": " + dep.Reason
	case dep.Action.Effectful():
		s.DependsOn = append(s.DependsOn, dep.ID)
	}
	return s
}

// Suspend turns every effect among steps into a skip, in place: the closing of
// an API that somebody has opened is a change as well. It returns steps.
func Suspend(steps []Step, reason string) []Step {
	for i := range steps {
		if steps[i].Action.Effectful() {
			steps[i].Action, steps[i].Class, steps[i].Reason = Skip, fault.Waiting, "suspended: "+reason
			steps[i].Hint, steps[i].DependsOn = "", nil
		}
	}
	return steps
}

// compareDeletes orders deletes: by client, its applications before the
// credential, so that no application stands whose secret is lost.
func compareDeletes(a, b resource.ID) int {
	if resource.Consumer(a.Name) != resource.Consumer(b.Name) || a.Kind == b.Kind {
		return a.Compare(b)
	}
	return -a.Compare(b)
}

// clientOf is the client that a credential belongs to.
func clientOf(id resource.ID) resource.ID {
	id.Kind = resource.KindClient
	return id
}

// spareOf is the second application of the client that a credential belongs to.
func spareOf(id resource.ID) resource.ID {
	id.Kind, id.Name = resource.KindClient, resource.Spare(id.Name)
	return id
}
