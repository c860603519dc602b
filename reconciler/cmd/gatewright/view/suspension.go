package view

import (
	"fmt"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Scope names what a selector selects.
func Scope(s resource.Selector) string {
	switch s {
	case resource.Selector{}:
		return "everything"
	case resource.Selector{Environment: s.Environment}:
		return "environment " + s.Environment
	default:
		return s.String()
	}
}

// Suspended says what is suspended, until when, by whom and why.
func Suspended(s inventory.Suspension) string {
	return fmt.Sprintf("%s until %s by %s: %s", Scope(s.Scope), s.Until.UTC().Format(time.RFC3339), s.Author, s.Reason)
}

// Count prints a number of things.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
