// Package e2e tries gatewright as its users run it: in processes, against a real
// API server and the simulators over HTTP, and in containers, against real peers
// where their images are to be had (see README.md).
package e2e
