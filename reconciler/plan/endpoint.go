package plan

import (
	"fmt"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// endpoint plans how the gateway authenticates callers.
//
//	observation                          | step
//	-------------------------------------+---------------------------------------
//	cannot be read, or no such agent     | skip
//	owned by another manager             | skip, conflict; adopt where the spec asks
//	                                     | and the rest of the table allows it
//	rollout stalled (wrong trait, ...)   | skip, stalled
//	as desired                           | keep; with the rollout's class if it
//	                                     | has not reached the gateway
//	differs, desired oauth2, and         | skip, stalled: the gateway would take
//	a key manager is missing             | the policy and refuse every request
//	differs, desired oauth2, and it was  | update, before all else: somebody has
//	proved as it is desired              | changed what protects the API
//	differs, desired oauth2, and a key   | skip, waiting: until then the gateway
//	manager is not rolled out            | refuses every request
//	differs, desired oauth2, and our own | skip, waiting: never lock an API whose
//	client cannot be provided            | key does not exist
//	differs                              | update
//
// An observed endpoint that is not attached and a desired scheme "none" are the
// same thing: an API that anyone may call.
func (p *planner) endpoint(r resource.Resource, o resource.Observed, steps map[resource.ID]Step) Step {
	s, settled := begin(r, o)
	if settled {
		return s
	}
	if !o.Found {
		s.Action, s.Class = Skip, fault.Waiting
		s.Reason = "the agent is not deployed in this environment"
		s.Hint = "deploy it; gatewright looks again by itself"
		tell(&s, o)
		return s
	}
	if s.Action == Keep {
		if !o.Rollout.Done() {
			s.Class, s.Reason, s.Hint = fault.Class(o.Rollout.Class), o.Rollout.Message, o.Rollout.Hint
		}
		return s
	}
	if fault.Class(o.Rollout.Class) == fault.Stalled {
		s.Action, s.Class, s.Reason, s.Hint = Skip, fault.Stalled, o.Rollout.Message, o.Rollout.Hint
		return s
	}
	was, is := o.State.Endpoint, r.State.Endpoint
	s.Opens = is.Scheme == schema.SchemeNone && was.Scheme != schema.SchemeNone
	s.Disables = was.Scheme == schema.SchemeOAuth2 && is.Scheme != schema.SchemeOAuth2
	if is.Scheme == schema.SchemeOAuth2 {
		return p.lock(s, is.Issuers, steps)
	}
	return s
}

// lock lets s through only if the issuers are known to the gateway and the
// binding's own client and credential stand or will stand before it.
func (p *planner) lock(s Step, issuers []string, steps map[resource.ID]Step) Step {
	for _, name := range issuers {
		id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: s.ID.Binding.Environment}, Name: name}
		trust, ok := p.trust[id]
		if !ok {
			trust = Step{ID: id, Action: Skip, Class: fault.Stalled, Reason: fmt.Sprintf("key manager %q was not observed", name)}
		}
		if trust.Action == Skip {
			s.Action, s.Class, s.Reason, s.Hint = Skip, trust.Class, trust.Reason, trust.Hint
			return s
		}
		if reason := p.untold(trust); reason != "" && !p.in.Proved[s.ID.Binding] {
			s.Action, s.Class, s.DependsOn = Skip, fault.Waiting, nil
			s.Reason, s.Hint = "waits for "+id.String()+": "+reason, trust.Hint
			return s
		}
		if trust.Action.Effectful() {
			s.DependsOn = append(s.DependsOn, id)
		}
	}
	if p.in.Proved[s.ID.Binding] {
		s.Restores = true
		return s
	}
	own := resource.ID{Kind: resource.KindCredential, Binding: s.ID.Binding, Name: resource.ClientOwn}
	for _, id := range []resource.ID{own, applications(own, p.in.Observed[own]).serving} {
		dep := steps[id]
		if dep.Rotates {
			continue // what it replaces serves as well
		}
		if dep.Action == Skip {
			s.Action, s.Class = Skip, fault.Waiting
			s.Reason, s.Hint = "waits for "+dep.ID.String()+": "+dep.Reason, dep.Hint
			s.DependsOn = nil
			return s
		}
		if dep.Action.Effectful() {
			s.DependsOn = append(s.DependsOn, dep.ID)
		}
	}
	return s
}

// untold says why a gateway does not yet know a key manager that its
// configuration names, or that this plan writes there; it is empty if it does or
// if nobody would say.
func (p *planner) untold(trust Step) string {
	switch {
	case trust.Action == Keep && trust.Class != "":
		return trust.Reason
	case trust.Action.Effectful() && p.in.Observed[trust.ID].Awaited:
		return "the gateway has to be deployed with it first"
	default:
		return ""
	}
}

// keyManagerStep plans an issuer that the gateway must know. An observation
// whose owner is us says that we may write it; any other can only be verified.
func keyManagerStep(r resource.Resource, o resource.Observed) Step {
	s, settled := begin(r, o)
	if settled && o.Err != nil {
		return s
	}
	want := r.State.KeyManager
	if km := o.State.KeyManager; o.Found && km != nil && (km.Issuer == want.Issuer || km.Issuer == "") {
		// A key manager without an issuer takes any token that its keys have
		// signed. Where the gateway fetches the keys from is its own affair: it
		// may reach the provider by another address than we do. The proof of
		// the endpoint tells whether they are the right ones.
		s.Action, s.Changes = Keep, nil
		s.Class, s.Reason, s.Hint = fault.Class(o.Rollout.Class), o.Rollout.Message, o.Rollout.Hint
		return s
	}
	if o.Owner == resource.OwnerUs {
		return s
	}
	s.Action, s.Class = Skip, fault.Stalled
	s.Reason = fmt.Sprintf("the gateway knows no key manager %q", want.Name)
	if o.Found && o.State.KeyManager != nil {
		s.Reason = fmt.Sprintf("the gateway's key manager %q trusts issuer %q and not %q", want.Name, o.State.KeyManager.Issuer, want.Issuer)
	}
	s.Hint = "add it to the gateway's configuration and restart the gateway, or let gatewright manage key managers"
	tell(&s, o)
	return s
}

// tell lets the target say in its own words what it did not find, and what
// there is instead.
func tell(s *Step, o resource.Observed) {
	if !o.Found && o.Rollout.Message != "" {
		s.Reason, s.Hint = o.Rollout.Message, o.Rollout.Hint
	}
}
