package inventory

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Settlement is what came of a step, or of an observation.
type Settlement struct {
	// Step was intended before. The zero value means that there was no step:
	// only what is owned changes, as when an observation finds a resource with
	// our mark that the inventory does not know.
	Step  StepID
	State StepState
	// Class and Message say why it failed.
	Class   fault.Class
	Message string
	// Started and Ended are when it was carried out. A zero Started leaves the
	// time of the intent, a zero Ended means now.
	Started time.Time
	Ended   time.Time
	Writes  int
	// Added are owned from now on, Removed no longer. A resource in both is
	// not owned.
	Added   []resource.ID
	Removed []resource.ID
}

// outcomeRow is what Settle changes of a step.
type outcomeRow struct {
	RunID     int64  `bun:"run_id,type:bigint"`
	Seq       int64  `bun:"seq,type:bigint"`
	State     string `bun:"state,type:text"`
	Class     string `bun:"class,type:text"`
	Message   string `bun:"message,type:text"`
	StartedAt int64  `bun:"started_at,type:bigint"`
	EndedAt   int64  `bun:"ended_at,type:bigint"`
	Writes    int64  `bun:"writes,type:bigint"`
}

// Settle stores outcomes after effects: the state of each step together with
// what is owned because of it, all in one transaction. Settling a step again
// replaces its outcome. A step that is not stored any more fails nothing: what
// is owned counts, and it is kept.
func (s *Store) Settle(ctx context.Context, settlements []Settlement) error {
	if len(settlements) == 0 {
		return nil
	}
	now := s.micros()
	outcomes := map[StepID]outcomeRow{}
	owned := ownership{}
	for _, st := range settlements {
		for _, id := range st.Added {
			owned[id] = true
		}
		for _, id := range st.Removed {
			owned[id] = false
		}
		if st.Step != (StepID{}) {
			outcomes[st.Step] = st.row(now)
		}
	}
	rows := make([]outcomeRow, 0, len(outcomes))
	for _, r := range outcomes {
		rows = append(rows, r)
	}
	return s.write(ctx, "store outcomes", func(ctx context.Context, tx bun.Tx) error {
		for chunk := range slices.Chunk(rows, rowsPerStatement) {
			if err := s.settle(ctx, tx, chunk); err != nil {
				return err
			}
		}
		return owned.store(ctx, tx, now)
	})
}

// settle stores outcomes of steps.
func (s *Store) settle(ctx context.Context, tx bun.Tx, rows []outcomeRow) error {
	_, err := tx.NewUpdate().With("outcome", s.db.NewValues(&rows)).Model((*stepRow)(nil)).TableExpr("outcome").
		Set("state = outcome.state").Set("class = outcome.class").Set("message = outcome.message").
		Set("started_at = CASE outcome.started_at WHEN 0 THEN s.started_at ELSE outcome.started_at END").
		Set("ended_at = outcome.ended_at").Set("writes = outcome.writes").
		Where("s.run_id = outcome.run_id").Where("s.seq = outcome.seq").Exec(ctx)
	return err
}

func (st Settlement) row(now int64) outcomeRow {
	r := outcomeRow{
		RunID: int64(st.Step.Run), Seq: int64(st.Step.Seq), State: string(st.State), Class: string(st.Class),
		Message: text(st.Message), StartedAt: micros(st.Started), EndedAt: micros(st.Ended), Writes: int64(st.Writes),
	}
	if r.EndedAt == 0 {
		r.EndedAt = now
	}
	return r
}
