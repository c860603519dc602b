package inventory_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/inventory/postgrestest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		writeUntilKilled(path)
	}
	if what := os.Getenv(pauseEnv); what != "" {
		standStill(what)
	}
	// Three databases share the work of finding a counterexample.
	flag.Parse()
	if !explicit("rapid.checks") {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	postgrestest.Stop()
	os.Exit(code)
}

// explicit reports whether a flag was given.
func explicit(name string) bool {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// backend is a database that the suite runs on.
type backend struct {
	name string
	// fresh returns the name of a new, empty database.
	fresh func(t *testing.T) string
}

// onEach runs f on every backend.
func onEach(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Helper()
	t.Parallel()
	for _, b := range []backend{{"sqlite", freshSQLite}, {"memory", freshMemory}, {"postgres", freshPostgres}} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			f(t, b.fresh(t))
		})
	}
}

func freshSQLite(t *testing.T) string {
	t.Helper()
	return "sqlite://" + filepath.Join(t.TempDir(), "gatewright.db")
}

func freshMemory(*testing.T) string { return "sqlite::memory:" }

func freshPostgres(t *testing.T) string {
	t.Helper()
	return postgrestest.Fresh(t)
}

// open opens a store for the length of the test.
func open(t *testing.T, dsn string) *inventory.Store {
	t.Helper()
	s, err := inventory.Open(t.Context(), dsn, inventory.Options{Version: "test"})
	if err != nil {
		t.Fatalf("Open(%s): %v", inventory.Redact(dsn), err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}
