package inventory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// A lease is a row with a holder and an expiry, checked and set in one
// statement. How time enters differs:
//
//	PostgreSQL   expiry is set and compared by the server's clock, so the
//	             clocks of replicas do not matter. A row rather than an advisory
//	             lock: a lock lives as long as its connection, which a pooler
//	             may share and which a cut network leaves open on the server
//	             for hours, and nobody can be told who holds it until when.
//	SQLite file  one machine. A kernel lock on a file beside the database
//	             decides, since it ends with its process: after a SIGKILL the
//	             next one starts at once, and no clock is asked. The row only
//	             says who. Where there are no such locks, the row decides.
//	in memory    the row decides, by this process's clock.
//
// The holder trusts its monotonic clock alone: it takes the lease for lost a
// tenth of its time before the row expires, counted from before the renewal
// was sent.

var (
	// ErrHeld says that somebody else has a lease; the error is a *HeldError.
	ErrHeld = errors.New("lease is held")
	// ErrLost is the cause with which the context of a lost lease ends.
	ErrLost = errors.New("lease was lost")
)

// HeldError says who holds a lease and, if they do not renew it, until when.
type HeldError struct {
	Name   string
	Holder string
	Until  time.Time
}

// Error implements error.
func (e *HeldError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("lease %q is held by another process", e.Name)
	}
	return fmt.Sprintf("lease %q is held by %s until %s", e.Name, e.Holder, e.Until.UTC().Format(time.RFC3339))
}

// Is makes a HeldError an ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Lease is the right to be the one writer of an environment. It is renewed in
// the background until Release.
type Lease struct {
	store *Store
	name  string
	token string
	ttl   time.Duration
	lock  *fileLock

	ctx    context.Context //nolint:containedctx // the context is what a lease gives
	cancel context.CancelCauseFunc
	// expiry cancels ctx when no renewal came through in time.
	expiry *time.Timer

	stop    chan struct{}
	stopped chan struct{}
	release sync.Once
	err     error
}

// leaseRow is a row of the table leases.
type leaseRow struct {
	bun.BaseModel `bun:"table:leases,alias:l"`

	Name       string `bun:"name,pk"`
	Holder     string `bun:"holder"`
	Token      string `bun:"token"`
	AcquiredAt int64  `bun:"acquired_at"`
	ExpiresAt  int64  `bun:"expires_at"`
}

// AcquireLease takes the lease called name for holder, a name for people such
// as "host/pid". If it is held, the error is an ErrHeld of class waiting, at
// once. The lease must be released, whatever becomes of ctx.
func (s *Store) AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (*Lease, error) {
	op := "acquire lease " + name
	if err := s.writable(); err != nil {
		return nil, s.fault(op, err)
	}
	lock, err := s.lockLease(name)
	if errors.Is(err, ErrHeld) {
		return nil, s.held(ctx, op, name)
	}
	if err != nil {
		return nil, s.fault(op, err)
	}
	l := &Lease{
		store: s, name: name, token: uuid.NewString(), ttl: ttl, lock: lock,
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	sent := time.Now()
	if taken, err := l.claim(ctx, text(holder)); err != nil || !taken {
		lock.unlock()
		if err != nil {
			return nil, err
		}
		return nil, s.held(ctx, op, name)
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.expiry = time.AfterFunc(l.trusted(sent), func() { l.lose("it could not be renewed in time") })
	s.mu.Lock()
	s.leases[l] = struct{}{}
	s.mu.Unlock()
	go l.keep()
	return l, nil
}

// Context is derived from the one that the lease was acquired with, and ends
// with a cause that is ErrLost when the lease is lost.
func (l *Lease) Context() context.Context { return l.ctx }

// Release gives the lease back and waits for its renewal to end. It may be
// called again.
func (l *Lease) Release() error {
	l.release.Do(func() {
		close(l.stop)
		<-l.stopped
		l.expiry.Stop()
		l.cancel(context.Canceled)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		l.err = l.store.write(ctx, "release lease "+l.name, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewDelete().Model((*leaseRow)(nil)).Where("name = ?", l.name).Where("token = ?", l.token).Exec(ctx)
			return err
		})
		l.lock.unlock()
		l.store.mu.Lock()
		delete(l.store.leases, l)
		l.store.mu.Unlock()
	})
	return l.err
}

// trusted is how much longer a lease may be trusted that was asked for at a
// time of the monotonic clock.
func (l *Lease) trusted(sent time.Time) time.Duration {
	return time.Until(sent.Add(l.ttl - l.ttl/10))
}

// keep renews the lease three times in its life, and more often after a
// failure.
func (l *Lease) keep() {
	defer close(l.stopped)
	timer := time.NewTimer(l.ttl / 3)
	defer timer.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.ctx.Done():
			if errors.Is(context.Cause(l.ctx), ErrLost) {
				return
			}
			// The caller's context ended; what it began may still go on, so
			// the lease is kept until it is released.
			if !l.wait(timer) {
				return
			}
		case <-timer.C:
		}
		sent := time.Now()
		kept, err := l.renew()
		switch {
		case err != nil:
			timer.Reset(l.ttl / 10)
		case !kept:
			l.lose("somebody else has taken it")
			return
		default:
			l.expiry.Reset(l.trusted(sent))
			timer.Reset(l.ttl / 3)
		}
	}
}

