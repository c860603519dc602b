//go:build unix

package main

import (
	"context"
	"database/sql"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // what the inventory is kept in
)

// database makes gatewright.db newer, read-only or locked.
func database(ts *testscript.TestScript, w *world, args []string) {
	file := ts.MkAbs("gatewright.db")
	switch args[0] {
	case "newer":
		db, err := sql.Open("sqlite", file)
		ts.Check(err)
		_, err = db.ExecContext(context.Background(), `INSERT INTO gatewright_migrations (name, group_id) VALUES ('0999', 9);
			UPDATE meta SET value = '9.9.9' WHERE key = 'written-by'`)
		ts.Check(err)
		ts.Check(db.Close())
	case "read-only":
		// Permissions would not stop a superuser. A version of the format above
		// those that SQLite can write does, at this place of the header.
		const writeVersion = 18
		data, err := os.ReadFile(file)
		ts.Check(err)
		data[writeVersion] = 3
		ts.Check(os.WriteFile(file, data, 0o600))
	case "lock":
		db, err := sql.Open("sqlite", file+"?_pragma=locking_mode(EXCLUSIVE)")
		ts.Check(err)
		db.SetMaxOpenConns(1)
		_, err = db.ExecContext(context.Background(), "BEGIN EXCLUSIVE")
		ts.Check(err)
		w.closers = append(w.closers, func() { _ = db.Close() }) // nothing was written
	default:
		ts.Fatalf("unknown trouble %q", args[0])
	}
}
