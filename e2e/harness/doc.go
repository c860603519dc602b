// Package harness brings up everything that gatewright works with in containers
// on a network of their own: ThunderID, OpenBAO, a Kubernetes API server with
// OpenChoreo's controllers and the gateway, a git server, and gatewright from
// its own image.
//
// Each peer is the real one where the engine has its image or can pull it, and
// otherwise a stand-in that is built here from this repository; [Stack.Table]
// says which. With E2E_REQUIRE_REAL a stand-in is an error. Nothing is left
// behind: what a run starts carries a label, is removed at its end, and what a
// run that was killed has left is removed by the next.
package harness
