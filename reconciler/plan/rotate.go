package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// A client is rotated with two applications in turn, since an identity provider
// that keeps one secret an application drops the old one at once. The other one
// is made with a fresh secret and proved by a token; then the credential names
// it; the one before serves for the overlap and is deleted. Which of the two
// serves is read off the credential, so that nothing need be remembered.

// Rotation is a request to rotate one credential now.
type Rotation struct {
	// Overlap is how long the application before goes on serving; nil leaves that
	// to the spec.
	Overlap *schema.Seconds
	// At is when it was asked for: a secret that is younger satisfies it.
	At time.Time
	// Cut ends an overlap that runs, so that the application before gives its
	// place to the new one at once.
	Cut bool
	// Reason is what the person who asked gave.
	Reason string
}

// usualOverlap is how long an application serves on after another has taken
// over, where nobody says: a working day and a night.
const usualOverlap schema.Seconds = 24 * 3600

// Done reports that a credential was rotated since it was asked for.
func (r Rotation) Done(c *resource.Credential) bool {
	return c != nil && !c.Since.Before(r.At)
}

// pair is a client's two applications.
type pair struct {
	// serving is the one that the credential holds the secret of.
	serving, spare resource.ID
}

// applications tells which of a client's applications serves, by an observation
// of its credential.
func applications(credential resource.ID, o resource.Observed) pair {
	first, other := clientOf(credential), spareOf(credential)
	if o.Err == nil && o.Found && o.Owner == resource.OwnerUs && o.State.Credential != nil && o.State.Credential.Application == other.Name {
		return pair{other, first}
	}
	return pair{first, other}
}

// client plans a client: its credential, the application that serves, and the
// other one.
//
//	credential, serving | spare             | steps
//	--------------------+-------------------+-------------------------------------
//	something to do     | any               | that first; the spare as below. What
//	                    |                   | is due, or turns out to be once a
//	                    |                   | former secret is recovered, is
//	                    |                   | postponed to the next plan
//	as desired          | in its overlap    | keep
//	as desired, and due | ours, or not there| spare with a fresh secret, credential
//	                    | cannot be read,   | skip: the rotation waits
//	                    | not ours          |
//	as desired, not due | replaced, overlap | delete
//	                    | has ended         |
//	                    | never named by    | keep: somebody may have its secret from
//	                    | the credential    | a store that was restored since
func (p *planner) client(b desired.Binding, credential resource.Resource, gone []Gone) []Step {
	o := p.in.Observed[credential.ID]
	two := applications(credential.ID, o)
	client := p.resource(b, clientOf(credential.ID))
	// What stands keeps its way to authenticate until another has taken over.
	method := standing(credential.State.Credential.AuthMethod, o)
	stored := credentialStep(naming(credential, two.serving, method), o, p.in.Observed[two.serving])
	serving := clientStep(as(client, two.serving, method), p.in.Observed[two.serving], o, stored)
	if stored.Action != Skip && serving.Action != Skip {
		t, due := p.due(b, credential, o.State.Credential)
		if due && stored.Action == Keep && serving.Action == Keep {
			return p.rotate(credential, client, two, t, serving)
		}
		stored.Postpones = due || stored.NewSecret && digestOf(p.in.Observed[two.serving]) != "" && p.rotates(b, credential.ID)
	}
	steps := []Step{stored, serving}
	if s, stands := p.retire(two.spare, o, gone); stands {
		steps = append(steps, s)
	}
	return steps
}

// resource finds what is desired under an id.
func (*planner) resource(b desired.Binding, id resource.ID) resource.Resource {
	i := slices.IndexFunc(b.Resources, func(r resource.Resource) bool { return r.ID == id })
	if i < 0 {
		return resource.Resource{ID: id, State: resource.State{Client: &resource.Client{}}}
	}
	return b.Resources[i]
}

// standing is how a client authenticates now, or shall if it does not stand.
func standing(wanted schema.AuthMethod, o resource.Observed) schema.AuthMethod {
	if c := o.State.Credential; o.Err == nil && o.Owner == resource.OwnerUs && c != nil && c.SecretDigest != "" {
		return c.AuthMethod
	}
	return wanted
}

