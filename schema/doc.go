// Package schema turns the files of a specs repository into agent specs.
//
// The CUE definitions in definition/ are the source of truth for what a spec
// may say. This package promises that every value it returns satisfies them
// and remembers where each field was written, and that everything wrong is
// reported as a [Diagnostic] with a position, all at once. It never fetches
// anything, never follows a link out of the tree, and never evaluates a spec in
// the calling process: evaluation runs in a worker under caps.
//
// It does not know what gatewright does with a spec; see reconciler/desired.
package schema
