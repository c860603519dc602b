package inventory

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Rotation asks that a credential be rotated. Of each credential there is one
// request at most.
type Rotation struct {
	Binding resource.Binding `json:"binding"`
	Client  string           `json:"client"`
	// Overlap is how long the application before serves on; nil leaves that to
	// the spec.
	Overlap *schema.Seconds `json:"overlap,omitempty"`
	// Cut ends an overlap that runs.
	Cut    bool      `json:"cut,omitempty"`
	Reason string    `json:"reason"`
	Author string    `json:"author"`
	At     time.Time `json:"at"`
}

// Credential names what is to be rotated.
func (r Rotation) Credential() resource.ID {
	return resource.ID{Kind: resource.KindCredential, Binding: r.Binding, Name: r.Client}
}

// ActionRotate is the action of the event of a request.
const ActionRotate = "rotate"

// unsaid is the stored form of an overlap that is left to the spec.
const unsaid = -1

// rotationRow is a row of the table rotations.
type rotationRow struct {
	bun.BaseModel `bun:"table:rotations"`
	key

	Client  string `bun:"client,pk"`
	Overlap int64  `bun:"overlap"`
	Cut     bool   `bun:"cut"`
	Reason  string `bun:"reason"`
	Author  string `bun:"author"`
	AskedAt int64  `bun:"asked_at"`
}

func (r rotationRow) value() Rotation {
	out := Rotation{
		Binding: r.binding(), Client: r.Client, Cut: r.Cut, Reason: r.Reason, Author: r.Author, At: instant(r.AskedAt),
	}
	if r.Overlap != unsaid {
		overlap := schema.Seconds(r.Overlap)
		out.Overlap = &overlap
	}
	return out
}

// AskRotation stores a request in place of an earlier one for the same
// credential, and an event of it. A zero At means now.
func (s *Store) AskRotation(ctx context.Context, r Rotation) error {
	row := rotationRow{
		key: keyOf(r.Binding), Client: r.Client, Overlap: unsaid, Cut: r.Cut, Reason: text(r.Reason), Author: text(r.Author), AskedAt: micros(r.At),
	}
	if r.Overlap != nil {
		row.Overlap = int64(*r.Overlap)
	}
	if row.AskedAt == 0 {
		row.AskedAt = s.micros()
	}
	said := eventRow{
		At: row.AskedAt, Actor: row.Author, Action: ActionRotate, Environment: row.Environment,
		Identity: identityOf(r.Binding), Message: text("client " + r.Client + ": " + r.Reason),
	}
	return s.write(ctx, "store request to rotate", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (environment, organization, project, agent, client) DO UPDATE").
			Set("overlap = EXCLUDED.overlap").Set("cut = EXCLUDED.cut").Set("reason = EXCLUDED.reason").
			Set("author = EXCLUDED.author").Set("asked_at = EXCLUDED.asked_at").Exec(ctx)
		if err != nil {
			return err
		}
		return addEvent(ctx, tx, said)
	})
}

// Rotations returns the requests that nobody has carried out yet, sorted by
// binding and client.
func (s *Store) Rotations(ctx context.Context) ([]Rotation, error) {
	var rows []rotationRow
	if err := s.reads.NewSelect().Model(&rows).Order(slices.Concat(keyOrder, []string{"client"})...).Scan(ctx); err != nil {
		return nil, s.fault("read requests to rotate", err)
	}
	out := make([]Rotation, len(rows))
	for i, r := range rows {
		out[i] = r.value()
	}
	return out, nil
}

// EndRotation takes away a request that was carried out or has no object any
// more. A newer one for the same credential stays.
func (s *Store) EndRotation(ctx context.Context, r Rotation) error {
	return s.write(ctx, "end request to rotate", func(ctx context.Context, tx bun.Tx) error {
		_, err := keyOf(r.Binding).on(tx.NewDelete().Model((*rotationRow)(nil))).
			Where("client = ?", r.Client).Where("asked_at <= ?", micros(r.At)).Exec(ctx)
		return err
	})
}
