// Package openbao keeps credentials in OpenBAO, in the KV version 2 secrets
// engine: it is the target of kind credential.
//
// A credential is one KV entry at
//
//	<mount>/<prefix>/<organization>/<project>/<agent>/<environment>/<client>
//
// with the fields client_id, client_secret, token_endpoint, issuer and audience.
// What we own is marked in the entry's custom metadata: by whom it is managed,
// for which installation, binding and client, and the digest of the secret that
// was written last or is about to be. An entry without our mark is never
// changed or removed.
//
// Every write of data carries check-and-set, is tried once, and is looked up
// again when its answer is lost or says that something else stands there:
// OpenBAO answers a repeated write of ours with the same words as a conflict.
// The mark goes first, so that a crash in between leaves a marked entry without
// a secret, which the next pass completes.
//
// The package promises that no error, log line or finding holds a secret, a
// token, or text of an answer that it does not know.
package openbao
