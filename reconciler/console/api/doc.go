// Package api is the console's HTTP API: what package desk does, as JSON, below
// /api/v1, with its OpenAPI 3.1 document and a page that a person can read.
//
// Who asks is known to it from the context (access.From); it refuses whoever is
// not known. Errors are problems (RFC 9457) with the class, the reason and the
// hint of the fault in them. Nothing that it answers may be kept by a cache, and
// secrets are in the answers of two operations alone: a token, and a credential.
package api
