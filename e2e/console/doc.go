// Package console tries the console as a person would: in a real browser,
// against the stack of the playground and a daemon of its own. It holds nothing
// but tests; `go tool task console-test` runs them. Screenshots are left in the
// directory that CONSOLE_OUTPUT names.
package console
