package desk

import (
	"context"
	"errors"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/schema"
)

// Change is a change of a binding's spec that a person asks for.
type Change struct {
	Binding Binding     `json:"binding"`
	Edits   []edit.Edit `json:"edits"`
	// Summary is the subject of the commit; empty means one is made.
	Summary string `json:"summary,omitempty"`
	// Base is the revision that the person saw; the change is refused if the
	// file changed since. Empty means the newest.
	Base string `json:"base,omitempty"`
}

// Draft is a change that was not committed: what it does to the file, and what
// would follow.
type Draft struct {
	Base string `json:"base"`
	File string `json:"file"`
	// Diff is unified.
	Diff string `json:"diff"`
	// Diagnostics are what the change makes wrong; with any of them that is an
	// error, it cannot be committed.
	Diagnostics schema.Diagnostics `json:"diagnostics"`
	// Pending is the plan that it leads to, for its agent alone; nil if there are
	// errors or a target could not be looked at, and then Unplanned says why.
	Pending   *Pending `json:"pending,omitempty"`
	Unplanned string   `json:"unplanned,omitempty"`
	// Guard is the reason why the daemon would hold it back, or empty. It can be
	// committed all the same, and is carried out when somebody confirms it.
	Guard string `json:"guard,omitempty"`
	// Opens: from then on the API answers without a token.
	Opens bool `json:"opens,omitempty"`
}

// Committed is a change that was committed.
type Committed struct {
	Revision string `json:"revision"`
	Branch   string `json:"branch"`
	// PullRequest is where to open one; empty if the branch is the one that is
	// followed.
	PullRequest string `json:"pullRequest,omitempty"`
}

// Draft says what a change would do, and changes nothing.
func (d *Desk) Draft(ctx context.Context, who access.Principal, c Change) (Draft, error) {
	p, err := d.propose(ctx, who, c, c.Base)
	if err != nil {
		return Draft{}, err
	}
	err = d.foresee(ctx, p)
	return p.draft, err
}

// Commit commits a change on top of the newest revision, if the file is what it
// was at the base, and it leaves every other binding as it is. It changes no
// target: that is for the daemon, which sees the commit.
func (d *Desk) Commit(ctx context.Context, who access.Principal, c Change) (Committed, error) {
	p, err := d.propose(ctx, who, c, "")
	if err != nil {
		return Committed{}, err
	}
	if p.draft.Diagnostics.HasErrors() {
		return Committed{}, wrong(p.draft)
	}
	// The base is what the person saw: a file that has changed since is refused.
	request := d.request(who, c, p)
	revision, err := d.Repo.Commit(ctx, request)
	if err != nil {
		return Committed{}, err
	}
	d.committed(ctx, who, c, revision.Hash)
	return d.answer(p, request.Branch, revision), nil
}

// wrong refuses a change that makes specs wrong.
func wrong(draft Draft) error {
	for _, diagnostic := range draft.Diagnostics {
		if diagnostic.Severity == schema.SeverityError {
			return &fault.Error{
				Class: fault.Stalled, Op: "commit change of", Resource: draft.File, Reason: "InvalidSpec", Hint: diagnostic.Hint,
				Err: errors.New(diagnostic.String()),
			}
		}
	}
	return nil
}
