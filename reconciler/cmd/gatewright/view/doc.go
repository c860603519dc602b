// Package view turns plans, outcomes, statuses and diagnostics into what
// people and machines read. It prints no secret: what it is given holds none
// that is not of type resource.Secret.
//
// The JSON forms are a contract: fields are added, never renamed.
package view
