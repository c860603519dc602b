package inventory

import (
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// diagnoseSQLite reads the result codes of https://www.sqlite.org/rescode.html.
func (s *Store) diagnoseSQLite(e *sqlite.Error) diagnosis {
	file := s.source.path
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return diagnosis{
			class: fault.Transient, reason: "DatabaseLocked", unreachable: true,
			hint: "another process holds the database; see which: fuser " + file,
		}
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return s.readOnlyFile()
	case lib.SQLITE_CANTOPEN:
		return diagnosis{
			class: fault.Stalled, reason: "DatabaseUnopenable",
			hint: "check that " + file + " is a file, and that this process may read and write it and its directory",
		}
	case lib.SQLITE_CORRUPT:
		return diagnosis{
			class: fault.Stalled, reason: "DatabaseCorrupt",
			hint: corruptHint(file),
		}
	case lib.SQLITE_NOTADB:
		return diagnosis{
			class: fault.Stalled, reason: "DatabaseForeign",
			hint: file + " is no SQLite database, or its beginning was overwritten: name another file, or move it away and start again; nothing was changed in it",
		}
	case lib.SQLITE_FULL:
		return s.diskFull()
	case lib.SQLITE_IOERR:
		return diagnosis{
			class: fault.Transient, reason: "DatabaseIO",
			hint: "the operating system failed to read or write " + file + ": check the disk, its free space and its mount",
		}
	case lib.SQLITE_NOMEM:
		return diagnosis{class: fault.Transient, reason: "OutOfMemory"}
	default:
		return diagnosis{class: fault.Stalled, reason: "DatabaseError", hint: "this may be a bug in gatewright: please report it"}
	}
}

// diagnosePostgres reads the error codes of appendix A of PostgreSQL's manual.
func diagnosePostgres(e *pgconn.PgError) diagnosis {
	switch e.Code {
	case "28P01", "28000":
		return diagnosis{
			class: fault.Stalled, reason: "DatabaseLogin",
			hint: "check the user and the password of the database setting, and pg_hba.conf on the server",
		}
	case "3D000":
		return diagnosis{class: fault.Stalled, reason: "DatabaseMissing", hint: "create it: createdb NAME, owned by the user that gatewright logs in as"}
	case "3F000":
		return diagnosis{class: fault.Stalled, reason: "SchemaMissing", hint: "create the schema that search_path names, and let the user use it: GRANT USAGE, CREATE ON SCHEMA NAME TO USER"}
	case "42501":
		return diagnosis{
			class: fault.Stalled, reason: "DatabaseRights",
			hint: "let the user make and use tables there: GRANT USAGE, CREATE ON SCHEMA public TO USER",
		}
	case "25006":
		return diagnosis{
			class: fault.Stalled, reason: "DatabaseReadOnly",
			hint: "the server takes no writes: it is a standby, or read-only by its settings; name the primary, or add target_session_attrs=read-write",
		}
	case "25P03":
		return paused
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "57":
		// A broken connection; shut down, starting up.
		return unreachable
	case "40", "55":
		return diagnosis{class: fault.Transient, reason: "DatabaseLocked", unreachable: true}
	case "53":
		if e.Code == "53100" {
			return diagnosis{class: fault.Stalled, reason: "DiskFull", hint: "free space on the PostgreSQL server"}
		}
		return diagnosis{class: fault.Transient, reason: "DatabaseOverloaded", unreachable: true, hint: "the server is out of connections or memory; see max_connections"}
	case "58", "XX":
		return diagnosis{class: fault.Transient, reason: "DatabaseIO", hint: "see the log of the PostgreSQL server"}
	default:
		return diagnosis{class: fault.Stalled, reason: "DatabaseError", hint: "this may be a bug in gatewright: please report it"}
	}
}

// paused is what a process finds that was away in the midst of a transaction.
var paused = diagnosis{
	class: fault.Transient, reason: "Paused", unreachable: true,
	hint: "this process, or its network, stood still for longer than the server waits, so it has taken back what was about to be written",
}

func corruptHint(file string) string {
	return "move " + file + " and the files beside it away and start again: the next pass fills a new one from what stands, and only history is lost"
}
