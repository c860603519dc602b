package desk

import (
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/schema"
)

// Detail is one binding, as its spec asks for it and as it stands.
type Detail struct {
	Row
	// Authentication is what the newest revision asks for; nil if no spec names
	// the binding any more.
	Authentication *schema.Authentication `json:"authentication,omitempty"`
	// Inherited are the fields of it that another file than the agent's own sets.
	// File is the agent's own, "" if it has none that could be edited.
	File string `json:"file,omitempty"`
	// Environments are the others of the agent, sorted, this one among them.
	Environments []string `json:"environments"`
	Issuer       string   `json:"issuer,omitempty"`
	JWKS         string   `json:"jwks,omitempty"`
	// TokenEndpoint is where clients get tokens.
	TokenEndpoint string `json:"tokenEndpoint,omitempty"`
	Audience      string `json:"audience,omitempty"`
	// Consumers are its clients, own and test first.
	Consumers []Consumer `json:"consumers"`
	// Rotations are requests that nobody has carried out yet.
	Rotations []inventory.Rotation `json:"rotations"`
	// Diagnostics are what is wrong with its spec.
	Diagnostics []schema.Diagnostic `json:"diagnostics"`
	// May says what whoever asks may do here.
	May May       `json:"may"`
	At  time.Time `json:"at"`
}

// Consumer is a client of a binding. It never holds a secret.
type Consumer struct {
	Name     string `json:"name"`
	ClientID string `json:"clientID"`
	// Wanted reports that the spec has it, Stands that the inventory has it.
	Wanted bool `json:"wanted"`
	Stands bool `json:"stands"`
	// Named reports that it is a line of the spec, neither own nor test.
	Named          bool              `json:"named"`
	AuthMethod     schema.AuthMethod `json:"authMethod,omitempty"`
	Rotation       *schema.Rotation  `json:"rotation,omitempty"`
	CredentialPath string            `json:"credentialPath,omitempty"`
	// Version is that of its credential in OpenBAO.
	Version string `json:"version,omitempty"`
	// Revealed is when its secret was shown last, and to whom.
	Revealed   time.Time `json:"revealed,omitzero"`
	RevealedTo Person    `json:"revealedTo,omitempty"`
}

// May is what somebody may do with a binding.
type May struct {
	Try     bool `json:"try"`
	Edit    bool `json:"edit"`
	Reveal  bool `json:"reveal"`
	Suspend bool `json:"suspend"`
}

// Pending is what would be done to a binding now: a look at the targets.
type Pending struct {
	Plan     plan.File `json:"plan"`
	Revision string    `json:"revision"`
	// Counts sums it up in words, as `plan: nothing to do`.
	Counts string    `json:"counts"`
	Empty  bool      `json:"empty"`
	At     time.Time `json:"at"`
}

// Past is the history of a binding, newest first.
type Past struct {
	Steps  []inventory.StepRecord `json:"steps"`
	Events []inventory.Event      `json:"events"`
}
