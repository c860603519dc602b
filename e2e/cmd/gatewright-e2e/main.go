//go:build unix

// Command gatewright-e2e tries a repository of specs from end to end, in
// containers: it deploys an agent for each spec, lets gatewright converge what
// the specs ask for, and calls every protected API without a token, with its
// own, and with another agent's.
//
//	gatewright-e2e [-timeout 10m] [-logs DIR] REPOSITORY
//
// It exits with 0 if every API answers as its spec says, 78 if a spec is wrong,
// and 1 otherwise. Which peers were real stands above and below the result; see
// package harness.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatewright/gatewright/schema"
)

// Exit codes, as gatewright's own.
const (
	exitFailed  = 1
	exitUsage   = 64
	exitInvalid = 78
)

func main() {
	schema.WorkerMain()
	os.Exit(start())
}

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	timeout := flag.Duration("timeout", 10*time.Minute, "how long all of it may take")
	logs := flag.String("logs", "", "a directory for what every container said, if something fails")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: gatewright-e2e [-timeout 10m] [-logs DIR] REPOSITORY")
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	err := try(ctx, flag.Arg(0), *logs)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errInvalid):
		return exitInvalid
	default:
		fmt.Fprintf(os.Stderr, "gatewright-e2e: error: %v\n", err)
		return exitFailed
	}
}
