package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Options say how to open a database. The zero value is right for the daemon.
type Options struct {
	// ReadOnly opens for reading alone: nothing is created, migrated or
	// written, and writing methods fail.
	ReadOnly bool
	// NoMigrate leaves the tables as they are; an older database is refused.
	NoMigrate bool
	// Version is the version of the program, kept in the database so that an
	// older program can say who made a database that it cannot read.
	Version string
	// BusyTimeout is how long to wait for a database that another process
	// holds, or for a server to answer the first connection. Zero means 5 s.
	BusyTimeout time.Duration
}

// Store is an open inventory. Its methods may be called concurrently.
type Store struct {
	source   source
	readOnly bool
	// db writes. For SQLite it is a single connection, so that writers of one
	// process queue here and not in the database's lock.
	db *bun.DB
	// reads is a pool for reading beside a writer; db itself where there is
	// no such thing.
	reads *bun.DB
	now   func() time.Time

	writer   writer
	seqs     sequences
	prepared map[*bulk]*sql.Stmt

	mu     sync.Mutex
	leases map[*Lease]struct{}
}

// Open opens the database named dsn and brings its tables up to date. dsn is
// "sqlite:relative.db", "sqlite:///absolute.db", "sqlite::memory:" or a
// "postgres://" URL. A missing SQLite file is created, readable by its owner
// alone. Errors are *fault.Error and never hold a password.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	src, err := parseSource(dsn)
	if err != nil {
		return nil, err
	}
	if opts.BusyTimeout <= 0 {
		opts.BusyTimeout = 5 * time.Second
	}
	s := &Store{
		source: src, readOnly: opts.ReadOnly, now: time.Now,
		writer: newWriter(), leases: map[*Lease]struct{}{},
	}
	if src.postgres != "" {
		err = s.openPostgres(ctx, opts)
	} else {
		err = s.openSQLite(ctx, opts)
	}
	if err == nil {
		err = s.prepare(ctx, opts)
	}
	if err == nil {
		err = s.prepareBulks(ctx)
	}
	if err != nil {
		err = s.fault("open", err)
		if s.db != nil {
			// What went wrong first is what counts.
			_ = s.Close()
		}
		return nil, err
	}
	return s, nil
}

// String names the database without a password.
func (s *Store) String() string { return s.source.shown }

// Close releases every lease that is still held and closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	held := make([]*Lease, 0, len(s.leases))
	for l := range s.leases {
		held = append(held, l)
	}
	s.mu.Unlock()
	var errs []error
	for _, l := range held {
		errs = append(errs, l.Release())
	}
	if s.reads != nil && s.reads != s.db {
		errs = append(errs, s.reads.Close())
	}
	errs = append(errs, s.db.Close())
	if err := errors.Join(errs...); err != nil {
		return s.fault("close", err)
	}
	return nil
}

// sqlite reports whether the database is SQLite.
func (s *Store) sqlite() bool { return s.source.postgres == "" }

// prepare checks or makes the tables.
func (s *Store) prepare(ctx context.Context, opts Options) error {
	version, err := s.schemaState(ctx)
	if err != nil {
		return err
	}
	if version == latest() {
		return nil
	}
	if opts.ReadOnly || opts.NoMigrate {
		return behind(s.source, version)
	}
	return s.migrate(ctx, opts.Version)
}

// writable fails for a store that was opened for reading.
func (s *Store) writable() error {
	if !s.readOnly {
		return nil
	}
	e := fault.New(fault.Stalled, "ReadOnly", "it was opened for reading")
	e.Hint = "this is a bug in gatewright: please report it"
	return e
}

// micros is t as it is stored.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant is the inverse of micros.
func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// affected is how many rows a statement changed.
func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// inTx runs f in a transaction of db.
func inTx(ctx context.Context, db *bun.DB, f func(context.Context, bun.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(ctx, tx); err != nil {
		return errors.Join(err, rollback(tx))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
