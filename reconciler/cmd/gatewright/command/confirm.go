package command

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
)

// confirm lets a daemon carry out what a guard holds back of a revision.
func (a *App) confirm() *cobra.Command {
	var author string
	cmd := &cobra.Command{
		Use:   "confirm REVISION",
		Short: "Let a daemon carry out what a guard holds back of a revision",
		Long: "Confirm that a revision, named by its full hash, may take away as much as it does, or\n" +
			"prune though it holds no spec or does not descend from the one that was applied last.\n" +
			"A daemon that runs carries it out at its next look. It is for that revision alone: the\n" +
			"next one is guarded as ever. `gatewright apply --confirm` does the same for one apply.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !fullHash(args[0]) {
				return usage("%s takes one argument, the full hash of a revision", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := authorOf(author)
			if err != nil {
				return err
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			store, err := a.openStore(cmd.Context(), cfg, readWrite)
			if err != nil {
				return err
			}
			defer store.Close()
			c := inventory.Confirmation{Revision: args[0], Author: by}
			if err := store.Confirm(cmd.Context(), c); err != nil {
				return err
			}
			if c, _, err = store.Confirmation(cmd.Context()); err != nil {
				return err
			}
			if a.output == "json" {
				return view.Encode(a.Out, c)
			}
			_, err = fmt.Fprintf(a.Out, "revision %s is confirmed by %s\n", c.Revision, c.Author)
			return err
		},
	}
	authorFlag(cmd, &author)
	return cmd
}

// fullHash reports whether s is a whole hash of git, SHA-1 or SHA-256, as git
// prints it: part of one may come to mean another revision.
func fullHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && (len(b) == 20 || len(b) == 32) && s == strings.ToLower(s)
}

// otherThanConfirmed refuses p if another revision was confirmed: whoever
// confirmed it has not seen this one.
func otherThanConfirmed(w *wired, p *loop.Planned) error {
	confirmed := w.engine.Options.Confirmed
	if confirmed == "" || confirmed == p.Revision && !p.State.Revision.Dirty {
		return nil
	}
	it := "the revision is " + p.Revision
	if p.Revision == "" || p.State.Revision.Dirty {
		it = "the directory has changes that are not committed"
	}
	f := fault.New(fault.Unsafe, "OtherRevision", "%s was confirmed, and %s", confirmed, it)
	f.Hint = "look at `gatewright diff` again, and confirm what it is about"
	return f
}

// confirmable names the very command by which a person allows what a guard
// stopped; of the plan in file, if that was reviewed.
func (a *App) confirmable(err error, p *loop.Planned, args []string, file string) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Reason != plan.MassChange {
		return err
	}
	told := *f
	words := []string{"apply"}
	if file != "" {
		words = append(words, "--plan", file)
	}
	if p.Revision == "" || p.State.Revision.Dirty {
		words = append(words, "--allow-mass-change")
	} else {
		words = append(words, "--confirm", p.Revision)
	}
	told.Hint = "if that is meant: " + a.commandLine(words, args...)
	return &told
}
