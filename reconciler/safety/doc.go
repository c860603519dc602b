// Package safety holds the tests of promises that no single package keeps: the
// properties of planning and carrying out together, crashes between any two
// effects, and worlds that are lost or restored behind gatewright's back.
//
// It has no code of its own. SAFETY.md, beside this directory, names the test
// that holds each promise.
package safety
