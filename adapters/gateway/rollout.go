package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Conditions that are looked at. Ready of a ReleaseBinding is not among them:
// it takes any RestApi for healthy (OpenChoreo 1.2).
const (
	conditionSynced      = "ReleaseSynced"
	conditionResources   = "ResourcesReady"
	conditionConnections = "ConnectionsResolved"
	conditionDeps        = "ResourceDependenciesReady"
	conditionProgrammed  = "Programmed"
	conditionAccepted    = "Accepted"
	conditionReady       = "Ready"
	statusTrue           = "True"
	statusFalse          = "False"
)

// rollout says how far the policies that stand in the ReleaseBinding have come.
// The first line that fits counts:
//
//	found                                          | class   | reason
//	-----------------------------------------------+---------+------------------
//	trait not attached, and it cannot be           | stalled | as readAttaching
//	trait not attached, none needed                | done    |
//	trait not attached, or not for long            | waiting | NotAttached
//	environment undeployed                         | waiting | Undeployed
//	no release bound, or one that is missing       | waiting | NoRelease
//	release without the instance                   | waiting*| ReleasePinned ...
//	release with a trait of another contract       | stalled | TraitContract
//	rendering failed, something of it missing      | stalled*| the condition's
//	not seen by the controller, not synced         | waiting | Rendering
//	refused by the data plane                      | stalled*| ResourceApplyFailed
//	no RestApi, or one with other policies         | waiting | Rendering
//	refused by the gateway                         | stalled*| the condition's
//	not yet taken in by the gateway                | waiting | Programming
//	otherwise                                      | done    |
//
// Where the policies differ from those desired, the starred are waiting: the
// next write may be what mends them. A pinned release is stalled where nobody
// cuts one by itself and nothing else is left to do.
func (t *Target) rollout(r resource.Resource, f *facts, differs bool) resource.Rollout {
	instance := t.cfg.instance(r.ID.Binding)
	attached := f.attached(instance, t.cfg.TraitName) != nil
	if !attached && f.attaching != nil {
		return rolloutOf(f.attaching)
	}
	if !attached && !wantsAttached(r.State.Endpoint) {
		return resource.Rollout{}
	}
	steps := []func() *fault.Error{
		func() *fault.Error { return t.notReleased(r.ID.Binding, f, attached, differs) },
		func() *fault.Error { return notRendered(f.binding) },
		func() *fault.Error { return notRouted(f, f.effective(instance)) },
	}
	for _, step := range steps {
		e := step()
		if e == nil {
			continue
		}
		if differs && e.Class == fault.Stalled && e.Reason != reasonContract {
			e.Class = fault.Waiting
		}
		return rolloutOf(e)
	}
	return resource.Rollout{}
}

func rolloutOf(e *fault.Error) resource.Rollout {
	return resource.Rollout{Class: string(e.Class), Reason: e.Reason, Message: e.Err.Error(), Hint: e.Hint}
}

// waiting is a fault that others mend.
func waiting(reason, hint, format string, args ...any) *fault.Error {
	f := fault.New(fault.Waiting, reason, format, args...)
	f.Hint = hint
	return f
}

// notReleased says why the bound release does not carry the policies.
func (t *Target) notReleased(b resource.Binding, f *facts, attached, differs bool) *fault.Error {
	rb, name := f.binding, f.binding.Spec.ReleaseName
	switch {
	case rb.Metadata.Deleted != nil || rb.Spec.State == stateUndeploy:
		return waiting("Undeployed", "deploy it again; the policies stand ready", "the agent is undeployed from environment %s", b.Environment)
	case name == "":
		return waiting("NoRelease", "release the agent and bind the release", "no release is bound in environment %s", b.Environment)
	case f.release == nil:
		return waiting("NoRelease", "bind a release that exists", "release %s, which environment %s is bound to, does not exist", name, b.Environment)
	case !f.release.holds:
		return t.pinned(b, f, attached, differs)
	case !attached:
		return waiting("NotAttached", "", "component %s has lost the trait, which release %s still has", b.Agent, name)
	default:
		return unusable(f.release.contract, f.release.trait)
	}
}

