// Package apply carries out the steps of one binding, in order, and proves what
// they promise on the way: no endpoint is closed before the binding's own
// credential has got a token.
//
// Before an effect its intent is recorded, after it the outcome; a crash in
// between leaves an intent that the next pass settles by observing. Steps of
// different bindings may be carried out at the same time, those of one binding
// never.
package apply
