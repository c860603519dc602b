//go:build unix

// Command faults counts what gatewright's promises are worth.
//
// It runs the suites of tests that count, in full: properties, crash points, the
// matrix of faults, lost worlds and planted secrets. Then it converges a
// thousand agents, disturbs gatewright while it does, and compares what stands
// at the end with what an undisturbed run has left: the applications, the
// secrets, the policies, and whether each credential opens its own API and no
// other. It prints what it counts, and exits with 1 if anything differs.
//
//	faults                  everything
//	faults -only matrix     one suite
//	faults -only kills      the thousand agents alone
//	faults -only rotations  secrets that are replaced every few seconds, while
//	                        the daemon is killed and consumers use them
//	faults -only replicas   two daemons that share PostgreSQL and are paused,
//	                        killed and cut off from it
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{}
	flag.StringVar(&o.binary, "gatewright", "bin/gatewright", "the gatewright binary")
	flag.IntVar(&o.agents, "n", 1000, "how many agents converge")
	flag.IntVar(&o.kills, "kills", 50, "how often the daemon is killed meanwhile")
	flag.IntVar(&o.churn, "churn", 0, "after how many kills every agent's spec is changed, so that there is always something to do; 0 for never")
	flag.IntVar(&o.rotating, "rotating", 40, "how many agents have their secrets rotated")
	flag.IntVar(&o.rotationKills, "rotation-kills", 200, "how often the daemon is killed meanwhile")
	flag.IntVar(&o.contested, "contested", 100, "how many agents two daemons contend for")
	flag.IntVar(&o.disturbances, "disturbances", 60, "how often one of these is paused, killed or cut off")
	flag.DurationVar(&o.life, "life", 3*time.Second, "how long a daemon lives at most before it is killed")
	flag.Uint64Var(&o.seed, "seed", rand.Uint64(), "what the random moments come from")
	flag.StringVar(&o.only, "only", "", "one of properties, points, matrix, worlds, canary, kills, rotations and replicas; all by default")
	flag.Parse()
	if err := all(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "faults: error: %v\n", err)
		os.Exit(1)
	}
}

// options say what to do.
type options struct {
	binary        string
	agents, kills int
	churn         int
	rotating      int
	rotationKills int
	contested     int
	disturbances  int
	// database is what daemons share; nothing for one of the world's own.
	database string
	life     time.Duration
	seed     uint64
	only     string
}

// all runs the suites and the thousand agents, or the one that is asked for.
func all(ctx context.Context, o options) error {
	known := false
	var errs []error
	for _, s := range suites {
		if o.only == "" || o.only == s.name {
			known = true
			errs = append(errs, s.run(ctx))
		}
	}
	if o.only == "" || o.only == "kills" {
		known = true
		errs = append(errs, run(ctx, o))
	}
	if o.only == "" || o.only == "rotations" {
		known = true
		errs = append(errs, rotations(ctx, o))
	}
	if o.only == "" || o.only == "replicas" {
		known = true
		errs = append(errs, replicas(ctx, o))
	}
	if !known {
		return fmt.Errorf("there is no suite %q", o.only)
	}
	return errors.Join(errs...)
}

// run converges twice, undisturbed and disturbed, and compares.
func run(ctx context.Context, o options) error {
	fmt.Printf("%d agents, %d kills, seed %d\n", o.agents, o.kills, o.seed)
	want, err := during(ctx, o, nil, undisturbed)
	if err != nil {
		return fmt.Errorf("undisturbed: %w", err)
	}
	got, err := during(ctx, o, nil, killed)
	if err != nil {
		return fmt.Errorf("killed: %w", err)
	}
	return compare(want, got)
}
