// Package thunder keeps OAuth clients as applications of ThunderID: it is the
// target of resources of kind client.
//
// It is for ThunderID v1.0 and later, and says so to an older server. Facts of
// the server that it rests on, and rules that follow:
//
//   - An application's id derives from its client id, and it is found by GET
//     under that id. The list of applications breaks above 1000 of them, so
//     nothing depends on it.
//   - An application is created through /import without upsert: the id is the
//     only key that the server guards, so of two creations one fails, and no
//     application of somebody else is ever overwritten.
//   - An application is changed by GET and PUT. A PUT erases what it omits, so
//     what GET answered is sent back byte for byte, but for what we manage.
//   - The server may lose its answer and carry on working. So a lost answer is
//     an unknown outcome: it is observed, never repeated.
//   - A secret cannot be read back. Its digest in the application's metadata
//     says which one was given.
//
// No secret, token or unredacted answer of the server is in any error or log.
package thunder
