package plan

import (
	"fmt"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// A rename is a deletion beside a creation: another agent or client has another
// client id, and what knows the old one stops working. It is shown as what it
// is, so that whoever reviews the plan notices.

// renamed says of deletes that they look like a part of a rename.
//
//	one agent is gone, one is new, in one project and environment, and both
//	are of one file                                        → an agent
//	one client is gone, one is new, in one binding         → a client
func (p *planner) renamed() {
	agents := map[resource.Binding]string{}
	for of, names := range p.turnover() {
		if len(names.gone) == 1 && len(names.made) == 1 {
			b := of.project
			b.Agent = names.gone[0]
			agents[b] = names.made[0]
		}
	}
	clients := map[resource.Binding]*turnover{}
	for _, s := range p.steps {
		if s.ID.Kind != resource.KindClient || s.Rotates || s.Retires {
			continue
		}
		t := clients[s.ID.Binding]
		if t == nil {
			t = &turnover{}
			clients[s.ID.Binding] = t
		}
		t.note(s.Action, resource.Consumer(s.ID.Name))
	}
	for i, s := range p.steps {
		if s.Action != Delete || s.Retires {
			continue
		}
		if to, ok := agents[s.ID.Binding]; ok {
			p.steps[i].tellRename("agent", s.ID.Binding.Agent, to)
			continue
		}
		t := clients[s.ID.Binding]
		if t != nil && len(t.gone) == 1 && len(t.made) == 1 && resource.Consumer(s.ID.Name) == t.gone[0] {
			p.steps[i].tellRename("client", t.gone[0], t.made[0])
		}
	}
}

// turnover is what is deleted and what is created somewhere.
type turnover struct{ gone, made []string }

func (t *turnover) note(a Action, name string) {
	switch a {
	case Delete:
		t.gone = append(t.gone, name)
	case Create:
		t.made = append(t.made, name)
	case Update, Replace, Adopt, Orphan, Keep, Skip:
	}
}

// place is where agents of one file are.
type place struct {
	project resource.Binding
	file    string
}

// turnover lists the agents whose own client is deleted or created. Where it is
// not known which file a spec was in, nothing is said of it.
func (p *planner) turnover() map[place]*turnover {
	files := map[resource.Binding]string{}
	for _, b := range p.in.Desired.Bindings {
		files[b.Binding] = b.Position.File
	}
	for _, g := range p.in.Gone {
		if !g.SpecPresent {
			files[g.ID.Binding] = g.File
		}
	}
	out := map[place]*turnover{}
	for _, s := range p.steps {
		b := s.ID.Binding
		if s.ID.Kind != resource.KindClient || s.ID.Name != resource.ClientOwn || files[b] == "" || desired.IsProbe(b) {
			continue
		}
		at := place{b, files[b]}
		at.project.Agent = ""
		if out[at] == nil {
			out[at] = &turnover{}
		}
		out[at].note(s.Action, b.Agent)
	}
	return out
}

// tellRename says so of a delete.
func (s *Step) tellRename(what, from, to string) {
	s.Reason = fmt.Sprintf("the %s %s looks renamed to %s", what, from, to)
	s.Hint = fmt.Sprintf("consumers that know %s by its old name stop working; to let both serve for a while, keep %s in the spec beside %s and remove it later", to, from, to)
}
