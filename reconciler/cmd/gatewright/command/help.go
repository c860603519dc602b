package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// helpful replaces cobra's own commands where those take a wrong argument for
// a right one.
func helpful(root *cobra.Command) {
	root.SetHelpCommand(&cobra.Command{
		Use: "help [COMMAND]", Short: "Show what a command does",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args[0])
			}
			return cmd.Help()
		},
	})
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // it was made just before
	}
	completion.Short = "Print a script that completes commands and flags in a shell"
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(*cobra.Command, []string) error {
		return usage("name a shell: bash, zsh, fish or powershell")
	}
	for _, shell := range completion.Commands() {
		shell.Args = noArgs
	}
}

// complete lets shells complete the value of a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was defined just before
	}
}

// unknownCommand says what was meant, where that can be guessed.
func unknownCommand(cmd *cobra.Command, name string) error {
	e := &fault.Error{Err: fmt.Errorf("unknown command %q", name)}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		e.Hint = fmt.Sprintf("did you mean %q?", near[0])
	}
	return &exit{code: ExitUsage, err: e}
}
