package inventory

import (
	"context"
	"maps"
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

// settleStep stores the outcome of a step. Its parameters are those of
// Settlement.args.
var settleStep = register(bulk{
	one: "UPDATE steps SET state = ?, class = ?, message = ?, started_at = coalesce(nullif(?, 0), started_at), " +
		"ended_at = ?, writes = ? WHERE run_id = ? AND seq = ?",
	head: "UPDATE steps AS s SET state = o.state, class = o.class, message = o.message, " +
		"started_at = coalesce(nullif(o.started_at, 0), s.started_at), ended_at = o.ended_at, writes = o.writes FROM (VALUES ",
	row: "(?::text, ?::text, ?::text, ?::bigint, ?::bigint, ?::bigint, ?::bigint, ?::bigint)",
	tail: ") AS o (state, class, message, started_at, ended_at, writes, run_id, seq) " +
		"WHERE s.run_id = o.run_id AND s.seq = o.seq",
})

// Settle stores outcomes after effects: the state of each step together with
// what is owned because of it, all in one transaction. Settling a step again
// replaces its outcome. A step that is not stored any more fails nothing: what
// is owned counts, and it is kept.
func (s *Store) Settle(ctx context.Context, settlements []Settlement) error {
	if len(settlements) == 0 {
		return nil
	}
	now := s.micros()
	outcomes := make(map[StepID][]any, len(settlements))
	owned := ownership{}
	for _, st := range settlements {
		for _, id := range st.Added {
			owned[id] = true
		}
		for _, id := range st.Removed {
			owned[id] = false
		}
		if st.Step != (StepID{}) {
			outcomes[st.Step] = st.args(now)
		}
	}
	settled := slices.Collect(maps.Values(outcomes))
	added, removed := owned.rows(now)
	return s.write(ctx, "store outcomes", func(ctx context.Context, tx bun.Tx) error {
		if err := s.bulk(ctx, tx, settleStep, settled); err != nil {
			return err
		}
		if err := s.bulk(ctx, tx, addOwned, added); err != nil {
			return err
		}
		return s.bulk(ctx, tx, removeOwned, removed)
	})
}

func (st Settlement) args(now int64) []any {
	ended := micros(st.Ended)
	if ended == 0 {
		ended = now
	}
	return []any{
		string(st.State), string(st.Class), text(st.Message), micros(st.Started), ended, int64(st.Writes),
		int64(st.Step.Run), int64(st.Step.Seq),
	}
}
