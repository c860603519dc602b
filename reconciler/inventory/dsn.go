package inventory

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// source is a parsed data source name.
type source struct {
	// path is the file of an SQLite database, absolute; empty in memory.
	path   string
	memory bool
	// postgres is the URL of a PostgreSQL database.
	postgres string
	// shown names the database without a password.
	shown string
}

const dsnHint = "use sqlite:gatewright.db, sqlite:///var/lib/gatewright/gatewright.db or postgres://user@host:5432/database"

// parseSource reads "sqlite:rel.db", "sqlite:///abs.db", "sqlite::memory:" and
// "postgres://…". Its errors never quote the text, which may hold a password.
func parseSource(dsn string) (source, error) {
	scheme, rest, ok := strings.Cut(dsn, ":")
	switch {
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return postgresSource(dsn)
	case ok && scheme == "sqlite":
		return sqliteSource(rest)
	case dsn == "":
		return source{}, badSource("no database is named")
	case ok && strings.HasPrefix(rest, "//"):
		return source{}, badSource("databases of the kind %q are not known", scheme)
	default:
		return source{}, badSource("the name of the database has no known form")
	}
}

func postgresSource(dsn string) (source, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		// The parser's error quotes its input.
		return source{}, badSource("the URL of the PostgreSQL database cannot be read")
	}
	if _, rest, _ := strings.Cut(dsn, ":"); !strings.HasPrefix(rest, "//") || strings.Contains(u.EscapedPath(), "@") {
		// A password that is in the wrong place would be shown as a part of the path.
		return source{}, badSource("the URL of the PostgreSQL database has no host after postgres://, or an @ in its path")
	}
	shown := url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	return source{postgres: dsn, shown: shown.String()}, nil
}

func sqliteSource(rest string) (source, error) {
	if rest == ":memory:" {
		return source{memory: true, shown: "sqlite::memory:"}, nil
	}
	path := rest
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if path = after; !strings.HasPrefix(path, "/") {
			return source{}, badSource("sqlite://%s names a host; a file has one slash more or none", after)
		}
	}
	if path == "" || strings.HasSuffix(path, "/") {
		return source{}, badSource("sqlite:%s names no file", rest)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return source{}, badSource("sqlite:%s: %w", rest, err)
	}
	return source{path: abs, shown: "sqlite:" + abs}, nil
}

// Misnamed is the reason of an error that the name of the database is at fault
// for.
const Misnamed = "DatabaseName"

func badSource(format string, args ...any) *fault.Error {
	e := fault.New(fault.Stalled, Misnamed, format, args...)
	e.Target, e.Op, e.Hint = "inventory", "open", dsnHint
	return e
}

// password matches the credentials of a URL and password parameters. It goes to
// the last @, since people forget to escape one: too much is hidden rather
// than too little.
var password = regexp.MustCompile(`(://[^:/@\s]*:)[^\s"'` + "`" + `]*@|((?i:pass(?:word)?|sslpassword)=)('[^']*'|[^&\s]+)`)

// Redact returns s with every password of a data source name in it shown as
// ***.
func Redact(s string) string {
	return password.ReplaceAllStringFunc(s, func(m string) string {
		g := password.FindStringSubmatch(m)
		if g[1] != "" {
			return g[1] + "***@"
		}
		return g[2] + "***"
	})
}