// as is what is desired of a client, of one of its applications that
// authenticates by a method.
func as(client resource.Resource, application resource.ID, method schema.AuthMethod) resource.Resource {
	c := *client.State.Client
	c.AuthMethod = method
	c.ClientID = application.Binding.ClientID(application.Name)
	c.ApplicationID = resource.ApplicationID(c.ClientID)
	client.ID, client.State.Client = application, &c
	return client
}

// naming is what is desired of a credential that names an application.
func naming(credential resource.Resource, application resource.ID, method schema.AuthMethod) resource.Resource {
	c := *credential.State.Credential
	c.AuthMethod = method
	c.ClientID = application.Binding.ClientID(application.Name)
	credential.State.Credential = &c
	return credential
}

// turn is a rotation that is due.
type turn struct {
	overlap schema.Seconds
	reason  string
}

// rotates reports that the age of a credential's secret matters: there is a
// schedule for it, or a request to rotate it.
func (p *planner) rotates(b desired.Binding, credential resource.ID) bool {
	_, scheduled := b.Rotations[credential.Name]
	_, asked := p.in.Rotate[credential]
	return scheduled || asked
}

// due reports that a credential is to be rotated now. What does not stand is not.
func (p *planner) due(b desired.Binding, credential resource.Resource, c *resource.Credential) (turn, bool) {
	if c == nil {
		return turn{}, false
	}
	every, scheduled := b.Rotations[credential.ID.Name]
	t := turn{overlap: usualOverlap}
	if scheduled {
		t.overlap = every.Overlap
	}
	if asked, ok := p.in.Rotate[credential.ID]; ok && !asked.Done(c) {
		t.reason = "it was asked for: " + asked.Reason
		if asked.Overlap != nil {
			t.overlap = *asked.Overlap
		}
		return t, asked.Cut || !p.in.Now.Before(c.Until)
	}
	if wanted := credential.State.Credential.AuthMethod; wanted != c.AuthMethod {
		t.reason = fmt.Sprintf("it is to authenticate by %s and not by %s", wanted, c.AuthMethod)
		return t, !p.in.Now.Before(c.Until)
	}
	if !scheduled || c.Since.IsZero() || p.in.Now.Before(c.Since.Add(every.Every.Duration())) || p.in.Now.Before(c.Until) {
		return turn{}, false
	}
	t.reason = fmt.Sprintf("its secret is of %s and is replaced every %s", c.Since.UTC().Format(time.RFC3339), every.Every)
	return t, true
}

// rotate plans a rotation.
func (p *planner) rotate(credential, client resource.Resource, two pair, t turn, serving Step) []Step {
	method := credential.State.Credential.AuthMethod
	next := as(client, two.spare, method)
	next.Adopt = false // what stands there was never a client of ours
	made, settled := begin(next, p.in.Observed[two.spare])
	made.Rotates = true
	stored, _ := begin(naming(credential, two.spare, method), p.in.Observed[credential.ID])
	if settled {
		stored.Action, stored.Class, stored.Changes = Skip, fault.Waiting, nil
		stored.Reason = "the rotation waits for " + made.ID.String() + ": " + made.Reason
		stored.Hint, stored.Rotates = made.Hint, true
		return []Step{made, stored, serving}
	}
	if made.Action != Create {
		made.Action = Update
	}
	made.NewSecret, made.Reason = true, t.reason
	fresh := Change{Field: "client_secret", Before: resource.Redacted, After: resource.Redacted}
	if made.Action == Update {
		made.Changes = append(made.Changes, fresh)
	}
	stored.Action, stored.NewSecret, stored.Rotates = Update, true, true
	stored.Overlap, stored.Reason = t.overlap, t.reason
	stored.Changes = append(stored.Changes, fresh)
	stored.DependsOn = []resource.ID{made.ID}
	return []Step{made, stored, serving}
}

// Turns reports that p changes nothing but what a rotation does: it rotates, or
// takes away what a rotation has replaced.
func (p Plan) Turns() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Action.Effectful() && !s.Rotates && !s.Retires })
}

// Rotations lists the credentials that p rotates, or would if nothing were in
// the way.
func (p Plan) Rotations() []resource.ID {
	var out []resource.ID
	for _, s := range p.Steps {
		if s.Rotates && s.ID.Kind == resource.KindCredential {
			out = append(out, s.ID)
		}
	}
	return out
}

