// Command test-modules runs the tests of every module of the workspace and
// ends with one line for each, and one that sums up. Skipped tests are listed
// with their reasons. With CI=true the race detector is on, and a skip without a
// reason fails the run.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ci := os.Getenv("CI") == "true"
	race := flag.Bool("race", ci, "run with the race detector")
	short := flag.Bool("short", false, "leave out what takes long")
	flag.Parse()
	ok, err := run(ctx, ci, *race, *short)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "test-modules: error: %v\n", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// module is one module of the workspace, and what came of its tests.
type module struct {
	Path, Dir string
	packages  int
	passed    int
	failed    int
	skipped   []string
	broken    bool
	took      time.Duration
}

func run(ctx context.Context, ci, race, short bool) (bool, error) {
	modules, err := workspace(ctx)
	if err != nil {
		return false, err
	}
	for _, m := range modules {
		fmt.Printf("=== %s\n", name(m.Path))
		if err := m.test(ctx, race, short); err != nil {
			return false, err
		}
	}
	return report(modules, ci), nil
}

// workspace lists the modules of go.work.
func workspace(ctx context.Context) ([]*module, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-json").Output()
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	var modules []*module
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		m := &module{}
		if err := dec.Decode(m); errors.Is(err, io.EOF) {
			return modules, nil
		} else if err != nil {
			return nil, fmt.Errorf("list modules: %w", err)
		}
		modules = append(modules, m)
	}
}

// event is a line of go test -json.
type event struct {
	Action, Package, Test, Output string
}

// test runs the tests of m, showing what fails as it comes.
func (m *module) test(ctx context.Context, race, short bool) error {
	args := []string{"test", "-json", "-timeout", "40m"}
	if race {
		args = append(args, "-race")
	}
	if short {
		args = append(args, "-short")
	}
	started := time.Now()
	cmd := exec.CommandContext(ctx, "go", append(args, "./...")...)
	cmd.Dir, cmd.Stderr = m.Dir, os.Stderr
	if !race {
		// The same as for `build`, so that everything is compiled once. The
		// race detector needs cgo.
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("test %s: %w", m.Path, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("test %s: %w", m.Path, err)
	}
	m.read(pipe)
	err = cmd.Wait()
	m.took = time.Since(started)
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		m.broken = true
		return nil
	}
	return err
}

// read takes in the events of a test run.
func (m *module) read(r io.Reader) {
	output := map[string][]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[key] = append(output[key], e.Output)
		case "pass", "fail", "skip", "build-fail":
			m.ended(e, output[key])
			delete(output, key)
		}
		if e.Test == "" && e.Action == "fail" {
			m.unfinished(e.Package, output)
		}
	}
	if err := lines.Err(); err != nil {
		// Left unread, the pipe would hold the tests up for ever.
		fmt.Printf("FAIL the output of the tests cannot be read: %v\n", err)
		m.broken = true
		_, _ = io.Copy(io.Discard, r)
	}
}

// unfinished prints what tests said that never came to their end, as one that
// took the process with it.
func (m *module) unfinished(pkg string, output map[string][]string) {
	for key, lines := range output {
		if strings.HasPrefix(key, pkg+" ") {
			fmt.Print(strings.Join(lines, ""))
			delete(output, key)
		}
	}
}

// ended takes in the end of a test or a package.
func (m *module) ended(e event, output []string) {
	switch {
	case e.Action == "build-fail":
		fmt.Print(strings.Join(output, ""))
	case e.Test == "" && e.Action == "fail":
		m.packages++
		fmt.Print(strings.Join(output, ""))
		fmt.Printf("FAIL %s\n", e.Package)
	case e.Test == "" && e.Action == "pass":
		m.packages++
		fmt.Printf("ok   %s\n", e.Package)
	case e.Test == "":
	case e.Action == "pass":
		m.passed++
	case e.Action == "skip":
		m.skipped = append(m.skipped, e.Package+" "+e.Test+": "+reason(output))
	case e.Action == "fail":
		m.failed++
		fmt.Print(strings.Join(output, ""))
	}
}

// noReason stands for the reason of a skip that gave none. With CI=true it
// fails the run: the tests themselves fail where PostgreSQL or the API server
// is missing, and whatever else they leave out has to be told.
const noReason = "no reason given"

// reason is why a test was skipped, as it told.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return noReason
}

// report prints the end and says whether all is well.
func report(modules []*module, ci bool) bool {
	passed, failed, skipped, ok := 0, 0, 0, true
	fmt.Println()
	for _, m := range modules {
		for _, s := range m.skipped {
			fmt.Printf("skipped: %s\n", s)
			if ci && strings.HasSuffix(s, ": "+noReason) {
				ok = false
			}
		}
	}
	for _, m := range modules {
		word := "ok"
		if m.broken || m.failed > 0 {
			word, ok = "FAILED", false
		}
		fmt.Printf("%s: %s, %d packages, %d tests passed, %d failed, %d skipped in %s\n",
			name(m.Path), word, m.packages, m.passed, m.failed, len(m.skipped), m.took.Round(time.Second))
		passed, failed, skipped = passed+m.passed, failed+m.failed, skipped+len(m.skipped)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return ok
}

// name is a module's path within the repository.
func name(path string) string {
	const root = "github.com/gatewright/gatewright/"
	return filepath.ToSlash(strings.TrimPrefix(path, root))
}
