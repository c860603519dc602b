// Package resource holds the nouns of gatewright: a binding (one agent in one
// environment) and the resources that make its OAuth protection, each with an
// identity that derives from the binding alone.
//
// Everything here is data without behaviour beyond naming, comparing and
// printing itself. It knows no vendor: how a client becomes an application of
// an identity provider is the adapter's business.
package resource
