package inventory_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/reconciler/inventory"
)

// server is the PostgreSQL that tests share. It is started when the first test
// asks for it.
var server = sync.OnceValues(startPostgres)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		writeUntilKilled(path)
	}
	// Three databases share the work of finding a counterexample.
	flag.Parse()
	if !explicit("rapid.checks") {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	stopPostgres()
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

var schemas atomic.Int64

// freshPostgres makes a schema of the test's own.
func freshPostgres(t *testing.T) string {
	t.Helper()
	dsn := postgresDSN(t)
	name := fmt.Sprintf("t%d_%s", schemas.Add(1), strings.ToLower(rand.Text()[:8]))
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + "search_path=" + name
}

// postgresDSN names a PostgreSQL server, or skips the test with the reason why
// there is none. In CI there must be one.
func postgresDSN(t *testing.T) string {
	t.Helper()
	dsn, err := server()
	switch {
	case err == nil:
		return dsn
	case errors.Is(err, errNoPostgres) && os.Getenv("CI") != "true":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
	return ""
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
