module github.com/gatewright/gatewright/e2e

go 1.26.4

replace github.com/gatewright/gatewright/schema => ../schema

replace github.com/gatewright/gatewright/reconciler => ../reconciler

replace github.com/gatewright/gatewright/adapters => ../adapters

replace github.com/gatewright/gatewright/fixtures => ../fixtures

replace github.com/gatewright/gatewright/reconciler/cmd/gatewright => ../reconciler/cmd/gatewright
