// Command verify checks the repository itself. With arguments it runs the
// checks of these names alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/gatewright/gatewright/tools/verify"
)

func main() {
	dir := flag.String("C", ".", "the root of the checkout")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, *dir, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "verify: error: %v\n", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, names []string) (bool, error) {
	r, err := verify.Open(ctx, dir)
	if err != nil {
		return false, err
	}
	checks := verify.Checks()
	if len(names) > 0 {
		checks = slices.DeleteFunc(checks, func(c verify.Check) bool { return !slices.Contains(names, c.Name) })
	}
	if len(checks) == 0 {
		return false, fmt.Errorf("there is no check %q", names)
	}
	return verify.Run(ctx, os.Stdout, r, checks)
}
