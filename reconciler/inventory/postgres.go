package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// connections is how many connections one process keeps to a server that it
// shares with other replicas: one writes, one renews leases, the others read.
const connections = 6

// silence is for how long the server waits for the next word of a transaction
// before it ends it. A process that is paused in the midst of one, or whose
// network is cut, would keep its locks until it comes back, and every other
// replica from its work: the row of the lease is among what is locked.
const silence = 10 * time.Second

// silenceParameter is the server's name of it. A value in the URL wins.
const silenceParameter = "idle_in_transaction_session_timeout"

func (s *Store) openPostgres(ctx context.Context, opts Options) error {
	cfg, err := pgx.ParseConfig(s.source.postgres)
	if err != nil {
		// The parser's error quotes what it read.
		return badSource("the URL of the PostgreSQL database cannot be read")
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "gatewright"
	}
	if opts.ReadOnly {
		cfg.RuntimeParams["default_transaction_read_only"] = "on"
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = opts.BusyTimeout
	}
	// Values stand in the text of bun's statements, so each is seen once and
	// preparing it would only cost a round trip.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	var options []stdlib.OptionOpenDB
	if cfg.RuntimeParams[silenceParameter] == "" && !strings.Contains(cfg.RuntimeParams["options"], silenceParameter) {
		// Not as a parameter of the start, which poolers refuse to know.
		options = append(options, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, setSilence("SET"))
			return err
		}))
	}
	db := stdlib.OpenDB(*cfg, options...)
	limit(db)
	s.db = bun.NewDB(db, pgdialect.New())
	s.reads = s.db
	return s.db.PingContext(ctx)
}

func limit(db *sql.DB) {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	// A connection that a proxy dropped in silence is not kept for ever.
	db.SetConnMaxIdleTime(5 * time.Minute)
}

// setSilence is the statement that tells the server of it; set is SET or SET
// LOCAL.
func setSilence(set string) string {
	return fmt.Sprintf("%s %s = %d", set, silenceParameter, silence.Milliseconds())
}
