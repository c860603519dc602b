package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// ActionConfirm is the action of the event of a confirmation.
const ActionConfirm = "confirm"

// confirmed is the fact that holds the last confirmation.
const confirmed = "confirmed"

// Confirmation is a person's word that a revision may take away what a guard
// holds back. It is for that revision alone, and there is one at most.
type Confirmation struct {
	Revision string    `json:"revision"`
	Author   string    `json:"author"`
	At       time.Time `json:"at"`
}

// Confirm stores c in place of the last one, and an event of it. A zero At means
// now.
func (s *Store) Confirm(ctx context.Context, c Confirmation) error {
	if c.At.IsZero() {
		c.At = s.now().UTC()
	}
	value, err := json.Marshal(c)
	if err != nil {
		return s.fault("store confirmation", err)
	}
	return s.write(ctx, "store confirmation", func(ctx context.Context, tx bun.Tx) error {
		if err := setMeta(ctx, tx, confirmed, string(value)); err != nil {
			return err
		}
		return addEvent(ctx, tx, eventRow{At: micros(c.At), Actor: text(c.Author), Action: ActionConfirm, Revision: text(c.Revision)})
	})
}

// Confirmation returns the last confirmation, and whether there is one.
func (s *Store) Confirmation(ctx context.Context) (c Confirmation, ok bool, err error) {
	value, ok, err := s.Meta(ctx, confirmed)
	if err != nil || !ok {
		return c, false, err
	}
	if err := json.Unmarshal([]byte(value), &c); err != nil {
		return c, false, s.fault("read confirmation", fmt.Errorf("stored confirmation: %w", err))
	}
	return c, true, nil
}
