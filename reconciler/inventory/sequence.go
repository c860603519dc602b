package inventory

import (
	"context"
	"sync"
)

// sequences number the steps of the runs that this process began, so that a
// step has its name before it is stored.
type sequences struct {
	mu   sync.Mutex
	next map[RunID]int
}

// begin starts the numbers of a new run.
func (q *sequences) begin(run RunID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = map[RunID]int{}
	}
	q.next[run] = 0
}

// end forgets a run.
func (q *sequences) end(run RunID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.next, run)
}

// reserve takes n numbers of run and returns the first.
func (q *sequences) reserve(ctx context.Context, s *Store, run RunID, n int) (int, error) {
	if _, err := q.count(ctx, s, run); err != nil {
		return 0, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.next[run]
	q.next[run] = first + n
	return first, nil
}

// count is how many numbers of run are taken. For a run that another process
// began, the database says where they go on.
func (q *sequences) count(ctx context.Context, s *Store, run RunID) (int, error) {
	q.mu.Lock()
	n, ok := q.next[run]
	q.mu.Unlock()
	if ok {
		return n, nil
	}
	var stored int
	err := s.reads.NewSelect().Model((*stepRow)(nil)).ColumnExpr("coalesce(max(seq) + 1, 0)").
		Where("run_id = ?", int64(run)).Scan(ctx, &stored)
	if err != nil {
		return 0, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = map[RunID]int{}
	}
	if n, ok := q.next[run]; ok {
		return n, nil
	}
	q.next[run] = stored
	return stored, nil
}
