package inventory

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// resourceRow is a row of the table resources.
type resourceRow struct {
	bun.BaseModel `bun:"table:resources"`

	Environment string `bun:"environment,pk"`
	Identity    string `bun:"identity,pk"`
	Kind        string `bun:"kind,pk"`
	Name        string `bun:"name,pk"`
	OwnedAt     int64  `bun:"owned_at"`
}

// resourceKey is id as it is stored.
func resourceKey(id resource.ID) resourceRow {
	return resourceRow{
		Environment: id.Binding.Environment, Identity: identityOf(id.Binding), Kind: string(id.Kind), Name: id.Name,
	}
}

func (r resourceRow) id() (resource.ID, error) {
	b, err := bindingOf(r.Identity, r.Environment)
	return resource.ID{Kind: resource.Kind(r.Kind), Binding: b, Name: r.Name}, err
}

// Owned returns every resource of an environment, or of all for "", that this
// installation created or adopted and has not deleted, sorted.
func (s *Store) Owned(ctx context.Context, environment string) ([]resource.ID, error) {
	q := s.reads.NewSelect().Model((*resourceRow)(nil)).Column("environment", "identity", "kind", "name")
	if environment != "" {
		q = q.Where("environment = ?", environment)
	}
	rows, err := q.Rows(ctx)
	if err != nil {
		return nil, s.fault("read owned resources", err)
	}
	defer rows.Close()
	var out []resource.ID
	for rows.Next() {
		var r resourceRow
		if err := rows.Scan(&r.Environment, &r.Identity, &r.Kind, &r.Name); err != nil {
			return nil, s.fault("read owned resources", err)
		}
		id, err := r.id()
		if err != nil {
			return nil, s.fault("read owned resources", err)
		}
		out = append(out, id)
	}
	if err := rows.Err(); err != nil {
		return nil, s.fault("read owned resources", err)
	}
	slices.SortFunc(out, resource.ID.Compare)
	return out, nil
}

// ownership is what a batch of settlements changes about what is owned: true
// for a resource that is owned afterwards. Later settlements win.
type ownership map[resource.ID]bool

var (
	ownedKey    = []string{"environment", "identity", "kind", "name"}
	addOwned    = register(insert("resources", append(slices.Clone(ownedKey), "owned_at"), " ON CONFLICT DO NOTHING"))
	removeOwned = register(remove("resources", ownedKey))
)

// rows are what o adds and what it removes.
func (o ownership) rows(now int64) (added, removed [][]any) {
	for id, owned := range o {
		r := resourceKey(id)
		k := []any{r.Environment, r.Identity, r.Kind, r.Name}
		if owned {
			added = append(added, append(k, now))
		} else {
			removed = append(removed, k)
		}
	}
	return added, removed
}
