package inventory

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Bindings returns the bindings that f selects, sorted as resource.Binding
// compares, in two queries however many there are.
func (s *Store) Bindings(ctx context.Context, f Filter) ([]Binding, error) {
	var rows []bindingRow
	if err := f.on(s.reads.NewSelect().Model(&rows)).Order(keyOrder...).Scan(ctx); err != nil {
		return nil, s.fault("read bindings", err)
	}
	clients, err := s.clients(ctx, f, len(rows))
	if err != nil {
		return nil, s.fault("read clients", err)
	}
	out := make([]Binding, len(rows))
	for i := range rows {
		if out[i], err = rows[i].value(); err != nil {
			return nil, s.fault("read bindings", err)
		}
		out[i].Clients = clients[rows[i].key]
	}
	return out, nil
}

// Binding returns one binding and whether it is known.
func (s *Store) Binding(ctx context.Context, b resource.Binding) (Binding, bool, error) {
	found, err := s.Bindings(ctx, Filter{
		Organization: b.Organization, Project: b.Project, Agent: b.Agent, Environment: b.Environment,
	})
	if err != nil || len(found) == 0 {
		return Binding{}, false, err
	}
	return found[0], true, nil
}

var keyOrder = []string{"organization", "project", "agent", "environment"}

// clients returns the clients of the selected bindings. A status is no column
// of theirs: a filter by status alone reads too many, which costs less than
// naming each binding.
func (s *Store) clients(ctx context.Context, f Filter, bindings int) (map[key][]Client, error) {
	if bindings == 0 {
		return map[key][]Client{}, nil
	}
	f.Status = ""
	var rows []clientRow
	if err := f.on(s.reads.NewSelect().Model(&rows)).Scan(ctx); err != nil {
		return nil, err
	}
	out := make(map[key][]Client, bindings)
	for _, r := range rows {
		out[r.key] = append(out[r.key], r.value())
	}
	for k, cs := range out {
		out[k] = sortedClients(Binding{Clients: cs}).Clients
	}
	return out, nil
}

// on adds the conditions of f to q.
func (f Filter) on(q *bun.SelectQuery) *bun.SelectQuery {
	for _, c := range []struct{ column, value string }{
		{"environment", f.Environment}, {"organization", f.Organization}, {"project", f.Project},
		{"agent", f.Agent}, {"status", string(f.Status)},
	} {
		if c.value != "" {
			q = q.Where("? = ?", bun.Ident(c.column), c.value)
		}
	}
	return q
}
