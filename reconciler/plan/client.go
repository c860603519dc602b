package plan

import (
	"fmt"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// credentialStep plans a credential, given what is known of its client.
//
// With D the digest of the secret that stands, M the digest that our mark
// names and T the digest that the application was given:
//
//	observation                      | step
//	---------------------------------+------------------------------------------
//	cannot be read                   | skip
//	nothing there                    | create with a fresh secret
//	marked by another gatewright     | skip, conflict
//	not marked by any                | skip, conflict; adopt where the spec asks,
//	                                 | and keep the secret if it is of the kind
//	                                 | that is wanted
//	marked, but holds no secret      | update with a fresh secret
//	D = T                            | keep the secret: both sides agree
//	D != T, D = M                    | keep the secret: we wrote it, and the
//	                                 | client follows (clientStep)
//	D != T, D != M                   | somebody overwrote it: restore the version
//	                                 | that the application holds, else a fresh one
//	any other field differs          | update, the secret stays
//
// Where the client cannot be read, T is unknown and the secret is left alone.
func credentialStep(r resource.Resource, o, client resource.Observed) Step {
	s, settled := begin(r, o)
	if settled {
		return s
	}
	if s.Action == Create {
		s.NewSecret = true
		return s
	}
	c := o.State.Credential
	switch {
	case s.Action == Adopt:
		s.NewSecret = c.SecretDigest == "" || c.AuthMethod != r.State.Credential.AuthMethod
	case c.SecretDigest == "":
		s.NewSecret = true
		s.Reason = "the credential holds no secret"
	case client.Err == nil && c.SecretDigest != c.MarkDigest && c.SecretDigest != digestOf(client):
		s.NewSecret = true
		s.Reason = "the secret was changed by someone else"
	}
	if s.NewSecret {
		if s.Action == Keep {
			s.Action = Update
		}
		s.Changes = append(s.Changes, Change{Field: "client_secret", Before: resource.Redacted, After: resource.Redacted})
	}
	return s
}

// digestOf is the digest of the secret that a client was given, if any.
func digestOf(client resource.Observed) string {
	if client.State.Client == nil {
		return ""
	}
	return client.State.Client.SecretDigest
}

// clientStep plans an application, given its credential and that one's step. A
// client follows its credential: it is never created before the secret is
// stored, and it is given the secret again whenever the two differ.
func clientStep(r resource.Resource, o, credential resource.Observed, stored Step) Step {
	s, settled := begin(r, o)
	if settled {
		return s
	}
	if stored.Action == Skip {
		if s.Action != Keep {
			s.Action, s.Class = Skip, fault.Waiting
			s.Reason = "waits for " + stored.ID.String() + ": " + stored.Reason
		}
		return s
	}
	if s.Action != Create {
		secret := stored.NewSecret || credential.State.Credential == nil ||
			credential.State.Credential.SecretDigest != o.State.Client.SecretDigest
		if secret {
			if s.Action == Keep {
				s.Action = Update
			}
			s.Changes = append(s.Changes, Change{Field: "client_secret", Before: resource.Redacted, After: resource.Redacted})
			if s.Reason == "" {
				s.Reason = "it holds another secret than its credential"
			}
		}
	}
	if s.Action.Effectful() && stored.Action.Effectful() {
		s.DependsOn = append(s.DependsOn, stored.ID)
	}
	return s
}

// begin plans what is the same for every kind. It reports settled if there is
// nothing more to decide.
func begin(r resource.Resource, o resource.Observed) (s Step, settled bool) {
	after := r.State
	s = Step{ID: r.ID, After: &after, Version: o.Version, Position: r.Position}
	switch {
	case o.Err != nil:
		s.Action, s.Class = Skip, fault.ClassOf(o.Err)
		s.Reason, s.Hint = o.Err.Error(), fault.HintOf(o.Err)
		return s, true
	case !o.Found:
		s.Action, s.Reason = Create, "it does not exist"
		return s, false
	}
	before := o.State
	s.Before = &before
	s.Changes = differences(before, after)
	if o.Owner == resource.OwnerOther && o.Adoptable && r.Adopt {
		s.Action, s.Reason = Adopt, "it belongs to "+ownerName(o)+", and the spec asks to adopt it"
		return s, false
	}
	if o.Owner == resource.OwnerOther {
		s.Action, s.Class = Skip, fault.Conflict
		s.Reason = "it belongs to " + ownerName(o)
		s.Hint = "remove it there, or rename the agent or the client"
		if o.Adoptable {
			s.Hint += fmt.Sprintf("; if it is to be managed from now on, write adopt: [%q] in the spec of the environment", r.ID.Kind)
		}
		return s, true
	}
	s.Action = Keep
	if len(s.Changes) > 0 {
		s.Action = Update
	}
	return s, false
}

func ownerName(o resource.Observed) string {
	if o.OwnerName == "" {
		return "someone else"
	}
	return o.OwnerName
}

// differences lists the fields that differ. Those of an endpoint that belong to
// its former scheme alone go with that.
func differences(before, after resource.State) []Change {
	had, have := map[string]string{}, map[string]bool{}
	for _, f := range before.Fields() {
		had[f.Name] = f.Value
	}
	var out []Change
	for _, f := range after.Fields() {
		have[f.Name] = true
		if was := had[f.Name]; was != f.Value {
			out = append(out, Change{Field: f.Name, Before: was, After: f.Value})
		}
	}
	for _, f := range before.Fields() {
		if !have[f.Name] && before.Endpoint == nil {
			out = append(out, Change{Field: f.Name, Before: f.Value})
		}
	}
	return out
}
