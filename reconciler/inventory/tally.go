package inventory

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Tally is how many bindings of an environment have a status for a reason.
type Tally struct {
	Environment string
	Status      Status
	Reason      string
	Count       int
	// Example is the first of them.
	Example resource.Binding
}

// Tally counts bindings, in one pass over them.
func (s *Store) Tally(ctx context.Context, b Bounds) ([]Tally, error) {
	var rows []struct {
		Environment string `bun:"environment"`
		Status      string `bun:"status"`
		Reason      string `bun:"reason"`
		Count       int    `bun:"n"`
		Example     string `bun:"example"`
	}
	err := b.on(s.reads.NewSelect().Model((*bindingRow)(nil)).Column("environment", "status", "reason")).
		ColumnExpr("count(*) AS n").ColumnExpr("min(organization || '/' || project || '/' || agent) AS example").
		Group("environment", "status", "reason").Order("environment", "status", "reason").Scan(ctx, &rows)
	if err != nil {
		return nil, s.fault("count bindings", err)
	}
	out := make([]Tally, len(rows))
	for i, r := range rows {
		example, err := bindingOf(r.Example, r.Environment)
		if err != nil {
			return nil, s.fault("count bindings", err)
		}
		out[i] = Tally{Environment: r.Environment, Status: Status(r.Status), Reason: r.Reason, Count: r.Count, Example: example}
	}
	return out, nil
}

// Standing is how far a binding has come.
type Standing struct {
	// Hash is that of what was wanted when it was last looked at.
	Hash   string
	Status Status
}

// Standings returns how far every binding has come.
func (s *Store) Standings(ctx context.Context) (map[resource.Binding]Standing, error) {
	rows, err := s.reads.NewSelect().Model((*bindingRow)(nil)).
		Column("environment", "organization", "project", "agent", "desired_hash", "status").Rows(ctx)
	if err != nil {
		return nil, s.fault("read bindings", err)
	}
	defer rows.Close()
	out := map[resource.Binding]Standing{}
	for rows.Next() {
		var k key
		var st Standing
		if err := rows.Scan(&k.Environment, &k.Organization, &k.Project, &k.Agent, &st.Hash, &st.Status); err != nil {
			return nil, s.fault("read bindings", err)
		}
		out[k.binding()] = st
	}
	return out, s.fault("read bindings", rows.Err())
}

// Pulse tells whether anything has happened since another Pulse.
type Pulse struct {
	// Bindings is how many there are, Updated when one last changed.
	Bindings int
	Updated  time.Time
	// Event and Run are the newest ids; Ended is when that run has ended.
	Event int64
	Run   RunID
	Ended time.Time
}

// Pulse looks how things are, cheaply enough for every second.
func (s *Store) Pulse(ctx context.Context) (Pulse, error) {
	var p Pulse
	var updated, run, ended int64
	err := s.reads.NewSelect().Model((*bindingRow)(nil)).ColumnExpr("count(*)").ColumnExpr("coalesce(max(updated_at), 0)").
		Scan(ctx, &p.Bindings, &updated)
	if err != nil {
		return p, s.fault("read bindings", err)
	}
	err = s.reads.NewSelect().Model((*eventRow)(nil)).ColumnExpr("coalesce(max(id), 0)").Scan(ctx, &p.Event)
	if err != nil {
		return p, s.fault("read events", err)
	}
	err = s.reads.NewSelect().Model((*runRow)(nil)).Column("id", "ended_at").Order("id DESC").Limit(1).Scan(ctx, &run, &ended)
	if err != nil && !missing(err) {
		return p, s.fault("read runs", err)
	}
	p.Updated, p.Run, p.Ended = instant(updated), RunID(run), instant(ended)
	return p, nil
}

// Changed returns the bindings that have changed after a time, and when, at
// most limit of them.
func (s *Store) Changed(ctx context.Context, after time.Time, limit int) (map[resource.Binding]time.Time, error) {
	var rows []bindingRow
	err := s.reads.NewSelect().Model(&rows).Column("environment", "organization", "project", "agent", "updated_at").
		Where("updated_at > ?", micros(after)).Order("updated_at").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, s.fault("read bindings", err)
	}
	out := make(map[resource.Binding]time.Time, len(rows))
	for _, r := range rows {
		out[r.binding()] = instant(r.UpdatedAt)
	}
	return out, nil
}
