// Package desk is what people see and do at a console: how bindings stand, what
// a change of a spec leads to, a token to try an API with, a credential.
//
// Every method asks who wants it (access.Principal) and refuses what their role
// does not allow, so that no page and no call can forget to. What changes
// something, or shows a secret, is an event of the inventory with their name.
// The desk changes specs in git alone, never what stands at a target: a daemon
// does that.
package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

// Desk is open while its parts are. Its methods may be called concurrently.
type Desk struct {
	Engine *loop.Engine
	Store  *inventory.Store
	Repo   Repository
	// Client calls APIs for Try; it follows no redirect.
	Client *http.Client
	// Commits says how changes of specs are committed.
	Commits Commits
	Log     *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	limits limits
	watch  watch
	seen   seen
	// patience is how long an API may take; zero means MaxTime.
	patience time.Duration
}

// Repository is the repository of the specs, with its write side.
type Repository interface {
	Snapshot(ctx context.Context) (source.Snapshot, error)
	At(ctx context.Context, revision string) (source.Snapshot, error)
	Commit(ctx context.Context, c source.Commit) (source.Revision, error)
}

// Commits says how a change of a spec is committed.
type Commits struct {
	// Propose commits to a new branch that people make a pull request of, not to
	// the branch that is followed.
	Propose bool
	// Prefix begins the names of new branches.
	Prefix string
	// PullRequest is the address of the form for one, with {branch} and {base}
	// in it; empty if there is none.
	PullRequest string
}

// The errors of the desk, beside those of class fault.Error.
var (
	// ErrForbidden: they may see it, and not do it.
	ErrForbidden = errors.New("your role does not allow this")
	// ErrUnknown: there is no such thing, or they may not know of it.
	ErrUnknown = errors.New("there is no such thing")
)

// InvalidError says what of a request cannot be as it is.
type InvalidError struct {
	// Field is the part of it, as "path" or "header.Host".
	Field   string
	Message string
}

// Error implements error.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Message }

// invalid is an InvalidError.
func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Actions of events by people at the desk.
const (
	ActionReveal = "reveal-secret"
	ActionToken  = "test-token"
	ActionTry    = "try"
	ActionProve  = "prove"
	ActionCommit = "commit"
)

// Person is who did something, for pages.
type Person = string

// Binding is a short name.
type Binding = resource.Binding
