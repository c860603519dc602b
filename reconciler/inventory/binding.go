package inventory

import (
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Status is where a binding stands.
type Status string

// The statuses.
const (
	// Converged: the next plan for it is empty, and its proof holds.
	Converged Status = "converged"
	// Pending: it has been read and not yet carried out.
	Pending Status = "pending"
	// Waiting: something that others provide is not ready.
	Waiting Status = "waiting"
	// Stalled: a person has to act.
	Stalled Status = "stalled"
	// Failing: it is retried.
	Failing Status = "failing"
	// Conflict: something in its place belongs to others.
	Conflict Status = "conflict"
	// Suspended: its spec asks that nothing be changed for now.
	Suspended Status = "suspended"
	// Locked: its spec is gone, its clients too, and its policy stays.
	Locked Status = "locked"
	// Orphaned: its spec is gone, and ownership was given up.
	Orphaned Status = "orphaned"
)

// Binding is what is remembered of one agent in one environment.
type Binding struct {
	Binding resource.Binding `json:"binding"`
	// Enabled reports that OAuth is wanted.
	Enabled bool          `json:"enabled"`
	Scheme  schema.Scheme `json:"scheme,omitempty"`
	// ClientID, ApplicationID and CredentialPath are those of its own client.
	ClientID       string `json:"clientID,omitempty"`
	ApplicationID  string `json:"applicationID,omitempty"`
	CredentialPath string `json:"credentialPath,omitempty"`
	// Endpoint is the URL where callers reach it, if known.
	Endpoint string `json:"endpoint,omitempty"`
	// Revision is the commit that it was last reconciled to.
	Revision string `json:"revision,omitempty"`

	Status Status `json:"status"`
	// Class, Reason, Message and Hint say why it is not converged.
	Class   fault.Class `json:"class,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Message string      `json:"message,omitempty"`
	Hint    string      `json:"hint,omitempty"`

	// Deletion is the policy of its spec, needed once the spec is gone.
	Deletion       schema.Deletion `json:"deletion,omitempty"`
	SuspendedUntil *time.Time      `json:"suspendedUntil,omitempty"`
	SuspendReason  string          `json:"suspendReason,omitempty"`
	SpecFile       string          `json:"specFile,omitempty"`
	SpecLine       int             `json:"specLine,omitempty"`
	// DesiredHash is the hash of what is wanted; see desired.Binding.
	DesiredHash string          `json:"desiredHash,omitempty"`
	LastProof   *resource.Proof `json:"lastProof,omitempty"`
	// ConvergedAt is since when what DesiredHash names stands, or stood when it
	// last did; zero if it never has.
	ConvergedAt time.Time `json:"convergedAt,omitzero"`
	// UpdatedAt is when any of the other fields last changed. The store sets
	// it; what a caller puts there is ignored.
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
	// Clients is sorted by name.
	Clients []Client `json:"clients,omitempty"`
}

// Client is what is remembered of one client of a binding: where its secret
// is, never anything of the secret.
type Client struct {
	Name           string `json:"name"`
	ClientID       string `json:"clientID"`
	ApplicationID  string `json:"applicationID,omitempty"`
	CredentialPath string `json:"credentialPath,omitempty"`
	// CredentialVersion is the version of the secret in its store.
	CredentialVersion string `json:"credentialVersion,omitempty"`
}

// Filter selects bindings. Empty fields select everything.
type Filter struct {
	Organization string
	Project      string
	Agent        string
	Environment  string
	Status       Status
}
