package inventory

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// RunRetention says how much history is kept. A run goes with its steps when
// it is older than Age, or when Runs newer ones are there; the same holds for
// events. Zero sets no bound. A run with an open intent is always kept.
type RunRetention struct {
	// Age is counted from the end of a run, or from its beginning if it has
	// none.
	Age    time.Duration
	Runs   int
	Events int
}

// pruneBatch is how many runs one transaction deletes, so that nobody waits
// long for the database.
const pruneBatch = 50

// Prune deletes history beyond keep, and gives freed space back.
func (s *Store) Prune(ctx context.Context, keep RunRetention) error {
	cutoff := int64(0)
	if keep.Age > 0 {
		cutoff = s.now().Add(-keep.Age).UnixMicro()
	}
	oldRuns, err := s.beyond(ctx, "runs", keep.Runs)
	if err != nil {
		return s.fault("prune runs", err)
	}
	oldEvents, err := s.beyond(ctx, "events", keep.Events)
	if err != nil {
		return s.fault("prune events", err)
	}
	if err := s.pruneRuns(ctx, cutoff, oldRuns); err != nil {
		return err
	}
	if err := s.pruneEvents(ctx, cutoff, oldEvents); err != nil {
		return err
	}
	return s.shrink(ctx)
}

// beyond is the id of the newest row past the newest n, and zero if there are
// no more than n or n is zero.
func (s *Store) beyond(ctx context.Context, table string, n int) (int64, error) {
	if n <= 0 {
		return 0, nil
	}
	var id int64
	err := s.reads.NewSelect().Table(table).Column("id").Order("id DESC").Offset(int64(n)).Limit(1).Scan(ctx, &id)
	if missing(err) {
		return 0, nil
	}
	return id, err
}

// pruneRuns deletes the runs that ended before cutoff and those up to an id.
func (s *Store) pruneRuns(ctx context.Context, cutoff, upTo int64) error {
	for {
		var ids []int64
		err := s.reads.NewSelect().Model((*runRow)(nil)).Column("id").
			Where("id <= ? OR CASE ended_at WHEN 0 THEN started_at ELSE ended_at END < ?", upTo, cutoff).
			Where("NOT EXISTS (SELECT 1 FROM steps AS s WHERE s.run_id = r.id AND s.state = 'intended')").
			Order("id").Limit(pruneBatch).Scan(ctx, &ids)
		if err != nil {
			return s.fault("prune runs", err)
		}
		if len(ids) == 0 {
			return nil
		}
		err = s.write(ctx, "prune runs", func(ctx context.Context, tx bun.Tx) error {
			// Their steps go with them.
			_, err := tx.NewDelete().Model((*runRow)(nil)).Where("id IN (?)", bun.List(ids)).
				Where("NOT EXISTS (SELECT 1 FROM steps AS s WHERE s.run_id = r.id AND s.state = 'intended')").Exec(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
}

func (s *Store) pruneEvents(ctx context.Context, cutoff, upTo int64) error {
	n, err := s.reads.NewSelect().Model((*eventRow)(nil)).Where("id <= ? OR at < ?", upTo, cutoff).Count(ctx)
	if err != nil || n == 0 {
		return s.fault("prune events", err)
	}
	return s.write(ctx, "prune events", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*eventRow)(nil)).Where("id <= ? OR at < ?", upTo, cutoff).Exec(ctx)
		return err
	})
}

// shrink gives pages that SQLite no longer needs back to the file system.
// PostgreSQL does so by itself.
func (s *Store) shrink(ctx context.Context) error {
	if !s.sqlite() {
		return nil
	}
	var free int64
	if err := s.reads.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
		return s.fault("shrink", err)
	}
	// A few free pages are soon used again.
	if free < 256 {
		return nil
	}
	rows, err := s.db.QueryContext(ctx, "PRAGMA incremental_vacuum")
	if err != nil {
		return s.fault("shrink", err)
	}
	defer rows.Close()
	for rows.Next() {
		// Each page given back is one row.
	}
	return s.fault("shrink", rows.Err())
}
