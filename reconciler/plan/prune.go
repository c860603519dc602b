package plan

import (
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// prune plans an owned resource that no spec asks for.
//
//	resource   | spec of its binding | deletion policy | step
//	-----------+---------------------+-----------------+--------------------------
//	any        | any                 | any             | skip if it cannot be read
//	not there  | any                 | any             | keep: nothing to delete
//	not ours   | any                 | any             | skip, conflict
//	endpoint   | gone                | any             | keep: the API stays locked
//	key manager| any                 | any             | keep
//	client,    | still there         | any             | delete
//	credential | gone                | prune           | delete
//	           | gone                | protect, orphan | keep
//	           | gone                | not known       | skip, unsafe
//
// Nothing is deleted while Input.PruneBlocked says so.
func (p *planner) prune(g Gone) Step {
	o := p.in.Observed[g.ID]
	s := Step{ID: g.ID, Action: Keep, Version: o.Version}
	switch {
	case o.Err != nil:
		s.Action, s.Class = Skip, fault.ClassOf(o.Err)
		s.Reason, s.Hint = o.Err.Error(), fault.HintOf(o.Err)
		return s
	case !o.Found:
		s.Reason = "it is gone already"
		return s
	}
	before := o.State
	s.Before = &before
	switch {
	case g.ID.Kind == resource.KindEndpoint || g.ID.Kind == resource.KindKeyManager:
		s.After = &before
		s.Reason = "its spec is gone: the policy stays, so the API is locked"
		return s
	case o.Owner != resource.OwnerUs:
		s.Action, s.Class, s.Reason = Skip, fault.Conflict, "it belongs to "+ownerName(o)
		return s
	case g.SpecPresent:
		return p.delete(s, "the spec no longer asks for it")
	}
	switch g.Deletion {
	case schema.DeletionPrune:
		return p.delete(s, "its spec is gone")
	case schema.DeletionProtect, schema.DeletionOrphan:
		s.After = &before
		s.Reason = "its spec is gone, and its deletion policy is " + string(g.Deletion)
	default:
		s.Action, s.Class = Skip, fault.Unsafe
		s.Reason = "its spec is gone, and its deletion policy is not known"
		s.Hint = "bring the spec back and remove it again, or delete the resource by hand"
	}
	return s
}

// delete turns s into a delete, if pruning is allowed.
func (p *planner) delete(s Step, reason string) Step {
	s.Action, s.Reason = Delete, reason
	if p.in.PruneBlocked != "" {
		s.Action, s.Class, s.Reason = Skip, fault.Unsafe, "nothing is pruned now: "+p.in.PruneBlocked
		s.Hint = p.in.PruneHint
	}
	return s
}
