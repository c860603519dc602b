// Package inventory remembers what this installation owns, what it was about
// to do and what came of it: bindings with their status, owned resources,
// intents before effects and outcomes after them, runs, an audit trail, what
// people have suspended, and the leases that leave one writer per environment.
//
// It is a memory, not the truth. With the database gone, the next pass finds
// everything again by derived ids and marks and changes nothing at the
// targets. That decides its trade-offs: the last outcomes before a power cut
// may be lost (the next pass observes them), a corrupt file may not.
//
// It promises that an intent is on disk, as far as a killed process is
// concerned, before Intend returns; that a step's outcome and the ownership it
// changes are stored together or not at all; that a pass which changes nothing
// writes nearly nothing; that what it stores is bounded by Prune; and that
// every error is a *fault.Error with a hint and without the password of a
// data source name.
//
// It holds no secret, nor anything computed from one. What it says is as
// public as the specs.
//
// SQLite (pure Go) is the default, PostgreSQL serves replicas. Both pass the
// same tests.
package inventory