// wait waits for the next renewal and reports whether there is to be one.
func (l *Lease) wait(timer *time.Timer) bool {
	select {
	case <-l.stop:
		return false
	case <-timer.C:
		return true
	}
}

// lose ends the context and frees the lock, so that others may go on.
func (l *Lease) lose(why string) {
	e := fault.New(fault.Transient, "LeaseLost", "%w: %s", ErrLost, why)
	e.Target, e.Op = "inventory", "hold lease "+l.name
	e.Hint = "another process may write now; this one goes on when it gets the lease again"
	l.cancel(e)
	l.lock.unlock()
}

// claim takes the row if it is free.
func (l *Lease) claim(ctx context.Context, holder string) (bool, error) {
	now := l.store.clock()
	taken := false
	err := l.store.write(ctx, "acquire lease "+l.name, func(ctx context.Context, tx bun.Tx) error {
		q := tx.NewInsert().Model(&leaseRow{Name: l.name, Holder: holder, Token: l.token}).
			Value("acquired_at", "?", now).Value("expires_at", "? + ?", now, l.ttl.Microseconds()).
			On("CONFLICT (name) DO UPDATE").Set("holder = EXCLUDED.holder").Set("token = EXCLUDED.token").
			Set("acquired_at = EXCLUDED.acquired_at").Set("expires_at = EXCLUDED.expires_at")
		if l.lock == nil {
			// Without the kernel's word that the last holder is gone.
			q = q.Where("l.expires_at <= ?", now)
		}
		n, err := affected(q.Returning("NULL").Exec(ctx))
		taken = n > 0
		return err
	})
	return taken, err
}

// renew pushes the expiry out and reports whether the lease is still ours.
func (l *Lease) renew() (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.ttl/3)
	defer cancel()
	kept := false
	err := l.store.write(ctx, "renew lease "+l.name, func(ctx context.Context, tx bun.Tx) error {
		n, err := affected(tx.NewUpdate().Model((*leaseRow)(nil)).
			Set("expires_at = ? + ?", l.store.clock(), l.ttl.Microseconds()).
			Where("name = ?", l.name).Where("token = ?", l.token).Exec(ctx))
		kept = n > 0
		return err
	})
	return kept, err
}

// held is the error about a lease that somebody has.
func (s *Store) held(ctx context.Context, op, name string) error {
	var row leaseRow
	err := s.reads.NewSelect().Model(&row).Where("name = ?", name).Scan(ctx)
	if err != nil && !missing(err) {
		return s.fault(op, err)
	}
	e := &fault.Error{
		Class: fault.Waiting, Reason: "LeaseHeld",
		Hint: "one process writes to an environment at a time: stop the other one, or wait until it is done",
		Err:  &HeldError{Name: name, Holder: row.Holder, Until: instant(row.ExpiresAt)},
	}
	return s.fault(op, e)
}

// clock is the time that expiries are compared with: the server's, where
// there is one.
func (s *Store) clock() schema.QueryAppender {
	if s.sqlite() {
		return bun.SafeQuery("?", s.micros())
	}
	return bun.SafeQuery("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
}
