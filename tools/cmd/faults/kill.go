//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewright/gatewright/fixtures/stack"
)

// undisturbed applies once.
func undisturbed(ctx context.Context, w *world) error {
	line, err := w.run(ctx, 0, "apply")
	fmt.Printf("undisturbed: %s\n", line)
	return err
}

// churnFile changes every application while the daemon is killed, so that there
// is always something to do.
const (
	churnFile   = "churn.cue"
	churnPolicy = `package agents

agents: [string]: environments: production: endpointAuthentication: token: validity: "%ds"
`
)

// killed starts the daemon again and again and kills each at a random moment,
// as a power cut would, and lets the last one finish.
func killed(ctx context.Context, w *world) error {
	random := rand.New(rand.NewPCG(w.seed, 0))
	log := filepath.Join(w.dir, "daemon.log")
	within := 0
	for i := range w.kills {
		before := w.writes()
		d, err := stack.StartDaemon(w.binary, w.config, log)
		if err != nil {
			return err
		}
		if !rest(ctx, time.Duration(random.Int64N(int64(w.life)))) {
			return errors.Join(context.Cause(ctx), d.Kill())
		}
		if err := d.Kill(); err != nil {
			return err
		}
		n, err := w.converged(ctx)
		if err != nil {
			return err
		}
		if n < len(w.agents) {
			within++
		}
		if err := w.churned(ctx, i+1); err != nil {
			return err
		}
		fmt.Printf("  kill %d: %d writes in this life, %d of %d bindings converged\n", i+1, w.writes()-before, n, len(w.agents))
	}
	if w.churn > 0 && w.kills >= w.churn { // the specs are as they were, at the end
		if err := w.repo.Push(ctx, "as before", map[string]string{churnFile: ""}); err != nil {
			return err
		}
	}
	fmt.Printf("killed: %d of %d kills came before everything had converged\n", within, w.kills)
	d, err := stack.StartDaemon(w.binary, w.config, log)
	if err != nil {
		return err
	}
	return errors.Join(w.await(ctx), d.Stop())
}

// churned pushes a change of every agent after some kills.
func (w *world) churned(ctx context.Context, kills int) error {
	if w.churn == 0 || kills%w.churn != 0 {
		return nil
	}
	n := kills / w.churn
	return w.repo.Push(ctx, fmt.Sprintf("change %d", n), map[string]string{churnFile: fmt.Sprintf(churnPolicy, 1000+n)})
}

// writes counts the writes at Thunder and OpenBAO so far.
func (w *world) writes() int {
	return w.stack.Thunder.Faults().Counts().Writes + w.stack.OpenBAO.Faults().Counts().Writes
}

// limit is how long a daemon that nobody kills may take.
const limit = 10 * time.Minute

// await waits until every binding is converged and proved.
func (w *world) await(ctx context.Context) error {
	deadline := time.Now().Add(limit)
	for rest(ctx, time.Second) { // what the status says may be of a life before
		n, err := w.converged(ctx)
		if err != nil || n == len(w.agents) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d bindings converged within %s", n, len(w.agents), limit)
		}
	}
	return context.Cause(ctx)
}

// converged counts the bindings that the inventory calls converged, at the
// revision that was pushed last, and proved.
func (w *world) converged(ctx context.Context) (int, error) {
	head, err := stack.Git(ctx, w.repo.Clone, "rev-parse", "HEAD")
	if err != nil {
		return 0, err
	}
	r, err := stack.Run(ctx, w.binary, "status", "-o", "json", "--config", w.config)
	if err != nil {
		return 0, err
	}
	if r.Code != 0 {
		return 0, fmt.Errorf("gatewright status: exit code %d: %s", r.Code, r.Stderr)
	}
	var status struct {
		Bindings []struct {
			Status    string
			Revision  string
			LastProof *struct{ OK bool }
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &status); err != nil {
		return 0, err
	}
	n := 0
	for _, b := range status.Bindings {
		if b.Status == "converged" && b.Revision == strings.TrimSpace(head) && b.LastProof != nil && b.LastProof.OK {
			n++
		}
	}
	return n, nil
}

// rest waits and reports whether ctx is still good.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
