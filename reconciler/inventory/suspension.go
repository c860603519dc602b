package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Suspension asks that nothing in its scope be changed until a time. Of each
// scope there is one at most.
type Suspension struct {
	Scope  resource.Selector `json:"scope"`
	Reason string            `json:"reason"`
	Author string            `json:"author"`
	Since  time.Time         `json:"since"`
	Until  time.Time         `json:"until"`
}

// Active reports whether s holds at a time.
func (s Suspension) Active(now time.Time) bool { return now.Before(s.Until) }

// The actions of events about suspensions.
const (
	ActionSuspend       = "suspend"
	ActionResume        = "resume"
	ActionSuspensionEnd = "suspension-end"
)

// suspensionRow is a row of the table suspensions.
type suspensionRow struct {
	bun.BaseModel `bun:"table:suspensions"`
	key

	Reason string `bun:"reason"`
	Author string `bun:"author"`
	Since  int64  `bun:"since"`
	Until  int64  `bun:"until"`
}

func (r suspensionRow) value() Suspension {
	return Suspension{
		Scope: resource.Selector(r.binding()), Reason: r.Reason, Author: r.Author,
		Since: instant(r.Since), Until: instant(r.Until),
	}
}

// Suspend stores sus in place of an earlier one of the same scope, and an event
// of it. A zero Since means now.
func (s *Store) Suspend(ctx context.Context, sus Suspension) error {
	row := suspensionRow{
		key: keyOf(resource.Binding(sus.Scope)), Reason: text(sus.Reason), Author: text(sus.Author),
		Since: micros(sus.Since), Until: micros(sus.Until),
	}
	if row.Since == 0 {
		row.Since = s.micros()
	}
	said := eventRow{
		At: row.Since, Actor: row.Author, Action: ActionSuspend, Environment: row.Environment,
		Identity: identityOf(row.binding()), Message: text(fmt.Sprintf("until %s: %s", sus.Until.UTC().Format(time.RFC3339), sus.Reason)),
	}
	return s.write(ctx, "store suspension", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (environment, organization, project, agent) DO UPDATE").
			Set("reason = EXCLUDED.reason").Set("author = EXCLUDED.author").
			Set("since = EXCLUDED.since").Set("until = EXCLUDED.until").Exec(ctx)
		if err != nil {
			return err
		}
		return addEvent(ctx, tx, said)
	})
}

// Resume ends the suspension of exactly this scope by word of author, and
// reports whether there was one. What is over already ends by itself.
func (s *Store) Resume(ctx context.Context, scope resource.Selector, author string) (bool, error) {
	found := false
	k := keyOf(resource.Binding(scope))
	err := s.write(ctx, "end suspension", func(ctx context.Context, tx bun.Tx) error {
		n, err := affected(k.on(tx.NewDelete().Model((*suspensionRow)(nil))).Where("until > ?", s.micros()).Exec(ctx))
		if found = n > 0; err != nil || !found {
			return err
		}
		return addEvent(ctx, tx, eventRow{
			At: s.micros(), Actor: text(author), Action: ActionResume, Environment: k.Environment, Identity: identityOf(k.binding()),
		})
	})
	return found, err
}

// Suspensions returns what is suspended, sorted by scope; those that are over
// stay until EndSuspensions.
func (s *Store) Suspensions(ctx context.Context) ([]Suspension, error) {
	var rows []suspensionRow
	if err := s.reads.NewSelect().Model(&rows).Order(keyOrder...).Scan(ctx); err != nil {
		return nil, s.fault("read suspensions", err)
	}
	out := make([]Suspension, len(rows))
	for i, r := range rows {
		out[i] = r.value()
	}
	return out, nil
}

// EndSuspensions takes away the suspensions that are over at a time, and leaves
// an event of each. Processes that do so at once leave one event.
func (s *Store) EndSuspensions(ctx context.Context, now time.Time) error {
	return s.write(ctx, "end suspensions", func(ctx context.Context, tx bun.Tx) error {
		var rows []suspensionRow
		if err := tx.NewSelect().Model(&rows).Where("until <= ?", micros(now)).Order(keyOrder...).Scan(ctx); err != nil {
			return err
		}
		for _, r := range rows {
			n, err := affected(r.key.on(tx.NewDelete().Model((*suspensionRow)(nil))).Where("until = ?", r.Until).Exec(ctx))
			if err != nil {
				return err
			}
			if n == 0 {
				continue // another process was first
			}
			err = addEvent(ctx, tx, eventRow{
				At: r.Until, Actor: itself, Action: ActionSuspensionEnd, Environment: r.Environment,
				Identity: identityOf(r.binding()), Message: "it was asked for by " + r.Author + ": " + r.Reason,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// itself is the actor of what no person did.
const itself = "gatewright"

// on selects the row of k.
func (k key) on(q *bun.DeleteQuery) *bun.DeleteQuery {
	return q.Where("environment = ?", k.Environment).Where("organization = ?", k.Organization).
		Where("project = ?", k.Project).Where("agent = ?", k.Agent)
}
