package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// status shows what the inventory knows.
func (a *App) status() *cobra.Command {
	var filter inventory.Filter
	var state string
	var far *server
	cmd := &cobra.Command{
		Use:   "status [ORGANIZATION[/PROJECT[/AGENT[@ENVIRONMENT]]]]",
		Short: "Show how each binding stands, as the last pass left it",
		Args:  atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := narrow(&filter, args[0]); err != nil {
					return err
				}
			}
			if filter.Status = inventory.Status(state); state != "" && !slices.Contains(statuses, filter.Status) {
				return usage("--state is one of %s, not %q", listed(statuses), state)
			}
			look := a.standing
			if far.given() {
				look = far.status
			}
			out, err := look(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return view.Encode(a.Out, out)
			}
			return out.Text(a.Out, a.style)
		},
	}
	cmd.Flags().StringVar(&filter.Environment, "environment", "", "only this environment")
	cmd.Flags().StringVar(&state, "state", "", "only bindings in this state: "+listed(statuses))
	far = serverFlags(cmd)
	return cmd
}

// standing reads from the inventory what status shows.
func (a *App) standing(ctx context.Context, filter inventory.Filter) (view.Status, error) {
	out := view.Status{Bindings: []inventory.Binding{}, At: time.Now()}
	store, err := a.inventory(ctx)
	if err != nil {
		return out, err
	}
	defer store.Close()
	rows, err := store.Bindings(ctx, filter)
	if err != nil {
		return out, err
	}
	for _, r := range rows {
		if !desired.IsProbe(r.Binding) {
			out.Bindings = append(out.Bindings, r)
		}
	}
	if out.Suspensions, err = active(ctx, store); err != nil {
		return out, err
	}
	out.Revision, _, err = store.Meta(ctx, "revision")
	return out, err
}

// statuses are what a binding can be.
var statuses = []inventory.Status{
	inventory.Converged, inventory.Pending, inventory.Waiting, inventory.Stalled, inventory.Failing,
	inventory.Conflict, inventory.Suspended, inventory.Locked, inventory.Orphaned,
}

// listed joins words with commas.
func listed[S ~string](words []S) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// narrow reads org/project/agent@environment, or as much of it as is given.
func narrow(f *inventory.Filter, s string) error {
	s, env, _ := strings.Cut(s, "@")
	if env != "" {
		f.Environment = env
	}
	parts := strings.Split(s, "/")
	for i, p := range parts {
		if p == "" || i > 2 {
			return usage("%q is not of the form organization/project/agent@environment", s)
		}
	}
	parts = append(parts, "", "")
	f.Organization, f.Project, f.Agent = parts[0], parts[1], parts[2]
	return nil
}

// history shows runs, or the steps of one run or binding.
func (a *App) history() *cobra.Command {
	var run int64
	var limit int
	var events bool
	var far *server
	cmd := &cobra.Command{
		Use:   "history [ORGANIZATION/PROJECT/AGENT@ENVIRONMENT]",
		Short: "Show what was done, newest first: runs, the steps of one binding or run, or what people asked for",
		Args:  atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usage("--limit is a number from 1, not %d", limit)
			}
			if events && run != 0 {
				return usage("--events and --run exclude each other")
			}
			steps := inventory.StepFilter{Run: inventory.RunID(run), Limit: limit}
			if len(args) == 1 {
				b, err := resource.ParseBinding(args[0])
				if err != nil {
					return usage("%w", err)
				}
				steps.Binding = b
			}
			look := a.remembered
			if far.given() {
				look = far.history
			}
			out, err := look(cmd.Context(), steps, events)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return view.Encode(a.Out, out)
			}
			return out.Text(a.Out, a.style)
		},
	}
	cmd.Flags().Int64Var(&run, "run", 0, "the steps of this run")
	cmd.Flags().BoolVar(&events, "events", false, "who asked for what, as to suspend something")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many to show")
	far = serverFlags(cmd)
	return cmd
}

// remembered reads from the inventory what history shows.
func (a *App) remembered(ctx context.Context, steps inventory.StepFilter, events bool) (out view.History, err error) {
	store, err := a.inventory(ctx)
	if err != nil {
		return out, err
	}
	defer store.Close()
	switch {
	case events:
		out.Events, err = store.Events(ctx, inventory.EventFilter{Binding: steps.Binding, Limit: steps.Limit})
	case steps.Run != 0 || steps.Binding != (resource.Binding{}):
		out.Steps, err = store.Steps(ctx, steps)
	default:
		out.Runs, err = store.Runs(ctx, inventory.RunFilter{Limit: steps.Limit})
	}
	return out, err
}
