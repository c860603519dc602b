package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// doctor examines everything that gatewright depends on.
func (a *App) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Examine connections, permissions and key managers, and say how to mend them",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			w, err := a.wire(cmd.Context(), cfg, examine)
			if err != nil {
				return err
			}
			defer w.close(a)
			progress := view.StartProgress(a.Err, "examining")
			found := examineAll(cmd.Context(), w)
			progress.Stop()
			if a.output == "json" {
				err = view.Encode(a.Out, found)
			} else {
				err = printFindings(a.Out, found, a.style)
			}
			if err != nil {
				return err
			}
			for _, f := range found {
				if !f.OK {
					return silently(ExitFailed)
				}
			}
			return nil
		},
	}
}

// examination is a finding and what it is about.
type examination struct {
	Environment string `json:"environment,omitempty"`
	Target      string `json:"target"`
	target.Finding
}

// examineAll checks the source and each target of each environment, all at once,
// and returns the findings in a fixed order.
func examineAll(ctx context.Context, w *wired) []examination {
	kinds := []resource.Kind{resource.KindClient, resource.KindCredential, resource.KindEndpoint}
	found := make([][]examination, 1+len(w.engine.Environments)*len(kinds))
	var wait sync.WaitGroup
	wait.Go(func() { found[0] = []examination{{Target: "source", Finding: w.checkSource(ctx)}} })
	for i, env := range w.engine.Environments {
		ctx, cancel := context.WithTimeoutCause(ctx, w.cfg.Environments[env.Name].Limits.Observation, errors.New("it took too long"))
		defer cancel()
		for k, kind := range kinds {
			wait.Go(func() {
				t := env.Targets[kind]
				for _, f := range t.Check(ctx) {
					found[1+i*len(kinds)+k] = append(found[1+i*len(kinds)+k], examination{env.Name, t.Name(), f})
				}
			})
		}
	}
	wait.Wait()
	var out []examination
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

// printFindings prints a line for each finding and the hint below those that
// want mending.
func printFindings(w io.Writer, found []examination, style view.Style) error {
	for _, f := range found {
		where := f.Target
		if f.Environment != "" {
			where = f.Environment + " " + f.Target
		}
		if _, err := fmt.Fprintf(w, "%s %s: %s: %s\n", style.Mark(f.OK), where, f.Name, f.Message); err != nil {
			return err
		}
		if f.Hint != "" && !f.OK {
			if _, err := fmt.Fprintf(w, "    hint: %s\n", f.Hint); err != nil {
				return err
			}
		}
	}
	return nil
}
