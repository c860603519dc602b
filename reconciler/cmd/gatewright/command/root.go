// Package command is gatewright's command line: it reads flags and the
// configuration, wires the parts together, and prints.
//
// What a command answers goes to standard output, everything it has to say
// beside that to standard error. No command asks a question.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/fault"
)

// App is one call of the program.
type App struct {
	Out, Err io.Writer
	// Version is what `gatewright version` prints.
	Version string

	output  string
	logging string
	flags   config.Flags
	style   view.Style
	log     *slog.Logger
}

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, args []string, version string) int {
	a := &App{Out: os.Stdout, Err: os.Stderr, Version: version}
	return a.Run(ctx, args)
}

// Run runs the command line args and returns the exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	cmd, err := root.ExecuteContextC(ctx)
	a.report(cmd, err)
	return code(err)
}

// report tells the user what went wrong in cmd, and what to do.
func (a *App) report(cmd *cobra.Command, err error) {
	var e *exit
	if err == nil || errors.As(err, &e) && e.silent {
		return
	}
	fmt.Fprintf(a.Err, "gatewright: error: %v\n", err)
	hint := fault.HintOf(err)
	switch {
	case hint != "":
	case code(err) == ExitUsage:
		hint = "see `" + cmd.CommandPath() + " --help`"
	case code(err) == ExitUnreachable:
		hint = "see `gatewright doctor`"
	}
	if hint != "" {
		fmt.Fprintf(a.Err, "gatewright: hint: %s\n", hint)
	}
}

// root builds the tree of commands.
func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "gatewright",
		Short: "Keep the OAuth protection of agent APIs as git says it should be",
		Long: "gatewright compares agent specs in git with what stands in Thunder, at the gateway\n" +
			"and in OpenBAO, and converges them.",
		SilenceUsage: true, SilenceErrors: true, Version: buildInfo(a.Version).String(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.checkOutput(cmd); err != nil {
				return err
			}
			a.style = view.StyleFor(a.Out)
			return a.logger()
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usage("%s", strings.ReplaceAll(err.Error(), "strconv.ParseInt: ", ""))
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.output, "output", "o", "text", "form of the answer: text, json, or markdown where it makes sense")
	f.StringVar(&a.logging, "log-level", "", "what to log to standard error: debug, info, warn or error")
	a.flags.Register(f)
	complete(root, "output", outputs...)
	complete(root, "log-level", "debug", "info", "warn", "error")
	root.AddCommand(a.validate(), a.diff(), a.apply(), a.confirm(), a.importSpecs(), a.run(), a.consoleCommand(), a.rotate(), a.suspend(), a.resume(), a.status(), a.history(), a.doctor(), a.token(), a.health(), a.version())
	helpful(root)
	return root
}

// outputs are the forms of an answer.
var outputs = []string{"text", "json", "markdown"}

// checkOutput refuses a form that there is not, or that cmd does not have.
func (a *App) checkOutput(cmd *cobra.Command) error {
	switch {
	case !slices.Contains(outputs, a.output):
		return usage("--output is text, json or markdown, not %q", a.output)
	case a.output == "markdown" && cmd.Name() != "diff":
		return usage("%s does not print markdown; diff alone does", cmd.CommandPath())
	}
	return nil
}

// logger sets up logging to standard error. One-shot commands keep quiet
// unless something is wrong.
func (a *App) logger() error {
	level := a.logging
	if level == "" {
		level = "warn"
	}
	return a.logTo(level, "text")
}

// daemonLogger sets up logging as the configuration asks for it; --log-level
// wins.
func (a *App) daemonLogger(cfg *config.Config) error {
	level := a.logging
	if level == "" {
		level = cfg.Log.Level
	}
	return a.logTo(level, cfg.Log.Format)
}

func (a *App) logTo(level, format string) error {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return usage("--log-level is debug, info, warn or error, not %q", level)
	}
	o := &slog.HandlerOptions{Level: l}
	if format == "json" {
		a.log = slog.New(slog.NewJSONHandler(a.Err, o))
	} else {
		a.log = slog.New(slog.NewTextHandler(a.Err, o))
	}
	return nil
}

// version prints what this binary is.
func (a *App) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			info := buildInfo(a.Version)
			if a.output == "json" {
				return view.Encode(a.Out, info)
			}
			_, err := fmt.Fprintln(a.Out, info)
			return err
		},
	}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// atMost refuses more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usage("%s takes at most %d arguments, got %d", cmd.CommandPath(), n, len(args))
		}
		return nil
	}
}
