package command

import (
	"io"
	"strings"
	"testing"
)

// FuzzArguments reads command lines up to the point at which a command would
// run: nothing panics, and what is refused is told in words.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{
		"diff\n-o\njson", "apply\n--plan\nfile", "token\nacme/travel/booking@production\n-v", "rotate\na/b/c@d\n--overlap\n1h", "suspend\n@production\n--until\nx",
		"run\n--config", "-o\nxml", "", "--\n-", "statsu", "diff\na\nb\nc", "history\n--limit\n-1", "--log-level=\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		a := &App{Out: io.Discard, Err: io.Discard, Version: "1"}
		root := a.root()
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		cmd, rest, err := root.Find(strings.Split(line, "\n"))
		if err == nil {
			if err = cmd.ParseFlags(rest); err == nil {
				if err = cmd.ValidateArgs(cmd.Flags().Args()); err == nil {
					err = a.checkOutput(cmd)
				}
			}
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%q is refused without a word", line)
		}
	})
}
