package inventory

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// A transaction costs far more than the rows in it, and bindings converge side
// by side. So writes that are asked for at the same time share a transaction
// (group commit): the first caller to get its turn carries out what has queued
// up by then, for everybody. No goroutine outlives its caller, and a write is
// committed before its caller returns.

// change is one caller's write. It may run twice: alone, after the transaction
// that it shared failed.
type change func(ctx context.Context, tx bun.Tx) error

// writer queues changes.
type writer struct {
	// turn holds a token while somebody commits.
	turn chan struct{}

	mu    sync.Mutex
	queue []*pending
}

// pending is a change and, after done is closed, what came of it.
type pending struct {
	change change
	err    error
	done   chan struct{}
}

func newWriter() writer { return writer{turn: make(chan struct{}, 1)} }

// maxBatch bounds how much one transaction carries, and so how long others
// wait for the database.
const maxBatch = 128

// write carries out c and returns after it was committed. A cancelled ctx
// withdraws c while it waits; once begun, it is finished.
func (s *Store) write(ctx context.Context, op string, c change) error {
	if err := s.writable(); err != nil {
		return s.fault(op, err)
	}
	p := &pending{change: c, done: make(chan struct{})}
	s.writer.push(p)
	for {
		select {
		case s.writer.turn <- struct{}{}:
			s.commitQueue(context.WithoutCancel(ctx))
			<-s.writer.turn
		case <-p.done:
			return s.fault(op, p.err)
		case <-ctx.Done():
			if s.writer.withdraw(p) {
				return s.fault(op, context.Cause(ctx))
			}
			<-p.done
		}
	}
}

// commitLimit ends a transaction whose server has gone silent.
const commitLimit = 30 * time.Second

// commitQueue commits what has queued up. SQLite needs no limit beyond its busy
// timeout, and a context that can end costs it a goroutine each statement.
func (s *Store) commitQueue(ctx context.Context) {
	batch := s.writer.take()
	if !s.sqlite() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, commitLimit)
		defer cancel()
	}
	s.commit(ctx, batch)
}

// commit carries out a batch in one transaction. Where that fails, each change
// is tried alone, so that nobody fails for another's mistake.
func (s *Store) commit(ctx context.Context, batch []*pending) {
	if len(batch) == 0 {
		return
	}
	err := inTx(ctx, s.db, func(ctx context.Context, tx bun.Tx) error {
		for _, p := range batch {
			if err := p.change(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && len(batch) > 1 {
		for _, p := range batch {
			s.commit(ctx, []*pending{p})
		}
		return
	}
	for _, p := range batch {
		p.err = err
		close(p.done)
	}
}

// rollback ends tx. That it has ended already is no error.
func rollback(tx bun.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

func (w *writer) push(p *pending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, p)
}

// take removes up to maxBatch changes from the queue.
func (w *writer) take() []*pending {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), maxBatch)
	batch := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	return batch
}

// withdraw removes p from the queue and reports whether it was still there.
func (w *writer) withdraw(p *pending) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, p)
	if i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
	return i >= 0
}
