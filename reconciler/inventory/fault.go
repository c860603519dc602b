package inventory

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// diagnosis is what an error of a database means.
type diagnosis struct {
	class       fault.Class
	reason      string
	hint        string
	unreachable bool
}

// fault turns err into a *fault.Error about op. It is nil for nil, and an
// error that is one already keeps its class and gets what it lacks.
func (s *Store) fault(op string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		out := *known
		if out.Target == "" {
			out.Target, out.Op, out.Resource = "inventory", op, s.source.shown
		}
		return &out
	}
	d := s.diagnose(err)
	return &fault.Error{
		Class: d.class, Op: op, Target: "inventory", Resource: s.source.shown, Reason: d.reason,
		Hint: d.hint, Unreachable: d.unreachable, Err: s.redacted(err),
	}
}

// diagnose classifies an error that the database or the operating system gave.
func (s *Store) diagnose(err error) diagnosis {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return diagnosis{class: fault.Transient, reason: "Cancelled"}
	case errors.As(err, &lite):
		return s.diagnoseSQLite(lite)
	case errors.As(err, &pg):
		return diagnosePostgres(pg)
	case s.source.postgres != "":
		return unreachable
	case errors.Is(err, fs.ErrNotExist):
		return diagnosis{class: fault.Stalled, reason: "DirectoryMissing", hint: "make the directory first; gatewright does not, so that a mistyped path shows"}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return s.readOnlyFile()
	case errors.Is(err, syscall.EISDIR):
		return diagnosis{class: fault.Stalled, reason: Misnamed, hint: "name a file in that directory, as sqlite:///var/lib/gatewright/gatewright.db"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return s.diskFull()
	default:
		return diagnosis{class: fault.Transient, reason: "DatabaseError"}
	}
}

var unreachable = diagnosis{
	class: fault.Transient, reason: "DatabaseUnreachable", unreachable: true,
	hint: "check that PostgreSQL runs and listens where the database setting says",
}

func (s *Store) readOnlyFile() diagnosis {
	return diagnosis{
		class: fault.Stalled, reason: "DatabaseReadOnly",
		hint: "give the user of this process the right to write the file and its directory, which also takes the log " + s.source.path + "-wal",
	}
}

func (s *Store) diskFull() diagnosis {
	return diagnosis{
		class: fault.Stalled, reason: "DiskFull",
		hint: "free space where " + s.source.path + " lies; what is stored stays whole",
	}
}

// redacted is err without any password of the data source name. It keeps err
// for errors.Is where there is nothing to hide.
func (s *Store) redacted(err error) error {
	msg := err.Error()
	clean := Redact(msg)
	if u, perr := url.Parse(s.source.postgres); perr == nil && u.User != nil {
		if pw, ok := u.User.Password(); ok && pw != "" {
			clean = strings.ReplaceAll(clean, pw, "***")
		}
	}
	clean = strings.Join(strings.Fields(clean), " ")
	if clean == msg {
		return err
	}
	return errors.New(clean)
}

// missing reports that a query found nothing.
func missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }
