package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/draft"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// importSpecs writes specs from what stands.
func (a *App) importSpecs() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "import DIRECTORY [SCOPE]",
		Short: "Write specs of what stands into a directory",
		Long: "Write a CUE spec of every agent that is deployed, from what stands at the gateway, in\n" +
			"Thunder and in OpenBAO: one file an agent, DIRECTORY/ORGANIZATION/PROJECT/AGENT.cue.\n" +
			"Nothing is changed at a target. The specs are loaded and planned for before they are\n" +
			"written: `gatewright diff` finds nothing to do for them. What no spec can say, and what\n" +
			"a plan would change, is left out and listed with why and what to do. What no target\n" +
			"knows, the schedules of rotations and labels, is to be written by hand. Clients in\n" +
			"Thunder that nothing of ours has marked are listed, and no spec can name them.\n\n" +
			scopeForms + "\nWithout one everything is written.\n\n" +
			"No file is overwritten without --force.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return usage("%s takes a directory, and a scope or none", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := scope(args[1:], len(args) == 1)
			if err != nil {
				return err
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			w, err := a.wire(cmd.Context(), cfg, readOnly)
			if err != nil {
				return err
			}
			defer w.close(a)
			return a.draft(cmd.Context(), w, args[0], of, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files that exist")
	return cmd
}

// draft writes what was drafted and tells of it.
func (a *App) draft(ctx context.Context, w *wired, dir string, of resource.Selector, force bool) error {
	progress := view.StartProgress(a.Err, "observing what stands")
	d, err := w.engine.Draft(ctx, of)
	progress.Stop()
	if err != nil {
		return err
	}
	if err := writeFiles(dir, d.Files, force); err != nil {
		return err
	}
	out := view.Drafted{Directory: dir, Drafted: d}
	if a.output == "json" {
		return out.JSON(a.Out)
	}
	return out.Text(a.Out, a.style)
}

// writeFiles writes files below dir, and none if one of them exists already. No
// link leads out of dir.
func writeFiles(dir string, files []draft.File, force bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // specs are for everybody who works with them
		return usage("%w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return usage("%w", err)
	}
	defer root.Close()
	if !force {
		if err := vacant(root, files); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
			return fmt.Errorf("write specs: %w", err)
		}
		if err := root.WriteFile(f.Path, f.Text, 0o644); err != nil {
			return fmt.Errorf("write specs: %w", err)
		}
	}
	return nil
}

// vacant refuses files that exist.
func vacant(root *os.Root, files []draft.File) error {
	var there []string
	for _, f := range files {
		switch _, err := root.Lstat(f.Path); {
		case err == nil:
			there = append(there, f.Path)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("write specs: %w", err)
		}
	}
	if len(there) == 0 {
		return nil
	}
	return usage("%s: %s already there; --force overwrites", root.Name(), strings.Join(there, ", "))
}
