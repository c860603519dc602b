package inventory

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Event is one line of the audit trail: who did what to which binding.
type Event struct {
	ID int64     `json:"id"`
	At time.Time `json:"at"`
	// Actor is who did it, as a user name, or gatewright itself.
	Actor string `json:"actor"`
	// Action is a word for machines, as "reveal-secret" or "suspend".
	Action string `json:"action"`
	// Binding is what it was done to; it may be an environment alone, or zero.
	Binding resource.Binding `json:"binding,omitzero"`
	// Subject narrows Binding, as the name of a client.
	Subject  string `json:"subject,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Message says it for people. It must hold no secret.
	Message string `json:"message,omitempty"`
}

// EventFilter selects events. Empty fields select everything.
type EventFilter struct {
	// Bounds is what may be seen at all.
	Bounds Bounds
	// Binding selects by its fields that are set.
	Binding resource.Binding
	Actor   string
	Action  string
	Since   time.Time
	// Before pages: only events with smaller ids.
	Before int64
	// Limit is how many to return; zero means 100.
	Limit int
}

// eventRow is a row of the table events.
type eventRow struct {
	bun.BaseModel `bun:"table:events,alias:e"`

	ID          int64  `bun:"id,pk,autoincrement"`
	At          int64  `bun:"at"`
	Actor       string `bun:"actor"`
	Action      string `bun:"action"`
	Environment string `bun:"environment"`
	Identity    string `bun:"identity"`
	Subject     string `bun:"subject"`
	Revision    string `bun:"revision"`
	Message     string `bun:"message"`
}

// Event adds a line to the audit trail. Its ID is ignored; a zero At means now.
func (s *Store) Event(ctx context.Context, e Event) error {
	row := eventRow{
		At: micros(e.At), Actor: text(e.Actor), Action: text(e.Action), Environment: e.Binding.Environment,
		Identity: identityOf(e.Binding), Subject: text(e.Subject), Revision: text(e.Revision), Message: text(e.Message),
	}
	if row.At == 0 {
		row.At = s.micros()
	}
	return s.write(ctx, "store event", func(ctx context.Context, tx bun.Tx) error { return addEvent(ctx, tx, row) })
}

// addEvent stores an event as part of what it tells of.
func addEvent(ctx context.Context, tx bun.Tx, row eventRow) error {
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// ActionSync is the action of an event by which somebody asks the daemon to look
// at everything now.
const ActionSync = "sync"

// orders are the actions by which people ask a running daemon for something.
var orders = []string{ActionSuspend, ActionResume, ActionConfirm, ActionRotate, ActionSync}

// LastOrder is the id of the newest event by which somebody asked the daemon
// for something, and zero if there is none. It grows whenever one comes.
func (s *Store) LastOrder(ctx context.Context) (int64, error) {
	var id int64
	err := s.reads.NewSelect().Model((*eventRow)(nil)).Column("id").Where("action IN (?)", bun.List(orders)).
		Order("id DESC").Limit(1).Scan(ctx, &id)
	if missing(err) {
		return 0, nil
	}
	return id, s.fault("read events", err)
}

// Events returns the events that f selects, newest first.
func (s *Store) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	var rows []eventRow
	q := f.Bounds.onIdentity(onBinding(s.reads.NewSelect().Model(&rows), f.Binding)).Order("id DESC").Limit(limitOf(f.Limit))
	if f.Actor != "" {
		q = q.Where("actor = ?", f.Actor)
	}
	if f.Action != "" {
		q = q.Where("action = ?", f.Action)
	}
	if !f.Since.IsZero() {
		q = q.Where("at >= ?", micros(f.Since))
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.fault("read events", err)
	}
	out := make([]Event, len(rows))
	for i, r := range rows {
		b, err := bindingOf(r.Identity, r.Environment)
		if err != nil {
			return nil, s.fault("read events", err)
		}
		out[i] = Event{
			ID: r.ID, At: instant(r.At), Actor: r.Actor, Action: r.Action, Binding: b, Subject: r.Subject,
			Revision: r.Revision, Message: r.Message,
		}
	}
	return out, nil
}
