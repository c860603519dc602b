// Package fault classifies what goes wrong in the world. The class of an
// error, not the place where it came up, decides whether it is retried, how
// loudly it is logged and what a person is told.
//
// What is wrong in the user's text is not a fault but a schema.Diagnostic.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Class says what kind of trouble an error is.
type Class string

// The classes.
const (
	// Transient: the same call may succeed later; retry with back-off.
	Transient Class = "transient"
	// Waiting: something that others provide is not ready; look again.
	Waiting Class = "waiting"
	// Stalled: a person has to act; retrying alone changes nothing.
	Stalled Class = "stalled"
	// Conflict: the resource belongs to someone else.
	Conflict Class = "conflict"
	// Unsafe: doing it needs explicit permission.
	Unsafe Class = "unsafe"
	// Unknown: an effect may or may not have happened; observe, never repeat
	// blindly.
	Unknown Class = "unknown outcome"
)

// Error is a run error.
type Error struct {
	Class Class
	// Op is what was tried, as "import application".
	Op string
	// Target is the system that it was tried at, as "thunder".
	Target string
	// Resource names what it was tried on; it may be empty.
	Resource string
	// Reason is a word for machines, in CamelCase, as PermissionDenied.
	Reason string
	// Hint tells a person what to do. It may be empty.
	Hint string
	// RetryAfter is how long the target asked to be left alone; zero means it
	// did not say.
	RetryAfter time.Duration
	// Unreachable reports that the target gave no usable answer at all.
	Unreachable bool
	// Err is the cause. It must hold no secret and no unredacted answer.
	Err error
}

// Error prints the operation, the resource and the cause on one line.
func (e *Error) Error() string {
	parts := make([]string, 0, 4)
	if e.Target != "" {
		parts = append(parts, e.Target)
	}
	op := e.Op
	if e.Resource != "" {
		op = strings.TrimSpace(op + " " + e.Resource)
	}
	if op != "" {
		parts = append(parts, op)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	} else {
		parts = append(parts, string(e.Class))
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns a run error of a class with a message.
func New(class Class, reason, format string, args ...any) *Error {
	return &Error{Class: class, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// ClassOf returns the class of err: that of the outermost *Error in it, or
// Transient for any other error, since the world may mend itself.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Transient
}

// HintOf returns the first hint in err's chain.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// IsUnreachable reports whether a target could not be reached.
func IsUnreachable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Unreachable
}
