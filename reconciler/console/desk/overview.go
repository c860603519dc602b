package desk

import (
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/schema"
)

// Query selects, sorts and pages bindings.
type Query struct {
	// Filter selects; its Status may be empty.
	Filter inventory.Filter
	Scheme schema.Scheme
	// Search is part of an identity, environment or client id, in any case.
	Search string
	// Sort is one of Sorts; empty means by name.
	Sort       string
	Descending bool
	Offset     int
	// Limit is at most MaxLimit; zero means 50.
	Limit int
}

// MaxLimit is how many bindings one answer holds at most.
const MaxLimit = 500

// Sorts are what bindings can be sorted by.
var Sorts = []string{"name", "environment", "scheme", "status", "proof", "updated"}

// Overview is how everything stands that somebody may see.
type Overview struct {
	// Rows is one page of the bindings that the query selects, Total how many it
	// selects.
	Rows  []Row `json:"bindings"`
	Total int   `json:"total"`
	// Environments counts all bindings they may see, whatever the query, by
	// environment and status, sorted by environment.
	Environments []Count `json:"environments"`
	// Waits are the reasons for which bindings are not converged, most frequent
	// first, ten at most.
	Waits []Wait `json:"waits"`
	// Running is the revision that was carried out last, Coming a newer one that
	// is under way, or nil.
	Running *Revision `json:"running,omitempty"`
	Coming  *Revision `json:"coming,omitempty"`
	// Diagnostics counts what is wrong with the newest revision's specs.
	Diagnostics int `json:"diagnostics"`
	// Unread says why the newest revision could not be read; then nothing is
	// known to be coming.
	Unread string `json:"unread,omitempty"`
	// Suspensions are those that hold.
	Suspensions []inventory.Suspension `json:"suspensions"`
	At          time.Time              `json:"at"`
}

// Row is a binding in a list.
type Row struct {
	inventory.Binding
	// Suspended is the suspension that holds for it, or nil.
	Suspended *inventory.Suspension `json:"suspended,omitempty"`
}

// Count is how many bindings of an environment have each status.
type Count struct {
	Environment string                   `json:"environment"`
	Total       int                      `json:"total"`
	ByStatus    map[inventory.Status]int `json:"byStatus"`
}

// Wait is a reason why bindings wait, with an example.
type Wait struct {
	Status  inventory.Status `json:"status"`
	Reason  string           `json:"reason"`
	Message string           `json:"message"`
	Hint    string           `json:"hint,omitempty"`
	Count   int              `json:"count"`
	Example Binding          `json:"example"`
}

// Revision is a commit.
type Revision struct {
	Hash    string    `json:"hash"`
	Ref     string    `json:"ref,omitempty"`
	Author  string    `json:"author,omitempty"`
	Subject string    `json:"subject,omitempty"`
	At      time.Time `json:"at,omitzero"`
}
