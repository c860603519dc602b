package page

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/fault"
)

// failure is what went wrong, as people read it.
type failure struct {
	Title   string
	Message string
	Hint    string
	status  int
	after   time.Duration
}

// failed says what err means:
//
//	error                | status | title
//	---------------------+--------+-----------------------------
//	desk.ErrUnknown      | 404    | not found
//	desk.ErrForbidden    | 403    | not allowed
//	desk.InvalidError    | 422    | what was typed cannot be
//	conflict, unsafe     | 409    | somebody was first, or it is not safe
//	transient            | 503    | try again; 429 where there is a limit
//	waiting, stalled     | 422    | it cannot be done now
//	anything else        | 500    | it failed
func failed(err error) *failure {
	f := &failure{Title: "It did not work", Message: err.Error(), Hint: fault.HintOf(err), status: http.StatusInternalServerError}
	switch {
	case errors.Is(err, desk.ErrUnknown):
		f.Title, f.Message, f.status = "Not found", "There is no such agent, or you may not see it.", http.StatusNotFound
		return f
	case errors.Is(err, desk.ErrForbidden):
		f.Title, f.status = "Not allowed", http.StatusForbidden
		f.Message = "Your role does not allow this."
		return f
	}
	if _, ok := errors.AsType[*desk.InvalidError](err); ok {
		f.Title, f.status = "That cannot be", http.StatusUnprocessableEntity
		return f
	}
	var at *fault.Error
	if !errors.As(err, &at) {
		return f
	}
	switch at.Class {
	case fault.Conflict:
		f.Title, f.status = "Somebody was first", http.StatusConflict
	case fault.Unsafe:
		f.Title, f.status = "Held back", http.StatusConflict
	case fault.Transient, fault.Unknown:
		f.Title, f.status, f.after = "Not now", http.StatusServiceUnavailable, at.RetryAfter
		if at.Reason == "RateLimited" {
			f.Title, f.status = "Too many requests", http.StatusTooManyRequests
		}
	case fault.Waiting, fault.Stalled:
		f.Title, f.status = "It cannot be done as things are", http.StatusUnprocessableEntity
	}
	return f
}

// fail shows what went wrong in place of a page.
func (p *pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := failed(err)
	if f.status == http.StatusInternalServerError {
		p.Log.ErrorContext(r.Context(), "a page failed", "path", r.URL.Path, "error", err)
	}
	f.header(w)
	p.show(w, r, f.status, "failure", frame{Failure: f})
}

// header says when to try again.
func (f *failure) header(w http.ResponseWriter) {
	if f.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(f.after.Seconds()))))
	}
}

// missing answers for every address that is none.
func (p *pages) missing(w http.ResponseWriter, r *http.Request) {
	f := &failure{Title: "Not found", Message: "There is no such page.", status: http.StatusNotFound}
	p.show(w, r, f.status, "failure", frame{Failure: f})
}
