package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// order is what the arguments and flags of rotate ask for.
type order struct {
	binding        resource.Binding
	clients        []string
	all, cut       bool
	reason, author string
	overlap, wait  time.Duration
}

// rotate replaces the secret of a client now.
func (a *App) rotate() *cobra.Command {
	var o order
	cmd := &cobra.Command{
		Use:   "rotate ORGANIZATION/PROJECT/AGENT@ENVIRONMENT [CLIENT...] --reason TEXT",
		Short: "Replace the secret of a client now",
		Long: "Give a client another OAuth application and another secret, and store them as its\n" +
			"credential once they were proved by a token. The application before goes on working for\n" +
			"the overlap and is deleted then. Without CLIENT it is the agent's own.\n\n" +
			"A daemon that runs carries it out; where none does, this command does so itself.\n" +
			"If the secret is in wrong hands, --overlap 0s ends the old one at once. Tokens that were\n" +
			"issued to it are good until they expire: see the token validity in the spec.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s takes an argument, organization/project/agent@environment", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.binding, err = resource.ParseBinding(args[0]); err != nil {
				return usage("%w", err)
			}
			o.clients = args[1:]
			if err := o.check(cmd.Flags().Changed("overlap")); err != nil {
				return err
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if err := known(cfg, o.binding.Environment); err != nil {
				return err
			}
			w, err := a.wire(cmd.Context(), cfg, readWrite)
			if err != nil {
				return err
			}
			defer w.close(a)
			return a.rotateNow(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.all, "all-clients", false, "every client of the agent, its own and the test client included")
	f.BoolVar(&o.cut, "cut-overlap", false, "if an earlier rotation's overlap still runs, end it")
	f.StringVar(&o.reason, "reason", "", "why, for whoever reads the history")
	f.DurationVar(&o.overlap, "overlap", 0, "how long the old secret goes on working; by default as the spec says, or 24h")
	f.DurationVar(&o.wait, "wait", time.Minute, "how long to wait for the daemon to have done it")
	authorFlag(cmd, &o.author)
	return cmd
}

// unsaidOverlap stands for an overlap that is left to the spec.
const unsaidOverlap time.Duration = -1

// check completes o and refuses what makes no sense.
func (o *order) check(overlapSaid bool) error {
	var err error
	if o.author, err = authorOf(o.author); err != nil {
		return err
	}
	if err := plainLine("--reason", o.reason); err != nil {
		return err
	}
	switch {
	case o.all && len(o.clients) > 0:
		return usage("--all-clients is every client already: leave out %s or --all-clients", strings.Join(o.clients, " "))
	case !overlapSaid:
		o.overlap = unsaidOverlap
	case o.overlap < 0:
		return usage("--overlap is a span of time such as 24h, not %s", o.overlap)
	case o.overlap%time.Second != 0:
		return usage("--overlap is in whole seconds, not %s", o.overlap)
	}
	return nil
}

// rotateNow leaves the requests where a daemon finds them and sees to it that
// they are carried out.
func (a *App) rotateNow(ctx context.Context, w *wired, o *order) error {
	asked, err := o.requests(ctx, w.store)
	if err != nil {
		return err
	}
	for _, r := range asked {
		if err := w.store.AskRotation(ctx, r); err != nil {
			return err
		}
	}
	lease, err := w.lease(ctx)
	if errors.Is(err, inventory.ErrHeld) {
		return a.awaitRotation(ctx, w.store, o, asked)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := lease.Release(); err != nil {
			a.log.Warn("the lease could not be given back; it ends by itself", "error", err)
		}
	}()
	return a.carryOutRotation(lease.Context(), w, o)
}

// requests are what o asks for, of clients that are on record.
func (o *order) requests(ctx context.Context, store *inventory.Store) ([]inventory.Rotation, error) {
	rows, err := store.Bindings(ctx, inventory.Filter{
		Organization: o.binding.Organization, Project: o.binding.Project, Agent: o.binding.Agent, Environment: o.binding.Environment,
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, row := range rows {
		for _, c := range row.Clients {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		f := fault.New(fault.Waiting, "NoClients", "%s has no clients on record", o.binding)
		f.Op, f.Hint = "rotate", "see `gatewright status "+o.binding.String()+"`; is its scheme oauth2, and has the revision been applied?"
		return nil, f
	}
	switch {
	case o.all:
		o.clients = names
	case len(o.clients) == 0:
		o.clients = []string{resource.ClientOwn}
	}
	out := make([]inventory.Rotation, len(o.clients))
	for i, name := range o.clients {
		if !slices.Contains(names, name) {
			return nil, usage("%s has no client %q; it has %s", o.binding, name, strings.Join(names, ", "))
		}
		out[i] = inventory.Rotation{
			Binding: o.binding, Client: name, Cut: o.cut, Reason: o.reason, Author: o.author, At: time.Now().UTC(),
		}
		if o.overlap != unsaidOverlap {
			overlap := schema.Seconds(o.overlap / time.Second)
			out[i].Overlap = &overlap
		}
	}
	return out, nil
}

// carryOutRotation does what was asked for as the one writer.
func (a *App) carryOutRotation(ctx context.Context, w *wired, o *order) error {
	snap, err := w.snapshot(ctx, nil)
	if err != nil {
		return err
	}
	st, err := w.load(ctx, snap)
	if err != nil {
		return err
	}
	p, err := o.plan(ctx, w, st)
	if err != nil {
		return err
	}
	if a.output == "text" {
		if err := a.showPlan(p, w.sourceName(nil)); err != nil {
			return err
		}
	}
	if err := w.engine.Guard(ctx, p); err != nil {
		return a.confirmable(err, p, nil, "")
	}
	report, err := w.engine.Converge(ctx, p, loop.TriggerApply, nil)
	if err != nil {
		return err
	}
	if err := a.showReport(p, report); err != nil {
		return err
	}
	if o.overlap == 0 {
		// What has leaked is not to work until somebody looks again.
		if p, err = o.plan(ctx, w, st); err != nil {
			return err
		}
		if _, err := w.engine.Converge(ctx, p, loop.TriggerApply, nil); err != nil {
			return err
		}
	}
	left, err := pendingOf(ctx, w.store, o)
	if err == nil && len(left) > 0 {
		return stillPending(left)
	}
	return err
}

// plan plans the rotation and nothing else: whoever replaces a secret has not
// asked for what the newest revision changes besides.
func (o *order) plan(ctx context.Context, w *wired, st loop.State) (*loop.Planned, error) {
	p, err := w.engine.Plan(ctx, st, loop.Scope{o.binding: true})
	if err != nil {
		return nil, err
	}
	p.Reviewed = true
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Action.Effectful() && !s.Rotates && !s.Retires {
			s.Action, s.Class, s.DependsOn = plan.Skip, fault.Waiting, nil
			s.Reason, s.Hint = "it is not a part of the rotation", "carry it out with gatewright apply"
		}
	}
	return p, nil
}

// awaitPace is how often the inventory is asked whether the daemon has done it.
const awaitPace = 200 * time.Millisecond

// awaitRotation waits until the daemon has done what was asked for.
func (a *App) awaitRotation(ctx context.Context, store *inventory.Store, o *order, asked []inventory.Rotation) error {
	progress := view.StartProgress(a.Err, "waiting for the daemon")
	left, err := o.awaited(ctx, store)
	progress.Stop()
	switch {
	case err != nil:
		return err
	case len(left) > 0:
		return stillPending(left)
	default:
		return a.tellRotated(o, asked)
	}
}

// awaited waits until nothing of o is pending, or the wait is over, and returns
// what is left.
func (o *order) awaited(ctx context.Context, store *inventory.Store) ([]inventory.Rotation, error) {
	deadline := time.Now().Add(o.wait)
	for {
		left, err := pendingOf(ctx, store, o)
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
		select {
		case <-ctx.Done():
			return left, context.Cause(ctx)
		case <-time.After(awaitPace):
		}
	}
}

// pendingOf lists the requests of o that are not carried out yet.
func pendingOf(ctx context.Context, store *inventory.Store, o *order) ([]inventory.Rotation, error) {
	all, err := store.Rotations(ctx)
	return slices.DeleteFunc(all, func(r inventory.Rotation) bool {
		return r.Binding != o.binding || !slices.Contains(o.clients, r.Client)
	}), err
}

// stillPending says that a request stays until it can be carried out.
func stillPending(left []inventory.Rotation) error {
	names := make([]string, len(left))
	for i, r := range left {
		names[i] = r.Client
	}
	f := fault.New(fault.Waiting, "NotRotated", "not done yet: %s of %s", strings.Join(names, ", "), left[0].Binding)
	f.Op = "rotate"
	f.Hint = "the request stays, and the daemon carries it out as soon as it can: see `gatewright status " + left[0].Binding.String() +
		"` for what is in the way; an overlap that still runs is waited for unless --cut-overlap is given"
	return f
}

// tellRotated prints what the daemon has done.
func (a *App) tellRotated(o *order, asked []inventory.Rotation) error {
	if a.output == "json" {
		return view.Encode(a.Out, struct {
			Rotated []inventory.Rotation `json:"rotated"`
		}{asked})
	}
	_, err := fmt.Fprintf(a.Out, "%s: %s rotated; consumers find the new credential in OpenBAO\n", o.binding, strings.Join(o.clients, ", "))
	return err
}
