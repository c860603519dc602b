package inventory_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

func acquire(t *testing.T, s *inventory.Store, holder string, ttl time.Duration) *inventory.Lease {
	t.Helper()
	l, err := s.AcquireLease(t.Context(), "production", holder, ttl)
	if err != nil {
		t.Fatalf("AcquireLease for %s: %v", holder, err)
	}
	return l
}

func release(t *testing.T, l *inventory.Lease) {
	t.Helper()
	if err := l.Release(); err != nil {
		t.Errorf("Release: %v", err)
	}
}

// TestLease has two processes, as far as the database can tell.
func TestLease(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		ctx, one := t.Context(), open(t, dsn)
		two := one
		if dsn != "sqlite::memory:" {
			two = open(t, dsn)
		}
		first := acquire(t, one, "host-a/1", time.Minute)
		for _, s := range []*inventory.Store{one, two} {
			_, err := s.AcquireLease(ctx, "production", "host-b/2", time.Minute)
			var held *inventory.HeldError
			if !errors.Is(err, inventory.ErrHeld) || !errors.As(err, &held) || fault.ClassOf(err) != fault.Waiting || fault.HintOf(err) == "" {
				t.Fatalf("second AcquireLease = %v", err)
			}
			if left := time.Until(held.Until); held.Holder != "host-a/1" || left <= 0 || left > time.Minute+time.Second {
				t.Errorf("it is held by %q for %v", held.Holder, left)
			}
		}
		other, err := two.AcquireLease(ctx, "staging", "host-b/2", time.Minute)
		if err != nil {
			t.Fatalf("lease of another environment: %v", err)
		}
		release(t, other)
		if err := first.Context().Err(); err != nil {
			t.Errorf("context of a held lease: %v", context.Cause(first.Context()))
		}
		release(t, first)
		release(t, first)
		if err := first.Context().Err(); err == nil {
			t.Error("the context of a released lease goes on")
		}
		release(t, acquire(t, two, "host-b/2", time.Minute))
	})
}

// TestLeaseOutlivesItsContext: what a cancelled pass began may still go on, so
// the lease is renewed until it is released.
func TestLeaseOutlivesItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, "sqlite::memory:")
		ctx, cancel := context.WithCancel(t.Context())
		l, err := s.AcquireLease(ctx, "production", "a", 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if cause := context.Cause(l.Context()); !errors.Is(cause, context.Canceled) || errors.Is(cause, inventory.ErrLost) {
			t.Errorf("cause = %v, want that of the parent", cause)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := s.AcquireLease(t.Context(), "production", "b", time.Minute); !errors.Is(err, inventory.ErrHeld) {
			t.Errorf("AcquireLease before the release = %v", err)
		}
		release(t, l)
		release(t, acquire(t, s, "b", time.Minute))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLeaseTaken takes a lease away behind its holder's back.
func TestLeaseTaken(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]func(*testing.T) string{"sqlite": freshSQLite, "postgres": freshPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := fresh(t)
			s := open(t, dsn)
			l := acquire(t, s, "a", 300*time.Millisecond)
			execute(t, dsn, "UPDATE leases SET token = 'stolen', holder = 'thief'")
			awaitLost(t, l)
			release(t, l)
			if name != "postgres" {
				return
			}
			// The thief's row is left alone, and still holds.
			if _, err := s.AcquireLease(t.Context(), "production", "a", time.Minute); !errors.Is(err, inventory.ErrHeld) {
				t.Errorf("AcquireLease = %v", err)
			}
			execute(t, dsn, "UPDATE leases SET expires_at = 1")
			release(t, acquire(t, s, "a", time.Minute))
		})
	}
}

// TestLeaseUnrenewable locks the database away, so that no renewal gets
// through: the holder stops before anybody else may start.
func TestLeaseUnrenewable(t *testing.T) {
	t.Parallel()
	dsn := freshSQLite(t)
	s, err := inventory.Open(t.Context(), dsn, inventory.Options{BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	const ttl = 400 * time.Millisecond
	began := time.Now()
	l := acquire(t, s, "a", ttl)
	db, err := sql.Open("sqlite", dsn[len("sqlite://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	awaitLost(t, l)
	if took := time.Since(began); took < ttl/2 {
		t.Errorf("the lease was given up after %v of %v", took, ttl)
	}
	if _, err := db.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	release(t, l)
	release(t, acquire(t, s, "b", ttl))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func awaitLost(t *testing.T, l *inventory.Lease) {
	t.Helper()
	select {
	case <-l.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the lease was never lost")
	}
	if cause := context.Cause(l.Context()); !errors.Is(cause, inventory.ErrLost) || fault.HintOf(cause) == "" {
		t.Errorf("cause = %v", cause)
	}
}

// TestLeaseRenewal holds a lease for many times its life, by a clock that only
// the test sees.
func TestLeaseRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := inventory.Open(t.Context(), "sqlite::memory:", inventory.Options{})
		if err != nil {
			t.Fatal(err)
		}
		l := acquire(t, s, "a", 15*time.Second)
		for range 20 {
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if l.Context().Err() != nil {
				t.Fatalf("lost: %v", context.Cause(l.Context()))
			}
			if _, err := s.AcquireLease(t.Context(), "production", "b", time.Second); !errors.Is(err, inventory.ErrHeld) {
				t.Fatalf("AcquireLease of a renewed lease = %v", err)
			}
		}
		release(t, l)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestOneWriter lets many contend; never do two hold the lease.
func TestOneWriter(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		shared := open(t, dsn)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 6 {
			s := shared
			if dsn != "sqlite::memory:" {
				s = open(t, dsn)
			}
			wg.Go(func() {
				for won := 0; won < 5; {
					l, err := s.AcquireLease(t.Context(), "production", "x", time.Minute)
					if errors.Is(err, inventory.ErrHeld) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					if !mu.TryLock() {
						t.Error("two hold the lease")
						return
					}
					won++
					mu.Unlock()
					if err := l.Release(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestCloseReleases: a store that is closed leaves no lease behind.
func TestCloseReleases(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "g.db")
	s := openStore(t, "sqlite://"+path)
	l := acquire(t, s, "a", time.Minute)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if l.Context().Err() == nil {
		t.Error("the lease of a closed store goes on")
	}
	release(t, acquire(t, open(t, "sqlite://"+path), "b", time.Minute))
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) != 0 {
		t.Errorf("lock files left behind: %v, %v", left, err)
	}
}
