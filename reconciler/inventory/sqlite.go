package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// applicationID marks our files (PRAGMA application_id): "gwrt".
const applicationID = 0x67777274

// readers is how many connections read beside the writer.
const readers = 4

// busyRetry is how soon what SQLite does not wait for is tried again.
const busyRetry = 10 * time.Millisecond

// memories numbers the databases in memory of this process.
var memories atomic.Int64

func (s *Store) openSQLite(ctx context.Context, opts Options) error {
	if s.source.memory {
		// A private cache holds one connection's tables, so there is only one.
		dsn := "file:gatewright-" + strconv.FormatInt(memories.Add(1), 10) + "?mode=memory&" + pragmas(opts, false)
		db, err := connectSQLite(dsn, 1)
		s.db, s.reads = db, db
		return err
	}
	if !opts.ReadOnly {
		if err := createFile(s.source.path); err != nil {
			return err
		}
	} else if err := checkReadable(s.source.path); err != nil {
		return err
	}
	var err error
	if !opts.ReadOnly {
		if s.db, err = connectSQLite(fileURI(s.source.path, "rw", false)+pragmas(opts, true), 1); err != nil {
			return err
		}
		if err := claimPatiently(ctx, opts.BusyTimeout, s.claimFile); err != nil {
			return err
		}
	}
	immutable := opts.ReadOnly && unshared(s.source.path)
	s.reads, err = connectSQLite(fileURI(s.source.path, "ro", immutable)+pragmas(opts, false), readers)
	if opts.ReadOnly {
		s.db = s.reads
	}
	return err
}

// pragmas are the settings of each connection.
//
//	busy_timeout  how long to wait for another process
//	foreign_keys  steps belong to runs, clients to bindings
//	journal WAL   readers and the writer do not wait for each other, and a
//	              killed process leaves a log that the next one replays
//	synchronous NORMAL: with WAL a power cut may lose the last transactions,
//	              which the next pass observes anew; it cannot corrupt the
//	              file. FULL would cost an fsync for each.
//	auto_vacuum   what Prune frees is given back
//	defensive     no statement can corrupt the file on purpose
func pragmas(opts Options, writer bool) string {
	v := url.Values{}
	v.Set("_busy_timeout", strconv.FormatInt(opts.BusyTimeout.Milliseconds(), 10))
	v.Set("_foreign_keys", "1")
	v.Set("_defensive", "1")
	v.Set("_error_rc", "1")
	v.Set("_dqs", "0")
	if writer {
		v.Set("_auto_vacuum", "INCREMENTAL")
		v.Set("_journal_mode", "WAL")
		v.Set("_synchronous", "NORMAL")
		// A transaction that begins by reading and then writes can fail
		// without waiting; ours are all for writing.
		v.Set("_txlock", "immediate")
	}
	return v.Encode()
}

// fileURI is the SQLite URI of a file, ready for more parameters.
func fileURI(path, mode string, immutable bool) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=" + mode}
	if immutable {
		u.RawQuery += "&immutable=1"
	}
	return u.String() + "&"
}

func connectSQLite(dsn string, conns int) (*bun.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// createFile makes sure that the file is there and nobody else may read it:
// SQLite gives its log the same mode.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// checkReadable reports a missing or unreadable file as what it is, where
// SQLite would say that it cannot open it.
func checkReadable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		e := fault.New(fault.Stalled, "DatabaseMissing", "there is no database file yet")
		e.Hint = "gatewright apply or gatewright run creates it; or name another one with --database"
		return e
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// unshared reports that the file must be read as it lies: its directory takes
// no new file, which WAL would need, and there is no log to replay.
func unshared(path string) bool {
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return false
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".gatewright-probe-*")
	if err != nil {
		return true
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return false
}

// claimPatiently claims until nobody else does at the same time. The change to
// WAL takes a lock that it may not wait for, since two that wait for each other
// would wait for ever: SQLite says at once that it is busy.
func claimPatiently(ctx context.Context, within time.Duration, claim func(context.Context) error) error {
	for deadline := time.Now().Add(within); ; {
		err := claim(ctx)
		lite, ok := errors.AsType[*sqlite.Error](err)
		if !ok || lite.Code()&0xff != lib.SQLITE_BUSY || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(busyRetry):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// claimFile marks a new file as ours and refuses one of another program. The
// tables are counted before the mark is read: ours come after their mark, so
// those of a gatewright that starts at the same time are known as its.
func (s *Store) claimFile(ctx context.Context) error {
	var id, tables int64
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if err := s.db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id == applicationID {
		return nil
	}
	if id != 0 || tables > 0 {
		return foreign(fmt.Sprintf("it is an SQLite database of another program (application id %#x, %d tables)", id, tables))
	}
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
	return err
}

// foreign is the fault of a database that holds something else.
func foreign(message string) *fault.Error {
	e := fault.New(fault.Stalled, "DatabaseForeign", "%s", message)
	e.Hint = "name a database of gatewright's own; nothing was changed in this one"
	return e
}
