package inventory_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that execute uses

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

// execute runs SQL behind the store's back.
func execute(t *testing.T, dsn, query string) {
	t.Helper()
	var db *sql.DB
	var err error
	if path, ok := strings.CutPrefix(dsn, "sqlite://"); ok {
		db, err = sql.Open("sqlite", path+"?_busy_timeout=5000")
	} else {
		db, err = sql.Open("pgx", dsn)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// made returns a database that has been written to.
func made(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatewright.db")
	s := openStore(t, "sqlite://"+path)
	var many []inventory.Binding
	for _, a := range "abcdefghijklmnopqrstuvwxyz" {
		many = append(many, full(binding("acme", "travel", string(a), "production")))
	}
	if err := s.SaveBindings(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		// dsn prepares the trouble and names the database.
		dsn    func(t *testing.T) string
		opts   inventory.Options
		class  fault.Class
		reason string
		// says is part of the message.
		says string
	}{
		"no name":        {dsn: constant(""), class: fault.Stalled, reason: "DatabaseName", says: "no database is named"},
		"unknown kind":   {dsn: constant("mysql://root:s3cr3t-pw@db/x"), class: fault.Stalled, reason: "DatabaseName", says: `"mysql"`},
		"bare path":      {dsn: constant("/var/lib/g.db"), class: fault.Stalled, reason: "DatabaseName", says: "no known form"},
		"host for file":  {dsn: constant("sqlite://g.db"), class: fault.Stalled, reason: "DatabaseName", says: "names a host"},
		"no file":        {dsn: constant("sqlite:"), class: fault.Stalled, reason: "DatabaseName", says: "no file"},
		"bad URL":        {dsn: constant("postgres://u:s3cr3t-pw@h:port/x"), class: fault.Stalled, reason: "DatabaseName", says: "cannot be read"},
		"bad parameter":  {dsn: constant("postgres://u:s3cr3t-pw@h/x?sslmode=maybe"), class: fault.Stalled, reason: "DatabaseName", says: "cannot be read"},
		"no directory":   {dsn: inDir("missing/g.db", nil), class: fault.Stalled, reason: "DirectoryMissing", says: "missing/g.db"},
		"is a directory": {dsn: inDir(".", nil), class: fault.Stalled, reason: "DatabaseName"},
		"text file":      {dsn: inDir("g.db", []byte(strings.Repeat("not a database\n", 200))), class: fault.Stalled, reason: "DatabaseForeign"},
		"other program": {dsn: func(t *testing.T) string {
			dsn := inDir("g.db", nil)(t)
			execute(t, dsn, "CREATE TABLE bindings (x)")
			return dsn
		}, class: fault.Stalled, reason: "DatabaseForeign", says: "another program"},
		"truncated": {dsn: func(t *testing.T) string {
			path := made(t)
			if err := os.Truncate(path, 4096*3+100); err != nil {
				t.Fatal(err)
			}
			return "sqlite://" + path
		}, class: fault.Stalled, reason: "DatabaseCorrupt"},
		"newer": {dsn: func(t *testing.T) string {
			path := made(t)
			execute(t, "sqlite://"+path, "INSERT INTO gatewright_migrations (name, group_id) VALUES ('0999', 9)")
			execute(t, "sqlite://"+path, "UPDATE meta SET value = 'v9.9.9' WHERE key = 'written-by'")
			return "sqlite://" + path
		}, class: fault.Stalled, reason: "DatabaseNewer", says: "written by gatewright v9.9.9: it has schema version 0999 and this program knows versions up to 0003"},
		"read-only, missing":  {dsn: inDir("g.db", nil), opts: inventory.Options{ReadOnly: true}, class: fault.Stalled, reason: "DatabaseMissing"},
		"read-only, empty":    {dsn: inDir("g.db", []byte{}), opts: inventory.Options{ReadOnly: true}, class: fault.Stalled, reason: "DatabaseEmpty"},
		"no migration, empty": {dsn: inDir("g.db", nil), opts: inventory.Options{NoMigrate: true}, class: fault.Stalled, reason: "DatabaseEmpty"},
		"postgres down":       {dsn: constant("postgres://u:s3cr3t-pw@127.0.0.1:1/x"), class: fault.Transient, reason: "DatabaseUnreachable"},
		"postgres, no socket": {dsn: constant("postgres://u:s3cr3t-pw@/x?host=/nonexistent"), class: fault.Transient, reason: "DatabaseUnreachable"},
		"locked by another": {dsn: func(t *testing.T) string {
			path := made(t)
			holdExclusively(t, path)
			return "sqlite://" + path
		}, opts: inventory.Options{BusyTimeout: 50 * time.Millisecond}, class: fault.Transient, reason: "DatabaseLocked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := inventory.Open(t.Context(), tt.dsn(t), tt.opts)
			if err == nil {
				_ = s.Close()
				t.Fatal("Open succeeded")
			}
			checkFault(t, err, tt.class, tt.reason, tt.says)
		})
	}
}

func constant(dsn string) func(*testing.T) string { return func(*testing.T) string { return dsn } }

// inDir names a file in a directory of the test's own, with content unless it
// is nil.
func inDir(name string, content []byte) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		path := t.TempDir() + "/" + name
		if content != nil {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return "sqlite://" + path
	}
}

func holdExclusively(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=locking_mode(EXCLUSIVE)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
}

