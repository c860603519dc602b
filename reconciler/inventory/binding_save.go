package inventory

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
)

const (
	// manyBindings is from where on reading every digest of an environment
	// costs less than naming each binding.
	manyBindings = 64
	// rowsPerStatement bounds the text of one statement: SQLite takes a
	// million bytes.
	rowsPerStatement = 40
)

// digests are what the stored content of a binding is recognised by.
type digests struct{ binding, clients string }

// SaveBindings stores bindings, each whole, in one transaction. What is stored
// already as it is asked for is not written, and if that is everything, nothing
// is. Where two processes save the same binding, the last one wins.
func (s *Store) SaveBindings(ctx context.Context, bindings []Binding) error {
	if len(bindings) == 0 {
		return nil
	}
	if err := s.writable(); err != nil {
		return s.fault("store bindings", err)
	}
	stored, err := s.digests(ctx, bindings)
	if err != nil {
		return s.fault("read bindings", err)
	}
	diff, err := differing(bindings, stored)
	if err != nil {
		return s.fault("store bindings", err)
	}
	if len(diff.rows) == 0 {
		return nil
	}
	now := s.micros()
	for i := range diff.rows {
		diff.rows[i].UpdatedAt = now
	}
	return s.write(ctx, "store bindings", diff.store)
}

// difference is what has to be written.
type difference struct {
	rows []bindingRow
	// stale are bindings whose clients are replaced by clients.
	stale   [][]string
	clients []clientRow
}

// differing compares bindings with what is stored. Of a binding that is named
// twice the last counts.
func differing(bindings []Binding, stored map[key]digests) (difference, error) {
	var d difference
	seen := make(map[key]bool, len(bindings))
	for _, b := range slices.Backward(bindings) {
		k := keyOf(b.Binding)
		if seen[k] {
			continue
		}
		seen[k] = true
		b = sortedClients(b)
		row, err := rowOf(b)
		if err != nil {
			return d, err
		}
		old, known := stored[k]
		if known && old == (digests{row.Digest, row.ClientsDigest}) {
			continue
		}
		d.rows = append(d.rows, row)
		if known && old.clients == row.ClientsDigest {
			continue
		}
		if old.clients != "" {
			d.stale = append(d.stale, k.tuple())
		}
		d.clients = append(d.clients, clientRows(b)...)
	}
	return d, nil
}

// store carries out d.
func (d difference) store(ctx context.Context, tx bun.Tx) error {
	for rows := range slices.Chunk(d.rows, rowsPerStatement) {
		q := tx.NewInsert().Model(&rows).On("CONFLICT (environment, organization, project, agent) DO UPDATE")
		if _, err := overwrite(q, bindingColumns).Exec(ctx); err != nil {
			return err
		}
	}
	if err := deleteKeys(ctx, tx, (*clientRow)(nil), d.stale); err != nil {
		return err
	}
	for rows := range slices.Chunk(d.clients, rowsPerStatement) {
		q := tx.NewInsert().Model(&rows).On("CONFLICT (environment, organization, project, agent, name) DO UPDATE")
		if _, err := overwrite(q, clientColumns).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

var (
	bindingColumns = []string{
		"enabled", "scheme", "client_id", "application_id", "credential_path", "endpoint", "revision", "status", "class",
		"reason", "message", "hint", "deletion", "suspended_until", "suspend_reason", "spec_file", "spec_line",
		"desired_hash", "last_proof", "converged_at", "updated_at", "digest", "clients_digest",
	}
	clientColumns = []string{"client_id", "application_id", "credential_path", "credential_version"}
)

// overwrite makes q replace columns where the row is there already.
func overwrite(q *bun.InsertQuery, columns []string) *bun.InsertQuery {
	for _, c := range columns {
		q = q.Set("? = EXCLUDED.?", bun.Ident(c), bun.Ident(c))
	}
	return q
}

// digests reads how the given bindings are stored.
func (s *Store) digests(ctx context.Context, bindings []Binding) (map[key]digests, error) {
	q := s.reads.NewSelect().Model((*bindingRow)(nil)).
		Column("environment", "organization", "project", "agent", "digest", "clients_digest")
	if len(bindings) < manyBindings {
		keys := make([][]string, len(bindings))
		for i, b := range bindings {
			keys[i] = keyOf(b.Binding).tuple()
		}
		q = q.Where(inKeys, valuesOf(keys))
	} else {
		var environments []string
		for _, b := range bindings {
			if !slices.Contains(environments, b.Binding.Environment) {
				environments = append(environments, b.Binding.Environment)
			}
		}
		q = q.Where("environment IN (?)", bun.List(environments))
	}
	rows, err := q.Rows(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make(map[key]digests, len(bindings))
	for rows.Next() {
		var k key
		var d digests
		if err := rows.Scan(&k.Environment, &k.Organization, &k.Project, &k.Agent, &d.binding, &d.clients); err != nil {
			return nil, err
		}
		out[k] = d
	}
	return out, rows.Err()
}

// DeleteBindings forgets bindings and their clients. What is owned of them
// stays owned: see Settle.
func (s *Store) DeleteBindings(ctx context.Context, bindings []resource.Binding) error {
	if len(bindings) == 0 {
		return nil
	}
	keys := make([][]string, len(bindings))
	for i, b := range bindings {
		keys[i] = keyOf(b).tuple()
	}
	return s.write(ctx, "delete bindings", func(ctx context.Context, tx bun.Tx) error {
		// Their clients go with them.
		return deleteKeys(ctx, tx, (*bindingRow)(nil), keys)
	})
}

// inKeys compares the key of a binding with a list: SQLite takes a list of
// tuples only as VALUES.
const inKeys = "(environment, organization, project, agent) IN (VALUES ?)"

func deleteKeys(ctx context.Context, tx bun.Tx, model any, keys [][]string) error {
	for chunk := range slices.Chunk(keys, rowsPerStatement) {
		if _, err := tx.NewDelete().Model(model).Where(inKeys, valuesOf(chunk)).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (k key) tuple() []string { return []string{k.Environment, k.Organization, k.Project, k.Agent} }

// valuesOf are the rows of a VALUES list.
func valuesOf(rows [][]string) bun.ListValues {
	out := make([]bun.TupleValues, len(rows))
	for i, r := range rows {
		out[i] = bun.Tuple(r)
	}
	return bun.List(out)
}
