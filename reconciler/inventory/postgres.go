package inventory

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// connections is how many connections one process keeps to a server that it
// shares with other replicas: one writes, one renews leases, the others read.
const connections = 6

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
	db := stdlib.OpenDB(*cfg)
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
