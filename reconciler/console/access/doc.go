// Package access says who somebody is who asks the console for something, and
// what they may do: a one-time link on loopback, OpenID Connect for people
// elsewhere, a bearer token for machines.
//
// It promises that nobody reaches what Middleware wraps without one of the
// three, that a request with a cookie that changes something comes from a page
// of the console, and that no token, no id of a session and no secret stands in
// an address that a server sees, in a page, in a log or in an error. Whatever it
// cannot make sure of it refuses.
//
//	nobody is known            pages: to /login or /link    API: 401
//	known, without any role    403, and whom to ask         403
//	known, with a role         the request goes on, with their Principal
//
// A session lives in the memory of the process that made it, so that it ends
// with the process and there is nothing to steal from a database. Behind OpenID
// Connect a person who reaches another replica is logged in there without
// noticing. What a login needs until its callback is in cookies alone, so that
// any replica can end what another has begun.
//
// What it does not do: roles are read at login, so that one that was taken away
// at the identity provider is gone when the session ends. A browser sends the
// cookies of a loopback address to every port there: where other people work on
// the same machine, use OpenID Connect.
package access
