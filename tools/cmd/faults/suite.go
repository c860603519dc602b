//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// suite is a group of tests that count: what they do at every run of all tests
// for a sample, they do here in full.
type suite struct {
	name, what string
	// dir is the module, pkg the package, and tests a pattern of their names.
	dir, pkg, tests string
	args            []string
}

var suites = []suite{
	{
		name: "properties", what: "random specs, worlds and interleavings", dir: "reconciler", pkg: "./safety",
		tests: "^Test(PlanOf|Input|Nothing|NoStep|Disabled|Guard|Two)", args: []string{"-rapid.checks=3000"},
	},
	{
		name: "points", what: "a crash at every call of every transition, on SQLite and PostgreSQL", dir: "reconciler", pkg: "./safety",
		tests: "^TestKillPoints$", args: []string{"-full"},
	},
	{
		name: "matrix", what: "every fault at every operation of every target", dir: "fixtures", pkg: "./safety",
		tests: "^TestFaultMatrix$", args: []string{"-table"},
	},
	{name: "worlds", what: "worlds that are lost, restored or replaced", dir: "fixtures", pkg: "./safety", tests: "^TestWorld"},
	{name: "canary", what: "planted secrets through every path", dir: "fixtures", pkg: "./safety", tests: "^TestCanary"},
}

// run runs the tests and prints what they say.
func (s suite) run(ctx context.Context) error {
	fmt.Printf("%s: %s\n", s.name, s.what)
	args := append([]string{"test", "-count=1", "-timeout", "30m", "-v", "-run", s.tests, s.pkg, "-args"}, s.args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = s.dir, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	told := tell(out, os.Stdout)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if told == 0 {
		return fmt.Errorf("%s: no test counted anything", s.name)
	}
	return nil
}

// tell passes on what tests say, without the names of those that pass, and
// returns how many lines that were.
func tell(from io.Reader, to io.Writer) int {
	lines, told := bufio.NewScanner(from), 0
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(line, "=== "), strings.HasPrefix(trimmed, "--- PASS"), trimmed == "PASS", strings.HasPrefix(line, "ok "), strings.HasPrefix(line, "testing: warning"):
		default:
			told++
			fmt.Fprintln(to, line)
		}
	}
	return told
}
