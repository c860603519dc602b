// Package page is the console as people see it: pages made at the server that
// work without a script, and a small one that keeps them up to date.
//
// A page shows what the desk gives it and nothing else: who may see and do what
// is decided there. A secret or a token is in a page only as the answer to the
// request that asked for it, and that answer is stored nowhere.
package page
