// Package e2e tries gatewright as its users run it: the real binary, a real
// git repository, a real Kubernetes API server, and the simulators over HTTP.
package e2e
