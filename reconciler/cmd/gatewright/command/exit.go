package command

import (
	"errors"
	"fmt"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

// The exit codes of gatewright.
const (
	ExitDone        = 0  // done, or converged
	ExitFailed      = 1  // something failed
	ExitDifferences = 2  // diff found differences
	ExitUnreachable = 3  // a target or the database could not be reached
	ExitUnsafe      = 4  // a safety guard stopped it
	ExitUsage       = 64 // wrong flags or arguments (EX_USAGE)
	ExitInvalid     = 78 // invalid spec or configuration (EX_CONFIG)
)

// exit is an error that knows its exit code. A silent one was already told to
// the user.
type exit struct {
	code   int
	silent bool
	err    error
}

// Error implements error.
func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *exit) Unwrap() error { return e.err }

// silently ends the program with a code and prints nothing more.
func silently(code int) error { return &exit{code: code, silent: true} }

// usage says that the command line is wrong.
func usage(format string, args ...any) error {
	return &exit{code: ExitUsage, err: fmt.Errorf(format, args...)}
}

// invalid is the error of specs or of a configuration with diagnostics that
// were already printed.
func invalid(ds schema.Diagnostics) error {
	if !ds.HasErrors() {
		return nil
	}
	return silently(ExitInvalid)
}

// code is the exit code that err amounts to.
func code(err error) int {
	var e *exit
	var f *fault.Error
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &f) && (f.Reason == source.Misconfigured || f.Reason == inventory.Misnamed):
		return ExitInvalid
	case fault.ClassOf(err) == fault.Unsafe:
		return ExitUnsafe
	case fault.IsUnreachable(err):
		return ExitUnreachable
	default:
		return ExitFailed
	}
}
