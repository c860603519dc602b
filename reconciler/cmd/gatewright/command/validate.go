package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

// validate checks specs without reaching any target.
func (a *App) validate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate [DIRECTORY]",
		Short: "Check the specs in a directory, or those of the configured repository",
		Long: "Check specs against the schema and the policies of the repository, and, where there is\n" +
			"a configuration, against its environments and issuers. No target is reached.\n" +
			"Exits 78 if anything is wrong.",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadConfig(config.Options{Optional: len(args) == 1})
			if err != nil {
				return err
			}
			w := a.wireSpecs(cfg)
			defer w.close(a)
			snap, err := w.snapshot(cmd.Context(), args)
			if err != nil {
				return err
			}
			return a.check(cmd.Context(), w, snap)
		},
	}
}

// validation is the JSON form of what validate found.
type validation struct {
	Valid       bool               `json:"valid"`
	Agents      int                `json:"agents"`
	Bindings    int                `json:"bindings"`
	Revision    string             `json:"revision,omitempty"`
	Diagnostics schema.Diagnostics `json:"diagnostics"`
}

// check evaluates a snapshot and prints what is wrong with it.
func (a *App) check(ctx context.Context, w *wired, snap source.Snapshot) error {
	progress := view.StartProgress(a.Err, "evaluating specs")
	st, err := w.load(ctx, snap)
	progress.Stop()
	if err != nil {
		return err
	}
	out := validation{
		Valid: !st.Diagnostics.HasErrors(), Agents: st.Agents, Bindings: st.Bindings,
		Revision: snap.Revision.Hash, Diagnostics: st.Diagnostics,
	}
	if out.Diagnostics == nil {
		out.Diagnostics = schema.Diagnostics{}
	}
	if a.output == "json" {
		if err := view.Encode(a.Out, out); err != nil {
			return err
		}
		return invalid(st.Diagnostics)
	}
	a.diagnose(st.Diagnostics)
	if out.Valid {
		_, err = fmt.Fprintf(a.Out, "valid: %d agents, %d bindings\n", out.Agents, out.Bindings)
	} else {
		_, err = fmt.Fprintf(a.Out, "invalid: %d errors; %d agents are valid\n", errorsIn(st.Diagnostics), out.Agents)
	}
	if err != nil {
		return err
	}
	return invalid(st.Diagnostics)
}

// diagnose prints diagnostics to standard error.
func (a *App) diagnose(ds schema.Diagnostics) {
	for _, d := range ds {
		fmt.Fprintln(a.Err, d)
	}
}

func errorsIn(ds schema.Diagnostics) int {
	n := 0
	for _, d := range ds {
		if d.Severity == schema.SeverityError {
			n++
		}
	}
	return n
}
