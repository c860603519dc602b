module github.com/gatewright/gatewright/e2e

go 1.26.4

require (
	github.com/gatewright/gatewright/adapters v0.0.0
	github.com/gatewright/gatewright/fixtures v0.0.0
	github.com/gatewright/gatewright/reconciler v0.0.0
	github.com/gatewright/gatewright/reconciler/cmd/gatewright v0.0.0
	github.com/gatewright/gatewright/schema v0.0.0
)

replace github.com/gatewright/gatewright/schema => ../schema

replace github.com/gatewright/gatewright/reconciler => ../reconciler

replace github.com/gatewright/gatewright/adapters => ../adapters

replace github.com/gatewright/gatewright/fixtures => ../fixtures

replace github.com/gatewright/gatewright/reconciler/cmd/gatewright => ../reconciler/cmd/gatewright
