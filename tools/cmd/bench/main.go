//go:build unix

// Command bench measures gatewright as a whole process, against the simulators
// and a real API server in this one: CPU seconds, peak memory and calls at each
// target.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binary := flag.String("gatewright", "bin/gatewright", "the gatewright binary")
	cue := flag.String("cue", "bin/cue", "the cue binary to compare with")
	sizes := flag.String("n", "100,1000,5000", "numbers of bindings, with commas")
	pushes := flag.Int("pushes", 50, "how many single changes are timed")
	keep := flag.Bool("keep", false, "measure nothing: start the stack of the first size, print its configuration and wait for Ctrl-C")
	flag.Parse()
	work := measure
	if *keep {
		work = hold
	}
	if err := run(ctx, bench{binary: *binary, cue: *cue}, *sizes, *pushes, work); err != nil {
		fmt.Fprintf(os.Stderr, "bench: error: %v\n", err)
		os.Exit(1)
	}
}

// run does work at each size.
func run(ctx context.Context, with bench, sizes string, pushes int, work func(context.Context, *bench, int) error) error {
	fmt.Println("| bindings | work | CPU | wall | peak | Thunder reads/writes | OpenBAO reads/writes | note |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return fmt.Errorf("-n: %q is no number of bindings", size)
		}
		if err := inStack(ctx, with, n, func(b *bench) error { return work(ctx, b, pushes) }); err != nil {
			return fmt.Errorf("%d bindings: %w", n, err)
		}
	}
	return nil
}
