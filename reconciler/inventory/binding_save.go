package inventory

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// manyBindings is from where on reading every digest of an environment costs
// less than naming each binding.
const manyBindings = 64

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
	diff, err := differing(bindings, stored, s.micros())
	if err != nil {
		return s.fault("store bindings", err)
	}
	if len(diff.bindings) == 0 {
		return nil
	}
	return s.write(ctx, "store bindings", func(ctx context.Context, tx bun.Tx) error {
		return s.store(ctx, tx, diff)
	})
}

// difference is what has to be written, as parameters of bulk statements.
type difference struct {
	bindings [][]any
	// stale are the bindings whose clients are replaced by clients.
	stale   [][]any
	clients [][]any
}

// differing compares bindings with what is stored. Of a binding that is named
// twice the last counts.
func differing(bindings []Binding, stored map[key]digests, now int64) (difference, error) {
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
		row.UpdatedAt = now
		d.bindings = append(d.bindings, row.args())
		if known && old.clients == row.ClientsDigest {
			continue
		}
		if old.clients != "" {
			d.stale = append(d.stale, k.args())
		}
		for _, c := range clientRows(b) {
			d.clients = append(d.clients, c.args())
		}
	}
	return d, nil
}

var (
	keyColumns  = []string{"environment", "organization", "project", "agent"}
	saveBinding = register(upsert("bindings", keyColumns, []string{
		"enabled", "scheme", "client_id", "application_id", "credential_path", "endpoint", "revision", "status", "class",
		"reason", "message", "hint", "deletion", "suspended_until", "suspend_reason", "spec_file", "spec_line",
		"desired_hash", "last_proof", "converged_at", "updated_at", "digest", "clients_digest",
	}))
	saveClient = register(upsert("clients", append(slices.Clone(keyColumns), "name"), []string{
		"client_id", "application_id", "credential_path", "credential_version",
	}))
	dropClients  = register(remove("clients", keyColumns))
	dropBindings = register(remove("bindings", keyColumns))
)

// store carries out d.
func (s *Store) store(ctx context.Context, tx bun.Tx, d difference) error {
	if err := s.bulk(ctx, tx, saveBinding, d.bindings); err != nil {
		return err
	}
	if err := s.bulk(ctx, tx, dropClients, d.stale); err != nil {
		return err
	}
	return s.bulk(ctx, tx, saveClient, d.clients)
}

// digests reads how the given bindings are stored.
func (s *Store) digests(ctx context.Context, bindings []Binding) (map[key]digests, error) {
	q := s.reads.NewSelect().Model((*bindingRow)(nil)).
		Column("environment", "organization", "project", "agent", "digest", "clients_digest")
	if len(bindings) < manyBindings {
		keys := make([]bun.TupleValues, len(bindings))
		for i, b := range bindings {
			keys[i] = bun.Tuple(keyOf(b.Binding).args())
		}
		// SQLite takes a list of tuples only as VALUES.
		q = q.Where("(environment, organization, project, agent) IN (VALUES ?)", bun.List(keys))
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
	keys := make([][]any, len(bindings))
	for i, b := range bindings {
		keys[i] = keyOf(b).args()
	}
	return s.write(ctx, "delete bindings", func(ctx context.Context, tx bun.Tx) error {
		// Their clients go with them.
		return s.bulk(ctx, tx, dropBindings, keys)
	})
}
