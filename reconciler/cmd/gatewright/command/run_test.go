package command

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // what the inventory is kept in

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// TestDaemonWaitsForItsDatabase: a daemon that starts while another process has
// the inventory waits until it is free.
func TestDaemonWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatewright.db")
	held, err := sql.Open("sqlite", path+"?_pragma=locking_mode(EXCLUSIVE)")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	held.SetMaxOpenConns(1)
	if _, err := held.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a := &App{log: slog.New(slog.NewTextHandler(writer(func(said []byte) {
		log.Write(said)
		if err := held.Close(); err != nil { // once it has said that it waits
			t.Error(err)
		}
	}), nil))}
	cfg := &config.Config{Database: config.Database{URL: config.SecretRef{Value: resource.NewSecret("sqlite://" + path)}}}
	// What follows the database in a start is what this configuration lacks.
	if _, err := a.patiently(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no environments") {
		t.Errorf("error = %v", err)
	}
	if said := log.String(); !strings.Contains(said, "waiting to start") || !strings.Contains(said, "fuser") {
		t.Errorf("the log says %q", said)
	}
}

// writer is a function that is written to.
type writer func([]byte)

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}
