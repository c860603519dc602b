//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/e2e/harness"
)

// contract is a suite that an adapter and its simulator pass.
type contract struct {
	peer string
	// packages and tests are what `go test` is told to run.
	pkg, tests string
	// real says that it compares what a real server answers.
	real bool
}

// contracts are the suites that take the address of a server.
var contracts = []contract{
	{peer: "openbao", pkg: "./adapters/openbao", tests: "."},
	{peer: "openbao", pkg: "./fixtures/openbao", tests: "TestScripts", real: true},
	{peer: "thunder", pkg: "./fixtures/thunder", tests: "TestContractAgainstARealServer"},
}

// testContracts runs the suites of the adapters, which run against simulators
// elsewhere, against the containers: the same code, told where the server is.
func testContracts(t *testing.T, s *harness.Stack, r *report) {
	t.Helper()
	for _, c := range contracts {
		teller{T: t, report: r}.tell("contract "+c.name(), func(t *testing.T, why *string) {
			if isReal, err := s.Real(c.peer); c.real && !isReal {
				*why = fmt.Sprintf("it compares with a real %s", c.peer)
				t.Skip(*why, err)
			}
			if out, err := c.run(t, s); err != nil {
				*why = firstFailure(out)
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// name names a suite without slashes, which `go test -run` would take apart.
func (c contract) name() string {
	return strings.ReplaceAll(strings.TrimPrefix(c.pkg, "./"), "/", " ")
}

// contractTime bounds one suite.
const contractTime = 5 * time.Minute

// run runs the suite in a process of its own.
func (c contract) run(t *testing.T, s *harness.Stack) (string, error) {
	t.Helper()
	by := s.Hand()
	test := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout", contractTime.String(), "-run", c.tests, c.pkg)
	test.Dir = ".."
	test.Env = append(os.Environ(), "CGO_ENABLED=0",
		"GATEWRIGHT_OPENBAO_ADDRESS="+by.BaoURL, "GATEWRIGHT_OPENBAO_TOKEN="+by.BaoToken,
		"GATEWRIGHT_THUNDER_URL="+by.ThunderURL, "GATEWRIGHT_THUNDER_CLIENT_ID="+by.ClientID, "GATEWRIGHT_THUNDER_CLIENT_SECRET="+by.ClientSecret)
	out, err := test.CombinedOutput()
	return string(out), err
}

// firstFailure is the line after the name of the first test that failed, or the
// first line if it was not run at all.
func firstFailure(out string) string {
	_, after, failed := strings.Cut(out, "--- FAIL: ")
	if !failed {
		after = out
	}
	for line := range strings.Lines(after) {
		if line = strings.TrimSpace(line); strings.Contains(line, ".go:") || !failed {
			return line
		}
	}
	return strings.TrimSpace(after)
}
