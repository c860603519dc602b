//go:build unix

package main

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/fixtures/kube"
	"github.com/gatewright/gatewright/fixtures/kube/kubetest"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/command"
	"github.com/gatewright/gatewright/schema"
)

// The scripts in testdata/script specify the command line: commands, files,
// what is printed and the exit status. Beside testscript's own commands
// (`cmp`, `cmpenv`, `stdout`, `stderr`, …) they have:
//
//	exits CODE gatewright ARG…     run the program and insist on its exit status.
//	                               What it prints may hold no secret, no colour
//	                               and no stack trace; `token` alone prints tokens
//	stack ORG ENV AGENT…           start simulators of Thunder and OpenBAO, put
//	                               agents of the project travel into the cluster
//	                               that all scripts share, and write
//	                               gatewright.yaml. Sets THUNDER, BAO, CLUSTER,
//	                               GATEWAY (addresses) and ORG
//	commit MESSAGE                 commit all of specs/, as the repository
//	thunder|bao|cluster fail STATUS [ROUTE]   answer so, at a route or everywhere
//	thunder|bao|cluster reset|hang|truncate [ROUTE]   hang up, be silent, send half
//	thunder|bao|cluster mend       work again
//	thunder role off               the administrator's client loses its role
//	bao seal|unseal                seal the server
//	bao put PATH JSON              store an entry that bears no mark
//	bao policy                     replace the token by one that may do nothing
//	cluster user NAME              be that user of the cluster: admin or nobody
//	gateway CODE AGENT@ENV [FILE]  call the agent's API, with the token in FILE
//	untouched                      no target was asked to change anything since
//	                               the last `untouched` or `changed`
//	harmless                       the same, but credentials and clients may have
//	                               been created or changed
//	changed deletes=N              something was changed, and N things deleted
//	git-server [password]          serve specs/ over https, to everybody or to
//	                               nobody. Sets GIT and writes git-ca.pem
//	healthz STATUS                 answer at /healthz as a daemon. Sets HEALTH, an
//	                               address, and HEALTH_PORT
//	database newer|read-only|lock  give gatewright.db a later version, a format
//	                               that cannot be written, or to somebody else
//	dotdot                         commit a tree that holds a directory ".."
//	fill FILE SIZE TEXT            write TEXT again and again
//	bytes FILE TEXT                write TEXT, in which \n and \xff stand for bytes
//	envsubst FILE                  put the values of variables into FILE
//	console ARG…                   start the program in the background with a
//	                               command that serves a console. Sets LINK, and
//	                               LISTEN to its address
//	open STATUS LINK [STATUS PATH] log in with a link, or that in a file, then get
//	                               a path into the file page
//	interrupt                      end what serves a console, with status 0
//	stamps FILE                    write FILE with words for times, spans and
//	                               addresses to the file stamped
//
// With GATEWRIGHT_UPDATE=1 `cmp` writes what came into the scripts.

// runner ends the shared API server after the tests.
type runner struct{ *testing.M }

// Run implements testscript.TestingM. Scripts wait more than they work, so more
// of them run at once than there are processors.
func (r runner) Run() int {
	if f := flag.Lookup("test.parallel"); f != nil {
		if err := f.Value.Set("8"); err != nil {
			panic(err) // it is a number
		}
	}
	return kubetest.Main(r.M, kube.Options{Users: []kube.User{{Name: nobody}}}, install)
}

// nobody is a user of the cluster who may do nothing.
const nobody = "nobody"

func TestMain(m *testing.M) {
	// The program evaluates specs in copies of itself, and this is one of them.
	schema.WorkerMain()
	testscript.Main(runner{m}, map[string]func(){
		"gatewright": func() {
			schema.WorkerMain()
			os.Exit(command.Main(context.Background(), os.Args[1:], "1.2.3"))
		},
	})
}

// TestScripts runs the scripts that need no target.
func TestScripts(t *testing.T) {
	t.Parallel()
	play(t, scripts(t, false))
}

// TestScriptsWithTargets runs the scripts that have a stack.
func TestScriptsWithTargets(t *testing.T) {
	t.Parallel()
	kubetest.Cluster(t)
	t.Cleanup(standIns.stop)
	play(t, scripts(t, true))
}

// scripts lists the scripts with or without a stack.
func scripts(t *testing.T, stack bool) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nstack ") != stack
	})
	if len(files) == 0 {
		t.Fatal("there are no scripts")
	}
	return files
}

func play(t *testing.T, files []string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatalf("the scripts need git: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Files: files, Setup: setup, Cmds: verbs, UpdateScripts: os.Getenv("GATEWRIGHT_UPDATE") != "",
		RequireExplicitExec: true, RequireUniqueNames: true,
	})
}

// setup gives a script a world of its own, and git no configuration but ours.
func setup(e *testscript.Env) error {
	w := &world{dir: e.WorkDir, secrets: map[string]bool{}}
	e.Values[worldKey{}] = w
	e.Defer(w.close)
	for _, kv := range [][2]string{
		{"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_SYSTEM", "/dev/null"}, {"GIT_TERMINAL_PROMPT", "0"},
		{"GIT_AUTHOR_NAME", "Ada"}, {"GIT_AUTHOR_EMAIL", "ada@acme.example"}, {"GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z"},
		{"GIT_COMMITTER_NAME", "Ada"}, {"GIT_COMMITTER_EMAIL", "ada@acme.example"}, {"GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z"},
	} {
		e.Setenv(kv[0], kv[1])
	}
	return nil
}
