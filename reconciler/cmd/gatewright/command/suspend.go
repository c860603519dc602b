package command

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// scopeForms says what a scope looks like.
const scopeForms = "A scope is ORGANIZATION, ORGANIZATION/PROJECT, ORGANIZATION/PROJECT/AGENT, any of these\n" +
	"with @ENVIRONMENT, or @ENVIRONMENT alone, its key managers included."

// suspended is the JSON form of what suspend and resume did.
type suspended struct {
	inventory.Suspension
	// Bindings counts those on record that are in the scope.
	Bindings int `json:"bindings"`
}

// suspend keeps a scope from being changed until a time.
func (a *App) suspend() *cobra.Command {
	var all bool
	var reason, author, until string
	var span time.Duration
	var far *server
	cmd := &cobra.Command{
		Use:   "suspend (SCOPE | --all) --reason TEXT (--for DURATION | --until TIME)",
		Short: "Change nothing in a scope until a time: look and prove, no more",
		Long: "Keep gatewright from changing anything in a scope until a time, which ends by itself.\n\n" +
			scopeForms + " --all is everything.\n\n" +
			"What is suspended is observed and its endpoint proved, never changed: nothing is pruned\n" +
			"whose spec is gone, and an API that somebody opens by hand is not closed either. It\n" +
			"holds from now on, for a running daemon too; what has begun on a binding is completed.",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := inventory.Suspension{Reason: reason, Since: time.Now().UTC()}
			var err error
			if s.Scope, err = scope(args, all); err != nil {
				return err
			}
			if s.Author, err = authorOf(author); err != nil {
				return err
			}
			if err := plainLine("--reason", reason); err != nil {
				return err
			}
			if s.Until, err = end(s.Since, span, until); err != nil {
				return err
			}
			if far.given() {
				if author != "" {
					return usage("--author is for the inventory; the console knows who you are")
				}
				out, err := far.suspend(cmd.Context(), s)
				if err != nil {
					return err
				}
				return a.tellScope(out)
			}
			return a.ordered(cmd.Context(), s.Scope, func(ctx context.Context, store *inventory.Store) error {
				if err := store.Suspend(ctx, s); err != nil {
					return err
				}
				return a.tellSuspended(ctx, store, s)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&all, "all", false, "everything")
	f.StringVar(&reason, "reason", "", "why, for whoever reads the status")
	f.DurationVar(&span, "for", 0, "for how long, such as 2h")
	f.StringVar(&until, "until", "", "until when, as 2026-12-01T08:00:00Z (RFC 3339)")
	authorFlag(cmd, &author)
	far = serverFlags(cmd)
	return cmd
}

// resume ends a suspension.
func (a *App) resume() *cobra.Command {
	var all bool
	var author string
	var far *server
	cmd := &cobra.Command{
		Use:   "resume (SCOPE | --all)",
		Short: "End a suspension before its time",
		Long: "End the suspension of exactly this scope, as `gatewright status` lists it. What another\n" +
			"scope or a spec suspends stays suspended.\n\n" + scopeForms + " --all is everything.",
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := scope(args, all)
			if err != nil {
				return err
			}
			by, err := authorOf(author)
			if err != nil {
				return err
			}
			if far.given() {
				found, left, err := far.resume(cmd.Context(), s)
				switch {
				case err != nil:
					return err
				case !found:
					return notSuspended(s, left)
				}
				return a.tellResumed(s, left)
			}
			return a.ordered(cmd.Context(), s, func(ctx context.Context, store *inventory.Store) error {
				found, err := store.Resume(ctx, s, by)
				if err != nil {
					return err
				}
				left, err := active(ctx, store)
				if err != nil {
					return err
				}
				if !found {
					return notSuspended(s, left)
				}
				return a.tellResumed(s, left)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the suspension of everything")
	authorFlag(cmd, &author)
	far = serverFlags(cmd)
	return cmd
}

// authorFlag lets a person say who they are.
func authorFlag(cmd *cobra.Command, author *string) {
	cmd.Flags().StringVar(author, "author", "", "who asks for it; by default the user of the operating system")
}

// ordered opens the inventory for an order about a scope. It takes no lease: a
// daemon that runs reads orders from there.
func (a *App) ordered(ctx context.Context, s resource.Selector, give func(context.Context, *inventory.Store) error) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if err := known(cfg, s.Environment); err != nil {
		return err
	}
	store, err := a.openStore(ctx, cfg, readWrite)
	if err != nil {
		return err
	}
	defer store.Close()
	return give(ctx, store)
}

// known refuses an environment that the configuration does not have.
func known(cfg *config.Config, environment string) error {
	if _, ok := cfg.Environments[environment]; ok || environment == "" {
		return nil
	}
	return usage("the configuration has no environment %q; it has %s", environment, strings.Join(sortedKeys(cfg.Environments), ", "))
}

// scope reads the scope that is named by args or by --all.
func scope(args []string, all bool) (resource.Selector, error) {
	switch {
	case all && len(args) > 0:
		return resource.Selector{}, usage("--all is everything already: leave out %s or --all", args[0])
	case all:
		return resource.Selector{}, nil
	case len(args) == 0:
		return resource.Selector{}, usage("name a scope, or everything with --all")
	case args[0] == resource.Selector{}.String():
		return resource.Selector{}, usage("everything is --all")
	}
	s, err := resource.ParseSelector(args[0])
	if err != nil {
		return s, usage("%w", err)
	}
	return s, nil
}

// end is when a suspension ends that begins at since.
func end(since time.Time, span time.Duration, until string) (time.Time, error) {
	switch {
	case (span == 0) == (until == ""):
		return time.Time{}, usage("say when it ends: either --for or --until")
	case until == "":
		if span <= 0 {
			return time.Time{}, usage("--for is a span of time such as 2h, not %s", span)
		}
		return since.Add(span).Truncate(time.Second), nil
	}
	t, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return time.Time{}, usage("--until is a time such as 2026-12-01T08:00:00Z, not %q", until)
	}
	if !since.Before(t) {
		return time.Time{}, usage("--until %s is over already", until)
	}
	return t.UTC(), nil
}

// maxLine bounds what people may say about an order.
const maxLine = 500

// plainLine refuses text that is empty, long, or would garble a terminal.
func plainLine(name, text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return usage("%s is missing", name)
	case len(text) > maxLine:
		return usage("%s is longer than %d bytes", name, maxLine)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return usage("%s is one line of text", name)
	}
	return nil
}

// authorOf is who gives an order: as they say, or as the operating system does.
func authorOf(said string) (string, error) {
	if said == "" {
		said = osUser()
	}
	return said, plainLine("--author", said)
}

// osUser is the name of the user, or their number where they have none, as in a
// container.
func osUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// active lists the suspensions that hold now.
func active(ctx context.Context, store *inventory.Store) ([]inventory.Suspension, error) {
	all, err := store.Suspensions(ctx)
	out, now := []inventory.Suspension{}, time.Now()
	for _, s := range all {
		if s.Active(now) {
			out = append(out, s)
		}
	}
	return out, err
}

// tellSuspended prints what is suspended now.
func (a *App) tellSuspended(ctx context.Context, store *inventory.Store, s inventory.Suspension) error {
	rows, err := store.Bindings(ctx, inventory.Filter{
		Organization: s.Scope.Organization, Project: s.Scope.Project, Agent: s.Scope.Agent, Environment: s.Scope.Environment,
	})
	if err != nil {
		return err
	}
	out := suspended{Suspension: s}
	for _, row := range rows {
		if !desired.IsProbe(row.Binding) {
			out.Bindings++
		}
	}
	return a.tellScope(out)
}

// tellScope prints that a scope is suspended.
func (a *App) tellScope(out suspended) error {
	if a.output == "json" {
		return view.Encode(a.Out, out)
	}
	_, err := fmt.Fprintf(a.Out, "%s is suspended until %s, %s on record\n",
		view.Scope(out.Scope), out.Until.Format(time.RFC3339), view.Count(out.Bindings, "binding"))
	return err
}

// tellResumed prints that s goes on, and what of it another scope still holds.
func (a *App) tellResumed(s resource.Selector, left []inventory.Suspension) error {
	if a.output == "json" {
		return view.Encode(a.Out, struct {
			Scope       resource.Selector      `json:"scope"`
			Suspensions []inventory.Suspension `json:"suspensions"`
		}{s, left})
	}
	if _, err := fmt.Fprintf(a.Out, "%s is resumed\n", view.Scope(s)); err != nil {
		return err
	}
	for _, other := range left {
		if overlap(s, other.Scope) {
			if _, err := fmt.Fprintf(a.Out, "still suspended: %s\n", view.Suspended(other)); err != nil {
				return err
			}
		}
	}
	return nil
}

// notSuspended is the error of resuming what is not suspended by that name.
func notSuspended(s resource.Selector, left []inventory.Suspension) error {
	f := fault.New(fault.Stalled, "NotSuspended", "there is no suspension of %s", view.Scope(s))
	f.Op = "resume"
	f.Hint = "see `gatewright status` for what is suspended"
	for _, other := range left {
		if overlap(s, other.Scope) {
			f.Hint = "it is suspended by " + view.Suspended(other) + "; to end that: " + resumption(other.Scope)
			break
		}
	}
	return f
}

// resumption is the command that ends the suspension of s.
func resumption(s resource.Selector) string {
	if s == (resource.Selector{}) {
		return "gatewright resume --all"
	}
	return "gatewright resume " + s.String()
}

// overlap reports whether some binding is in both.
func overlap(a, b resource.Selector) bool {
	differ := func(x, y string) bool { return x != "" && y != "" && x != y }
	return !differ(a.Organization, b.Organization) && !differ(a.Project, b.Project) &&
		!differ(a.Agent, b.Agent) && !differ(a.Environment, b.Environment)
}
