package inventory

import (
	"context"

	"github.com/uptrace/bun"
)

// Setting is what the server says of one of its settings.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	return value, s.db.QueryRowContext(ctx, "SHOW "+name).Scan(&value)
}

// HoldMigrations takes the lock of the migrations.
func (s *Store) HoldMigrations(ctx context.Context) (held context.Context, unlock func(), err error) {
	return s.lockMigrations(ctx)
}

// HoldLease renews a lease in a transaction that ends with f.
func (s *Store) HoldLease(ctx context.Context, l *Lease, f func() error) error {
	return s.write(ctx, "hold", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*leaseRow)(nil)).Set("expires_at = expires_at").Where("name = ?", l.name).Exec(ctx)
		if err != nil {
			return err
		}
		return f()
	})
}
