//go:build unix

package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // the inventory's default database
)

// inventory gives the installation the inventory of an earlier version, and
// forgets that it was installed before.
func inventory(ts *testscript.TestScript, w *world, args []string) {
	w.gatewright = nil
	script := func(database string) string {
		text, err := os.ReadFile(fmt.Sprintf("testdata/inventory-%s.%s.sql", args[0], database))
		ts.Check(err)
		return string(text)
	}
	if len(args) > 1 {
		if args[1] != "postgres" {
			ts.Fatalf("nothing is known of %q", args[1])
		}
		var err error
		w.settings.Data = nil
		w.settings.Database, err = w.Postgres(w.ctx, w.organization, script("postgres"))
		ts.Check(err)
		return
	}
	w.settings.Data = map[string][]byte{"gatewright.db": database(ts, script("sqlite"))}
}

// database makes a file of a script of SQL.
func database(ts *testscript.TestScript, script string) []byte {
	path := ts.MkAbs("gatewright.db")
	db, err := sql.Open("sqlite", path)
	ts.Check(err)
	_, err = db.Exec(script)
	ts.Check(err)
	ts.Check(db.Close())
	data, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.Remove(path))
	return data
}

// targets describes what stands of each agent in a file.
func targets(ts *testscript.TestScript, w *world, args []string) {
	var b strings.Builder
	for _, name := range args[1:] {
		text, err := w.by.Standing(w.ctx, "secret/agents", w.agent(name))
		ts.Check(err)
		b.WriteString(text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}