// Unfinished lists the bindings that p leaves a rotation of once it is carried
// out: one that it postpones, or the end of one without an overlap.
func (p Plan) Unfinished() []resource.Binding {
	var out []resource.Binding
	for _, s := range p.Steps {
		cut := s.Rotates && s.Action.Effectful() && s.Overlap == 0 && s.ID.Kind == resource.KindCredential
		if (s.Postpones || cut) && (len(out) == 0 || out[len(out)-1] != s.ID.Binding) {
			out = append(out, s.ID.Binding)
		}
	}
	return out
}

// retire plans the application that does not serve. It reports false if there is
// none.
func (p *planner) retire(id resource.ID, credential resource.Observed, gone []Gone) (Step, bool) {
	o, looked := p.in.Observed[id]
	owned := slices.ContainsFunc(gone, func(g Gone) bool { return g.ID == id })
	s := Step{ID: id, Action: Keep, Version: o.Version}
	switch {
	case !looked:
		return s, false
	case o.Err != nil:
		s.Action, s.Class = Skip, fault.ClassOf(o.Err)
		s.Reason, s.Hint = o.Err.Error(), fault.HintOf(o.Err)
		return s, owned
	case !o.Found:
		s.Reason = "it is gone already"
		return s, owned
	case o.Owner != resource.OwnerUs:
		return s, false
	}
	before := o.State
	s.Before = &before
	until := time.Time{}
	if c := credential.State.Credential; credential.Err == nil && c != nil {
		until = c.Until
	}
	switch {
	case until.IsZero():
		s.After = &before
		s.Reason = "the credential does not name it; the next rotation uses it"
	case p.in.Now.Before(until):
		s.After = &before
		s.Reason = "another has taken over; it serves until " + until.UTC().Format(time.RFC3339)
	default:
		s.Action, s.Retires = Delete, true
		s.Reason = "another has taken over, and its overlap ended at " + until.UTC().Format(time.RFC3339)
	}
	return s, true
}

// goneWith returns gone in the order of deletes, with the second application of
// each client that has one by its credential.
func (p *planner) goneWith(gone []Gone) []Gone {
	out := slices.Clone(gone)
	for _, g := range gone {
		for _, r := range spares(g.ID, p.in.Observed[g.ID]) {
			if !slices.ContainsFunc(out, func(h Gone) bool { return h.ID == r.ID }) {
				h := g
				h.ID = r.ID
				out = append(out, h)
			}
		}
	}
	slices.SortFunc(out, func(x, y Gone) int { return compareDeletes(x.ID, y.ID) })
	return out
}

// spares is the second application of a client whose credential names it or has
// named it.
func spares(id resource.ID, o resource.Observed) []resource.Resource {
	c := o.State.Credential
	if id.Kind != resource.KindCredential || o.Err != nil || !o.Found || c == nil || c.Until.IsZero() && c.Application != resource.Spare(id.Name) {
		return nil
	}
	return []resource.Resource{{ID: spareOf(id)}}
}

// Unseen lists what a plan for in has to know beside what was observed: the
// applications that serve or will serve in place of those that are asked for.
// Where lost is set, nothing is known of what is owned, and the applications
// that have served before are looked for, too.
func Unseen(in Input, lost bool) []resource.Resource {
	p := planner{in: in}
	var out []resource.Resource
	look := func(id resource.ID) {
		if _, seen := in.Observed[id]; !seen {
			out = append(out, resource.Resource{ID: id})
		}
	}
	for _, b := range in.Desired.Bindings {
		for _, r := range b.Resources {
			o := in.Observed[r.ID]
			if r.ID.Kind != resource.KindCredential || o.Err != nil || o.State.Credential == nil {
				continue
			}
			two := applications(r.ID, o)
			look(two.serving)
			if _, due := p.due(b, r, o.State.Credential); due || lost && !o.State.Credential.Until.IsZero() {
				look(two.spare)
			}
		}
	}
	for _, g := range in.Gone {
		for _, r := range spares(g.ID, in.Observed[g.ID]) {
			look(r.ID)
		}
	}
	return out
}
