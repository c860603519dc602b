package plan

import (
	"time"

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
//	not ours   | gone                | orphan          | keep: it was given up
//	           | any                 | any other       | skip, conflict
//	endpoint   | gone                | any             | keep: the API stays locked
//	key manager| any                 | any             | keep
//	client,    | still there         | any             | delete
//	credential | gone                | prune           | delete
//	           | gone                | protect         | keep
//	           | gone                | orphan          | orphan; see there
//	           | gone                | not known       | skip, unsafe
//
// Nothing is deleted or given up while Input.PruneBlocked says so, or while there
// is doubt that the spec is gone.
func (p *planner) prune(g Gone) Step {
	o := p.in.Observed[g.ID]
	s := Step{ID: g.ID, Action: Keep, Version: o.Version}
	switch {
	case o.Err != nil:
		s.Action, s.Class = Skip, fault.ClassOf(o.Err)
		s.Reason, s.Hint = o.Err.Error(), fault.HintOf(o.Err)
		s.Misses = g.ID.Kind != resource.KindEndpoint && (g.SpecPresent || g.Deletion == schema.DeletionPrune)
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
	case o.Owner != resource.OwnerUs && !g.SpecPresent && g.Deletion == schema.DeletionOrphan:
		s.Before, s.Reason = nil, "it was given up"
		return s
	case o.Owner != resource.OwnerUs:
		s.Action, s.Class, s.Reason = Skip, fault.Conflict, "it belongs to "+ownerName(o)
		return s
	case g.SpecPresent:
		return p.delete(s, "the spec no longer asks for it")
	case g.Doubt != "" && g.Deletion != schema.DeletionProtect:
		s.Action, s.Class = Skip, fault.Unsafe
		s.Reason, s.Hint = "nothing is pruned of it: "+g.Doubt, g.DoubtHint
		return s
	}
	switch g.Deletion {
	case schema.DeletionPrune:
		return p.delete(s, "its spec is gone")
	case schema.DeletionOrphan:
		return p.orphan(s)
	case schema.DeletionProtect:
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

// orphan plans to give up a client or a credential whose spec is gone. What a
// rotation has replaced serves until the overlap has ended, as it was promised,
// and goes then; the mark of the credential, which tells when, stays until then.
//
//	resource               | overlap  | step
//	-----------------------+----------+--------------------------------
//	the client that serves | any      | orphan
//	the one before it      | goes on  | keep
//	                       | is over  | delete
//	credential             | goes on  | keep, if the one before it stands
//	                       | is over  | orphan
func (p *planner) orphan(s Step) Step {
	id := s.ID
	id.Kind, id.Name = resource.KindCredential, resource.Consumer(s.ID.Name)
	credential := p.in.Observed[id].State.Credential
	if credential != nil && credential.Application != "" {
		former := clientOf(id)
		if credential.Application == former.Name {
			former.Name = resource.Spare(former.Name)
		}
		stands := p.in.Observed[former]
		switch goesOn := p.in.Now.Before(credential.Until); {
		case goesOn && (s.ID == former || s.ID == id && stands.Found && stands.Owner == resource.OwnerUs):
			s.After = s.Before
			s.Reason = "its spec is gone: what the rotation has replaced serves until " + credential.Until.UTC().Format(time.RFC3339)
			return s
		case s.ID == former:
			s.Retires = true
			return p.delete(s, "its spec is gone, and a rotation has replaced it")
		}
	}
	s = p.delete(s, "its spec is gone: it stays, and is nobody's from now on")
	if s.Action == Delete {
		s.Action = Orphan
	}
	return s
}
