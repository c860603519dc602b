package inventory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
)

// metaRow is a row of the table meta.
type metaRow struct {
	bun.BaseModel `bun:"table:meta"`

	Key   string `bun:"key,pk"`
	Value string `bun:"value"`
}

// SetMeta keeps a small fact, such as the last revision that loaded whole.
func (s *Store) SetMeta(ctx context.Context, key, value string) error {
	if old, ok, err := s.Meta(ctx, key); err == nil && ok && old == value {
		return nil
	}
	return s.write(ctx, "store fact "+key, func(ctx context.Context, tx bun.Tx) error { return setMeta(ctx, tx, key, value) })
}

// setMeta keeps a fact as part of what it is about.
func setMeta(ctx context.Context, tx bun.Tx, key, value string) error {
	row := &metaRow{Key: key, Value: text(value)}
	_, err := tx.NewInsert().Model(row).On("CONFLICT (key) DO UPDATE").Set("value = EXCLUDED.value").Exec(ctx)
	return err
}

// Meta returns a fact and whether it is known.
func (s *Store) Meta(ctx context.Context, key string) (string, bool, error) {
	var value string
	err := s.reads.NewSelect().Model((*metaRow)(nil)).Column("value").Where("key = ?", key).Scan(ctx, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, s.fault("read fact "+key, err)
}
