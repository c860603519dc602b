// Package proof tries what the plan promised: that a stored credential gets a
// token, that the token is the right one, and that the gateway refuses whoever
// has none.
//
// It speaks OAuth 2.0 and HTTP and knows no vendor. It never sends a token to
// any host but the endpoint it was minted for, follows no redirect, and no
// error or check of it holds a token or a secret.
package proof
