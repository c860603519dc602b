//go:build unix

// Command gatewright-e2e tries a repository of specs from end to end, in
// containers: it deploys an agent for each spec, lets gatewright converge what
// the specs ask for, and calls every protected API without a token, with its
// own, and with another agent's.
//
//	gatewright-e2e [-timeout 10m] [-logs DIR] [-gatewright DIR] REPOSITORY
//
// What stands in for a peer, and gatewright itself, are built from a checkout of
// gatewright: the working directory, or the one that -gatewright names.
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
	"path/filepath"
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
	checkout := flag.String("gatewright", "", "a checkout of gatewright to build from; by default the working directory")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: gatewright-e2e [-timeout 10m] [-logs DIR] [-gatewright DIR] REPOSITORY")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		return exitUsage
	}
	repository, err := enter(*checkout, flag.Arg(0), logs)
	if err != nil {
		fmt.Fprintf(os.Stderr, "gatewright-e2e: error: %v\n", err)
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	err = try(ctx, repository, *logs)
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

// enter goes to the checkout, and returns where the repository is, seen from
// there. The directory of the logs stays where it was, too.
func enter(checkout, repository string, logs *string) (string, error) {
	repository, err := filepath.Abs(repository)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(repository); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is no directory: name a working copy of the specs", repository)
	}
	if *logs != "" {
		if *logs, err = filepath.Abs(*logs); err != nil {
			return "", err
		}
	}
	if checkout != "" {
		if err := os.Chdir(checkout); err != nil {
			return "", err
		}
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat("go.work"); err != nil {
		return "", fmt.Errorf("%s is no checkout of gatewright: go there, or name one with -gatewright", here)
	}
	return repository, nil
}
