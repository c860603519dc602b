package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// apply converges once.
func (a *App) apply() *cobra.Command {
	var massChange bool
	var file, confirmed string
	cmd := &cobra.Command{
		Use:   "apply [DIRECTORY | REVISION]",
		Short: "Converge once: make what stands as the specs say",
		Long: "Plan as `gatewright diff` does, print the plan, carry it out, wait for the gateway and\n" +
			"prove each endpoint. A plan that takes too much away at once is refused with exit code 4,\n" +
			"and so is what a revision prunes that holds no spec or does not descend from the one that\n" +
			"was applied last. --confirm lifts that for one revision, and nothing else.\n\n" +
			"A client that is changed is rotated only after that: where a rotation is due then, it is\n" +
			"planned and carried out next, of the same revision and guarded in the same way.\n\n" +
			"With --plan only the plan that `gatewright diff --out` wrote is carried out: it is made\n" +
			"anew, and if anything differs from what was reviewed nothing is done (exit code 4). A\n" +
			"rotation that it leaves is told of and not carried out.",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if confirmed != "" && !fullHash(confirmed) {
				return usage("--confirm: %q is not the full hash of a revision", confirmed)
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			w, err := a.wire(cmd.Context(), cfg, readWrite)
			if err != nil {
				return err
			}
			defer w.close(a)
			w.engine.Options.AllowMassChange, w.engine.Options.Confirmed = massChange, confirmed
			return a.applyOnce(cmd.Context(), w, args, file)
		},
	}
	cmd.Flags().BoolVar(&massChange, "allow-mass-change", false, "carry out the plan even if it takes much away at once")
	cmd.Flags().StringVar(&confirmed, "confirm", "", "carry out the plan even if it takes much away, if it is of the revision with this full hash")
	cmd.Flags().StringVar(&file, "plan", "", "carry out only the plan in this `FILE`, written by gatewright diff --out")
	return cmd
}

// applyOnce plans and carries out under the writer's lease.
func (a *App) applyOnce(ctx context.Context, w *wired, args []string, file string) error {
	lease, err := w.lease(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err := lease.Release(); err != nil {
			a.log.Warn("the lease could not be given back; it ends by itself", "error", err)
		}
	}()
	ctx = lease.Context()
	var was *plan.File
	if file != "" {
		if was, err = readPlan(file); err != nil {
			return err
		}
	}
	p, err := a.plan(ctx, w, args)
	if err != nil {
		return err
	}
	if a.output == "text" {
		if err := a.showPlan(p, w.sourceName(args)); err != nil {
			return err
		}
	}
	if was != nil {
		if err := a.moved(file, args, was.Difference(plan.NewFile(w.cfg.Installation, p.State.Revision.Dirty, p.Plan))); err != nil {
			return err
		}
		p.Reviewed = true
	}
	report, err := a.carryOut(ctx, w, p, args, file)
	if err != nil {
		return err
	}
	return a.goOn(ctx, w, turn{p, report, args, file})
}

// carryOut carries out a plan that was shown, if nothing forbids it.
func (a *App) carryOut(ctx context.Context, w *wired, p *loop.Planned, args []string, file string) (*loop.Report, error) {
	if err := otherThanConfirmed(w, p); err != nil {
		return nil, err
	}
	if err := w.engine.Guard(ctx, p); err != nil {
		return nil, a.confirmable(err, p, args, file)
	}
	progress := view.StartProgress(a.Err, "converging")
	defer progress.Stop()
	return w.engine.Converge(ctx, p, loop.TriggerApply, func(at loop.Progress) {
		progress.Setf("converging: %d of %d bindings, %d on their way to the gateway", at.Done, at.Total, at.Waiting)
	})
}

// applied is the JSON form of what apply did.
type applied struct {
	Revision string               `json:"revision,omitempty"`
	Planned  plan.Counts          `json:"planned"`
	Done     int                  `json:"done"`
	Failed   int                  `json:"failed"`
	Writes   int                  `json:"writes"`
	Bindings map[string]*troubled `json:"notConverged"`
	// Then is what was gone on with, in order; the fields above are of the first
	// plan alone.
	Then []*applied `json:"then,omitempty"`
	// Left names the rotations that the reviewed plan leaves.
	Left []string `json:"left,omitempty"`
}

// troubled says why a binding did not converge.
type troubled struct {
	Class   fault.Class `json:"class"`
	Message string      `json:"message"`
	Hint    string      `json:"hint,omitempty"`
}

// showReport prints what became of a plan and returns what that amounts to.
func (a *App) showReport(p *loop.Planned, r *loop.Report) error {
	out := newApplied(p, r)
	if a.output == "json" {
		if err := view.Encode(a.Out, out); err != nil {
			return err
		}
	} else if err := a.tellApplied(out); err != nil {
		return err
	}
	return outcome(p, r)
}

// newApplied is what became of a plan.
func newApplied(p *loop.Planned, r *loop.Report) *applied {
	out := &applied{
		Revision: p.Revision, Planned: p.Counts(), Done: r.Done, Failed: r.Failed, Writes: r.Writes, Bindings: map[string]*troubled{},
	}
	for b, err := range r.Errors {
		out.Bindings[bindingName(b)] = &troubled{fault.ClassOf(err), err.Error(), fault.HintOf(err)}
	}
	return out
}

// tellApplied says what became of a plan for people.
func (a *App) tellApplied(out *applied) error {
	for _, name := range sortedKeys(out.Bindings) {
		t := out.Bindings[name]
		fmt.Fprintf(a.Err, "gatewright: %s: %s: %s\n", name, t.Class, t.Message)
		if t.Hint != "" {
			fmt.Fprintf(a.Err, "gatewright: hint: %s\n", t.Hint)
		}
	}
	_, err := fmt.Fprintf(a.Out, "applied: %d steps done, %d failed, %d bindings not converged\n", out.Done, out.Failed, len(out.Bindings))
	return err
}

// outcome is the exit code of an apply.
func outcome(p *loop.Planned, r *loop.Report) error {
	if err := invalid(p.State.Diagnostics); err != nil {
		return err
	}
	worst := ExitDone
	if err := unobserved(p); err != nil {
		worst = code(err)
	}
	for _, err := range r.Errors {
		switch {
		case fault.ClassOf(err) == fault.Unsafe:
			return silently(ExitUnsafe)
		case fault.IsUnreachable(err):
			worst = ExitUnreachable
		case worst == ExitDone:
			worst = ExitFailed
		}
	}
	if worst == ExitDone {
		return nil
	}
	return silently(worst)
}

// bindingName names a binding, or the environment that a key manager is of.
func bindingName(b resource.Binding) string {
	if b.Organization == "" {
		return "environment " + b.Environment
	}
	return b.String()
}