// checkFault demands a fault that says what is wrong and what to do, without
// the password.
func checkFault(t *testing.T, err error, class fault.Class, reason, says string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("error is no fault: %v", err)
	}
	if f.Class != class || f.Reason != reason || !strings.Contains(f.Error(), says) {
		t.Errorf("fault is %s %s: %v\nwant %s %s: …%s…", f.Class, f.Reason, f, class, reason, says)
	}
	if f.Hint == "" || f.Target != "inventory" || f.Op == "" {
		t.Errorf("fault lacks a hint, a target or an operation: %#v", f)
	}
	for _, s := range []string{err.Error(), f.Hint} {
		if strings.Contains(s, "s3cr3t") || strings.Contains(s, "\n") {
			t.Errorf("the fault shows a password or has several lines: %q", s)
		}
	}
}

// TestPostgresRefuses covers what a server says.
func TestPostgresRefuses(t *testing.T) {
	t.Parallel()
	dsn := freshPostgres(t)
	if os.Getenv("GATEWRIGHT_POSTGRES_DSN") != "" {
		t.Skip("only a private server is known to check passwords and to let us make users")
	}
	schema := dsn[strings.LastIndex(dsn, "=")+1:]
	execute(t, dsn, "CREATE ROLE guest LOGIN PASSWORD 's3cr3t-guest'")
	execute(t, dsn, "CREATE SCHEMA "+schema+"_usable")
	execute(t, dsn, "GRANT USAGE ON SCHEMA "+schema+"_usable TO guest")
	for name, tt := range map[string]struct {
		dsn    string
		reason string
	}{
		"wrong password":   {strings.Replace(dsn, "s3cr3t-pw", "s3cr3t-not", 1), "DatabaseLogin"},
		"unknown user":     {strings.Replace(dsn, "gatewright:", "nobody:", 1), "DatabaseLogin"},
		"missing database": {strings.Replace(dsn, "/postgres?", "/missing?", 1), "DatabaseMissing"},
		"no use of schema": {strings.Replace(dsn, "gatewright:s3cr3t-pw", "guest:s3cr3t-guest", 1), "SchemaMissing"},
		"no rights":        {strings.Replace(dsn, "gatewright:s3cr3t-pw", "guest:s3cr3t-guest", 1) + "_usable", "DatabaseRights"},
		"missing schema":   {dsn + "x", "SchemaMissing"},
		"standby":          {dsn + "&default_transaction_read_only=on", "DatabaseReadOnly"},
	} {
		s, err := inventory.Open(t.Context(), tt.dsn, inventory.Options{})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: Open succeeded", name)
			continue
		}
		t.Run(name, func(t *testing.T) { checkFault(t, err, fault.Stalled, tt.reason, "") })
	}
	execute(t, dsn, "CREATE TABLE runs (x int)")
	_, err := inventory.Open(t.Context(), dsn, inventory.Options{})
	checkFault(t, err, fault.Stalled, "DatabaseForeign", `"runs"`)
}

// TestFullDisk fills a small file system.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := made(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=192k"); err != nil {
		t.Skip("a small file system takes the right to mount: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(dir, "g.db")
	if err := os.WriteFile(small, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, "sqlite://"+small)
	var full error
	for i := 0; full == nil && i < 10_000; i++ {
		full = s.Event(t.Context(), inventory.Event{Actor: "a", Message: strings.Repeat("x", 3000)})
	}
	checkFault(t, full, fault.Stalled, "DiskFull", "")
	if err := s.Verify(t.Context()); err != nil {
		t.Errorf("after the disk was full: %v", err)
	}
	if got, err := s.Bindings(t.Context(), inventory.Filter{}); err != nil || len(got) != 26 {
		t.Errorf("after the disk was full: %d bindings, %v", len(got), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestDamage overwrites pages in the middle: whatever is read, damage is
// reported and never a panic.
func TestDamage(t *testing.T) {
	t.Parallel()
	path := made(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for off := int64(4096 * 2); off < info.Size(); off += 4096 {
		if _, err := f.WriteAt([]byte(strings.Repeat("\xa5", 200)), off); err != nil {
			t.Fatal(err)
		}
	}
	s, err := inventory.Open(t.Context(), "sqlite://"+path, inventory.Options{})
	if err == nil {
		defer s.Close()
		_, err = s.Bindings(t.Context(), inventory.Filter{})
		checkFault(t, s.Verify(t.Context()), fault.Stalled, "DatabaseCorrupt", "")
	}
	checkFault(t, err, fault.Stalled, "DatabaseCorrupt", "")
}

// TestPrivate: nobody but the owner reads the files.
func TestPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "g with % and ?.db")
	s := open(t, "sqlite://"+path)
	begin(t, s)
	found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(found) < 2 {
		t.Fatalf("files: %v, %v", found, err)
	}
	for _, p := range found {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
	}
}

// TestOpenTogether lets replicas that start together migrate.
func TestOpenTogether(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		type opened struct {
			s   *inventory.Store
			err error
		}
		ch := make(chan opened)
		for range 8 {
			go func() {
				s, err := inventory.Open(t.Context(), dsn, inventory.Options{Version: "v1"})
				ch <- opened{s, err}
			}()
		}
		for range 8 {
			o := <-ch
			if o.err != nil {
				t.Error(o.err)
				continue
			}
			// The tables are whole for everybody who got in.
			if _, err := o.s.Bindings(t.Context(), inventory.Filter{}); err != nil {
				t.Error(err)
			}
			begin(t, o.s)
			if err := o.s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"postgres://u:pw@h/db":                   "postgres://u:***@h/db",
		"dial postgres://u:p@w@h:5/db failed":    "dial postgres://u:***@h:5/db failed",
		"host=h password=pw user=u":              "host=h password=*** user=u",
		"postgres://h/db?user=u&password=pw&a=b": "postgres://h/db?user=u&password=***&a=b",
		"password='p w' host=h":                  "password=*** host=h",
		"sqlite:gatewright.db":                   "sqlite:gatewright.db",
	} {
		if got := inventory.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
