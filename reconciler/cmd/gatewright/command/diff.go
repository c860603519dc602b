package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
)

// diff shows what apply would do.
func (a *App) diff() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "diff [DIRECTORY | REVISION [REVISION]]",
		Short: "Show what differs between the specs and what stands",
		Long: "Compare specs with what stands at the targets, and change nothing.\n\n" +
			"Without an argument the specs are those of the configured repository; a directory is\n" +
			"read as it lies there, uncommitted changes included; a revision is read from the\n" +
			"repository. Two revisions are compared with each other and no target is reached.\n" +
			"With --out the plan is also written to a file, which `gatewright apply --plan` carries out\n" +
			"if it is still the plan then.\n" +
			"Exits 0 if nothing differs, 2 if something does, 78 if a spec is wrong.",
		Args: atMost(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if len(args) == 2 {
				if out != "" {
					return usage("--out writes a plan for what stands; two revisions are compared with each other")
				}
				return a.diffRevisions(cmd.Context(), cfg, args[0], args[1])
			}
			w, err := a.wire(cmd.Context(), cfg, readOnly)
			if err != nil {
				return err
			}
			defer w.close(a)
			p, err := a.plan(cmd.Context(), w, args)
			if err != nil {
				return err
			}
			if out != "" {
				if err := writePlan(out, cfg.Installation, p); err != nil {
					return err
				}
			}
			if err := a.showPlan(p, w.sourceName(args)); err != nil {
				return err
			}
			return verdict(p)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "also write the plan to this `FILE`, for gatewright apply --plan")
	return cmd
}

// plan loads the specs that args name and plans for them.
func (a *App) plan(ctx context.Context, w *wired, args []string) (*loop.Planned, error) {
	progress := view.StartProgress(a.Err, "reading specs")
	defer progress.Stop()
	snap, err := w.snapshot(ctx, args)
	if err != nil {
		return nil, err
	}
	progress.Setf("evaluating %d files", len(snap.Tree))
	st, err := w.load(ctx, snap)
	if err != nil {
		return nil, err
	}
	progress.Setf("observing what stands for %d bindings", len(st.Set.Bindings))
	return w.engine.Plan(ctx, st, nil)
}

// showPlan prints a plan in the form asked for.
func (a *App) showPlan(p *loop.Planned, from string) error {
	v := view.Plan{Plan: p.Plan, Diagnostics: p.State.Diagnostics, Source: from, Dirty: p.State.Revision.Dirty}
	switch a.output {
	case "json":
		return v.JSON(a.Out)
	case "markdown":
		return v.Markdown(a.Out)
	default:
		a.diagnose(p.State.Diagnostics)
		return v.Text(a.Out, a.style)
	}
}

// verdict is the exit code that a plan amounts to. What is wrong in the specs
// comes first, since it is the user's to mend; then what could not be looked
// at, since nobody knows whether it differs.
func verdict(p *loop.Planned) error {
	if err := invalid(p.State.Diagnostics); err != nil {
		return err
	}
	if err := unobserved(p); err != nil {
		return err
	}
	if !p.Empty() {
		return silently(ExitDifferences)
	}
	return nil
}

// unobserved is the error of what could not be looked at, one line for each
// environment and target.
func unobserved(p *loop.Planned) error {
	seen := map[string]error{}
	n, status := 0, ExitFailed
	for _, s := range p.Steps {
		err := p.Observed[s.ID].Err
		if s.Action != plan.Skip || err == nil {
			continue
		}
		n++
		if fault.IsUnreachable(err) {
			status = ExitUnreachable
		}
		var f *fault.Error
		errors.As(err, &f)
		key := s.ID.Binding.Environment
		if f != nil {
			key += " " + f.Target
		}
		if seen[key] == nil {
			seen[key] = fmt.Errorf("environment %s: %w", s.ID.Binding.Environment, err)
		}
	}
	if n == 0 {
		return nil
	}
	errs := make([]error, 0, len(seen))
	for _, key := range sortedKeys(seen) {
		errs = append(errs, seen[key])
	}
	return &exit{code: status, err: fmt.Errorf("%d resources could not be observed: %w", n, errors.Join(errs...))}
}
