// Command fuzz-modules runs every fuzz target of the workspace for a while,
// one after the other, and ends with one line for each. go test takes one
// target at a time.
//
//	fuzz-modules -fuzztime 30s
//	fuzz-modules -ledger FILE -executions 10000000 -atmost 10m
//	fuzz-modules -fuzztime 30s -keep 24
//
// The second form goes on where earlier runs have stopped: a target that the
// ledger says was executed often enough is left out. It runs each target by
// coverage first, which is slow, and then on variants of what that has found.
// The third form adds what it found to the corpus that is committed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.fuzztime, "fuzztime", "30s", "how long each target runs, as go test -fuzztime takes it")
	flag.StringVar(&o.ledger, "ledger", "", "a file that counts executions over all runs; targets run until they have -executions there")
	flag.Int64Var(&o.executions, "executions", 10_000_000, "with -ledger: how often a target is to be executed, over all runs")
	flag.DurationVar(&o.guided, "guided", 10*time.Second, "with -ledger: how long a target is run by coverage first")
	flag.DurationVar(&o.atMost, "atmost", 2*time.Hour, "with -ledger: how long a target runs on variants of what that has found, at most")
	flag.IntVar(&o.keep, "keep", 0, "copy what coverage found to be of interest into testdata/fuzz, the smallest first, until there are so many inputs of a target")
	flag.StringVar(&o.only, "only", "", "only targets whose package and name hold this text")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "fuzz-modules: error: %v\n", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// options say how long targets run.
type options struct {
	fuzztime   string
	ledger     string
	executions int64
	guided     time.Duration
	atMost     time.Duration
	keep       int
	only       string
}

func run(ctx context.Context, o options) (failed int, err error) {
	targets, err := find(ctx)
	if err != nil {
		return 0, err
	}
	var book *ledger
	if o.ledger != "" {
		if book, err = openLedger(o.ledger); err != nil {
			return 0, err
		}
	}
	var lines []string
	for _, t := range targets {
		if !strings.Contains(t.String(), o.only) {
			continue
		}
		line, err := o.fuzz(ctx, t, book)
		if err != nil && ctx.Err() == nil {
			failed++
			line = fmt.Sprintf("FAILED after %s: %v", line, err)
		}
		lines = append(lines, fmt.Sprintf("%s: %s", t, line))
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Printf("\n%s\n%d targets, %d failed\n", strings.Join(lines, "\n"), len(lines), failed)
	return failed, context.Cause(ctx)
}

// fuzz runs a target, and says how often.
func (o options) fuzz(ctx context.Context, t target, book *ledger) (string, error) {
	start, first := time.Now(), o.fuzztime
	if book != nil {
		if book.counts[t] >= o.executions {
			return fmt.Sprintf("%d executions before", book.counts[t]), nil
		}
		first = o.guided.String()
	}
	fmt.Printf("=== %s\n", t)
	executions, err := guided(ctx, t, first)
	if err == nil && o.keep > 0 {
		err = keep(ctx, t, o.keep)
	}
	if book == nil {
		return fmt.Sprintf("%d executions in %s", executions, since(start)), err
	}
	// What fails is not counted: it is to be mended, and run again.
	if err == nil {
		err = book.add(t, executions)
	}
	for until := start.Add(o.atMost); err == nil && ctx.Err() == nil && time.Now().Before(until); {
		left := o.executions - book.counts[t]
		if left <= 0 {
			break
		}
		var more int64
		if more, err = blind(ctx, t, min(left, oneProcess), time.Until(until)); err == nil {
			err = book.add(t, more)
		}
		executions += more
	}
	return fmt.Sprintf("%d executions in %s, %d in all", executions, since(start), book.counts[t]), err
}

// oneProcess is how often a target is executed by one process: some libraries
// keep a little of every use for ever.
const oneProcess = 1_000_000

func since(start time.Time) time.Duration { return time.Since(start).Round(time.Second) }
