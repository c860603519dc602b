package targettest

import (
	"os"
	"os/exec"
	"testing"
)

// flawVariable names the flaw that a child process is to have.
const flawVariable = "TARGETTEST_FLAW"

func flawFromEnvironment() string { return os.Getenv(flawVariable) }

// runFlawed runs the suite over a flawed target in a child process, since a
// test cannot expect its own failure.
func runFlawed(t *testing.T, flaw string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFlawed$")
	cmd.Env = append(os.Environ(), flawVariable+"="+flaw)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
