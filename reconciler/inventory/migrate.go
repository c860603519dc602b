package inventory

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/gatewright/gatewright/reconciler/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are those in migrations/, discovered once.
var migrations = discover()

const (
	migrationTable = "gatewright_migrations"
	locksTable     = "gatewright_migration_locks"
	// migrationLock is the key of the PostgreSQL advisory lock under which
	// replicas that start together migrate one after another.
	migrationLock = applicationID
	// writtenBy is the fact that names the program that last migrated.
	writtenBy = "written-by"
)

// discover reads the embedded migrations, whose names are checked by a test.
func discover() *migrate.Migrations {
	m := migrate.NewMigrations()
	if err := m.Discover(migrationFiles); err != nil {
		panic("inventory: embedded migrations: " + err.Error())
	}
	return m
}

// latest names the newest migration that this program knows.
func latest() string {
	all := migrations.Sorted()
	return all[len(all)-1].Name
}

// schemaState returns the name of the newest migration of the database, and
// nothing for a new one. A database from a newer program is a fault.
func (s *Store) schemaState(ctx context.Context) (string, error) {
	tables, err := s.tables(ctx)
	if err != nil {
		return "", err
	}
	if !slices.Contains(tables, migrationTable) {
		for _, t := range tables {
			if slices.Contains(ourTables, t) {
				return "", foreign(fmt.Sprintf("its schema holds a table %q that is not ours", t))
			}
		}
		return "", nil
	}
	var applied []string
	err = s.reads.NewSelect().ColumnExpr("name").Table(migrationTable).Order("name").Scan(ctx, &applied)
	if err != nil || len(applied) == 0 {
		return "", err
	}
	known := migrations.Sorted()
	for _, name := range applied {
		if !slices.ContainsFunc(known, func(m migrate.Migration) bool { return m.Name == name }) {
			return "", s.newer(ctx, name)
		}
	}
	return applied[len(applied)-1], nil
}

// ourTables are the tables whose presence without a migration table says that
// a database is somebody else's.
var ourTables = []string{"meta", "bindings", "clients", "resources", "runs", "steps", "events", "leases", "suspensions", "rotations"}

// tables lists the tables where ours would be.
func (s *Store) tables(ctx context.Context) ([]string, error) {
	q := s.reads.NewSelect().ColumnExpr("tablename").Table("pg_catalog.pg_tables").Where("schemaname = current_schema()")
	if s.sqlite() {
		q = s.reads.NewSelect().ColumnExpr("name").Table("sqlite_schema").Where("type = 'table'")
	}
	var names []string
	err := q.Scan(ctx, &names)
	return names, err
}

// newer is the fault of a database that a newer program migrated.
func (s *Store) newer(ctx context.Context, name string) error {
	by, _, err := s.Meta(ctx, writtenBy)
	if err != nil || by == "" {
		by = "a newer gatewright"
	} else {
		by = "gatewright " + by
	}
	e := fault.New(fault.Stalled, "DatabaseNewer",
		"it was written by %s: it has schema version %s and this program knows versions up to %s", by, name, latest())
	e.Hint = "run that version of gatewright or a later one; or start with a new database, which the next pass fills from what stands"
	return e
}

// behind is the fault of a database that must not be migrated now.
func behind(src source, version string) error {
	if version == "" {
		e := fault.New(fault.Stalled, "DatabaseEmpty", "%s holds no inventory yet", src.shown)
		e.Hint = "gatewright apply or gatewright run fills it"
		return e
	}
	e := fault.New(fault.Stalled, "DatabaseOlder", "it has schema version %s and this program needs %s", version, latest())
	e.Hint = "gatewright apply or gatewright run brings it up to date"
	return e
}

// migrate brings the tables up to date. A process that dies in between leaves
// what the next one completes: each migration is one transaction and may be
// repeated. The lock table of bun/migrate is not used, since a killed process
// would leave it locked.
func (s *Store) migrate(ctx context.Context, version string) (err error) {
	if !s.sqlite() {
		locked, unlock, err := s.lockMigrations(ctx)
		if err != nil {
			return err
		}
		defer func() {
			if lost := context.Cause(locked); err != nil && lost != nil {
				err = lost // and not that what was under way was cut off
			}
			unlock()
		}()
		ctx = locked
	}
	m := migrate.NewMigrator(s.db, migrations, migrate.WithTableName(migrationTable), migrate.WithLocksTableName(locksTable),
		migrate.WithMarkAppliedOnSuccess(true), migrate.WithUpsert(true), migrate.WithTemplateData(s.dialectWords()))
	if err := m.Init(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return s.SetMeta(ctx, writtenBy, version)
}

// lockMigrations waits for the advisory lock and returns what frees it, and a
// context that ends if it is lost. The lock belongs to a transaction, in which
// the server hears every second that this process is still there: it outlives
// neither a process that ended nor one that is paused.
func (s *Store) lockMigrations(ctx context.Context) (context.Context, func(), error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	if _, err = tx.ExecContext(ctx, setSilence("SET LOCAL")); err == nil {
		_, err = tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", migrationLock)
	}
	if err != nil {
		return nil, nil, errors.Join(err, rollback(tx))
	}
	locked, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		keepTx(locked, tx, cancel)
	}()
	return locked, func() {
		cancel(context.Canceled)
		<-kept
		// A transaction that cannot be ended has lost its connection, and with
		// it the lock.
		_ = rollback(tx)
	}, nil
}

// keepTx speaks to the server until ctx ends, and ends it when the transaction
// is lost.
func keepTx(ctx context.Context, tx bun.Tx, lose context.CancelCauseFunc) {
	tick := time.NewTicker(silence / 10)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := ping(ctx, tx); err != nil {
				lose(fmt.Errorf("the lock of the migrations was lost: %w", err))
				return
			}
		}
	}
}

// ping speaks to the server once. What has begun is finished, so that the
// transaction stays whole, but a server that is silent is given up.
func ping(ctx context.Context, tx bun.Tx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), silence)
	defer cancel()
	_, err := tx.ExecContext(ctx, "SELECT 1")
	return err
}

// dialectWords are the parts of the migrations in which the databases differ.
func (s *Store) dialectWords() map[string]string {
	if s.sqlite() {
		// Tables without a rowid are their own primary key index.
		return map[string]string{"Identity": "INTEGER PRIMARY KEY AUTOINCREMENT", "WithoutRowID": " WITHOUT ROWID"}
	}
	return map[string]string{"Identity": "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "WithoutRowID": ""}
}
