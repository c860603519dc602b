//go:build unix

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/e2e/harness"
)

// TestScenarios tells each story of scenarios/ against containers. A script has
// an organisation, a repository and a gatewright of its own, so that they run
// side by side; those whose name begins with "fault-" disturb what they share,
// and run one after the other when the others have ended.
//
// The commands of the scripts are described in commands_test.go.
func TestScenarios(t *testing.T) {
	scripts, err := filepath.Glob("scenarios/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	s, err := harness.Start(ctx, harness.Options{
		Organizations: organizations(scripts), Progress: func(line string) { t.Log(line) },
	})
	if errors.Is(err, harness.ErrNoEngine) && os.Getenv("CI") == "" && os.Getenv("E2E_REQUIRE_REAL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var r report
	t.Cleanup(func() { finish(t, s, &r) })
	fmt.Print("\n", s.Table(), "\n")
	may, err := recommended(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	faults := func(script string) bool { return strings.HasPrefix(filepath.Base(script), "fault-") }
	quiet := func(script string) bool { return !faults(script) }
	t.Run("side-by-side", func(t *testing.T) {
		run(s, may, teller{T: t, report: &r}, slices.DeleteFunc(slices.Clone(scripts), faults))
	})
	t.Run("contracts", func(t *testing.T) { testContracts(t, s, &r) })
	t.Run("alone", func(t *testing.T) {
		run(s, may, teller{T: t, report: &r, alone: true}, slices.DeleteFunc(slices.Clone(scripts), quiet))
	})
}

// run runs scripts.
func run(s *harness.Stack, may privileges, t teller, scripts []string) {
	testscript.RunT(t, testscript.Params{
		Files: scripts, RequireExplicitExec: true, Setup: func(env *testscript.Env) error { return setup(t.T, s, may, env) },
		Cmds: commands(), Condition: condition(s),
	})
}

// finish keeps the logs of a run that failed and removes everything.
func finish(t *testing.T, s *harness.Stack, r *report) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if t.Failed() {
		dir := os.Getenv("E2E_LOGS")
		if dir == "" {
			dir = filepath.Join(os.TempDir(), fmt.Sprintf("gatewright-e2e-%d", os.Getpid()))
		}
		if err := s.KeepLogs(ctx, dir); err != nil {
			t.Log(err)
		}
		t.Logf("what every container has said is in %s", dir)
	}
	fmt.Print("\n", s.Table(), "\n")
	r.print(os.Stdout)
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// organizations are those of every script: its own, and another one.
func organizations(scripts []string) []string {
	var out []string
	for _, script := range scripts {
		name := scriptName(script)
		out = append(out, name, name+"-2")
	}
	return out
}

// scriptName is the name of a script, which is also that of its organisation.
func scriptName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}