// pinned says which release an environment is pinned to, and who can change it.
func (t *Target) pinned(b resource.Binding, f *facts, attached, differs bool) *fault.Error {
	name, latest := f.binding.Spec.ReleaseName, f.component.Status.LatestRelease.Name
	why := fmt.Sprintf("release %s, which environment %s is bound to, does not have trait instance %s", name, b.Environment, t.cfg.instance(b))
	ready, _ := f.component.Status.Conditions.get(conditionReady)
	switch {
	case !attached:
		return waiting("NotAttached", "", "%s", why)
	case ready.Status == statusFalse && (ready.Reason == "TraitNotFound" || ready.Reason == "InvalidConfiguration"):
		return stalled(ready.Reason, "correct the component; until then it cannot be released", "%s, and the component cannot be released: %s", why, oneLine(ready.Message))
	case latest != "" && latest != name && f.component.Status.ObservedGeneration == f.component.Metadata.Generation:
		return waiting("ReleasePinned", fmt.Sprintf("promote the agent to %s: its latest release is %s", b.Environment, latest), "%s", why)
	case !f.component.Spec.AutoDeploy:
		e := stalled("NoNewRelease", fmt.Sprintf("cut a release of component %s (autoDeploy is off: in its console, or POST …/components/%s/generate-release) and bind it to %s",
			b.Agent, b.Agent, b.Environment), "%s, and no newer release is cut by itself", why)
		if differs {
			e.Class = fault.Waiting
		}
		return e
	default:
		return waiting("Releasing", "if it takes longer than a minute, see the component's conditions", "%s; a new one is on its way", why)
	}
}

// notRendered says why the controller has not rendered what stands in rb.
func notRendered(rb *releaseBinding) *fault.Error {
	generation := rb.Metadata.Generation
	current := func(c condition) bool { return c.ObservedGeneration == 0 || c.ObservedGeneration >= generation }
	if rb.Status.ObservedGeneration < generation {
		return waiting("Rendering", "", "the controller has not seen the change yet")
	}
	synced, ok := rb.Status.Conditions.get(conditionSynced)
	if ok && synced.Status == statusFalse && current(synced) {
		hint := "see the ReleaseBinding's conditions"
		if synced.Reason == "RenderingFailed" {
			hint = "correct what the message names; until then the gateway keeps the former policies"
		}
		if synced.Reason == "ReleaseUpdateFailed" {
			return waiting(synced.Reason, hint, "the agent was not rendered: %s", oneLine(synced.Message))
		}
		return stalled(synced.Reason, hint, "the agent was not rendered: %s", oneLine(synced.Message))
	}
	for _, kind := range []string{conditionConnections, conditionDeps} {
		if c, ok := rb.Status.Conditions.get(kind); ok && c.Status == statusFalse && current(c) {
			return waiting(c.Reason, "deploy what the agent depends on", "the agent waits for what it depends on: %s", oneLine(c.Message))
		}
	}
	if !ok || synced.Status != statusTrue {
		return waiting("Rendering", "", "the agent is not rendered yet")
	}
	if c, ok := rb.Status.Conditions.get(conditionResources); ok && c.Reason == "ResourceApplyFailed" && current(c) {
		return stalled(c.Reason, "correct what the message names; until then the gateway keeps the former policies", "the data plane refused the agent: %s", oneLine(c.Message))
	}
	return nil
}

// notRouted says why the gateway does not enforce a policy list yet.
func notRouted(f *facts, policies json.RawMessage) *fault.Error {
	r := f.route
	switch {
	case r == nil:
		return waiting("Rendering", "if it stays so, see whether the release's trait renders a RestApi", "the gateway has no route for the agent yet")
	case !equalPolicies(r.policies, policies):
		return waiting("Rendering", "", "the policies of RestApi %s are not yet those of the ReleaseBinding", r.name)
	}
	current := func(c condition) bool { return r.generation == 0 || c.ObservedGeneration >= r.generation }
	for _, kind := range []string{conditionAccepted, conditionProgrammed} {
		c, ok := r.conditions.get(kind)
		if !ok || c.Status != statusFalse || !current(c) {
			continue
		}
		switch c.Reason {
		case "Invalid", "InvalidConfiguration", "DeploymentFailed":
			return stalled(c.Reason, "see the RestApi's status and the gateway's log", "the gateway refused RestApi %s: %s", r.name, oneLine(c.Message))
		}
	}
	c, ok := r.conditions.get(conditionProgrammed)
	if !ok || c.Status != statusTrue || !current(c) {
		return waiting("Programming", "if it stays so, see whether the gateway is up", "the gateway has not taken RestApi %s in yet", r.name)
	}
	if at := f.binding.Status.LastSpecUpdateTime; !r.observed.IsZero() && at != nil && r.observed.Before(*at) {
		return waiting("Programming", "", "the last report about RestApi %s is older than the change", r.name)
	}
	return nil
}

// equalPolicies compares two lists as JSON. API servers write maps in order, so
// equal lists mostly are equal bytes.
func equalPolicies(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y []any
	if len(a) > 0 && json.Unmarshal(a, &x) != nil || len(b) > 0 && json.Unmarshal(b, &y) != nil {
		return false
	}
	if len(x) == 0 && len(y) == 0 {
		return true
	}
	return reflect.DeepEqual(x, y)
}
