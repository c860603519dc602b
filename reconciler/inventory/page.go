package inventory

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/schema"
)

// Page selects, sorts and cuts a list of bindings.
type Page struct {
	Bounds

	Filter Filter
	Scheme schema.Scheme
	// Search is part of an identity, an environment or a client id, in any case.
	Search string
	// Sort is name, environment, scheme, status, proof or updated; empty means by
	// name.
	Sort       string
	Descending bool
	Offset     int
	// Limit is how many to return; zero means 100.
	Limit int
}

// sorts are what bindings can be sorted by, each with its columns. What is
// equal stands by name.
var sorts = map[string][]string{
	"name":        {"organization", "project", "agent", "environment"},
	"environment": {"environment"},
	"scheme":      {"scheme"},
	"status":      {"status"},
	"updated":     {"updated_at"},
	// A stored proof begins with its time and whether all went well.
	"proof": {`CASE WHEN last_proof = '' THEN 1 WHEN last_proof LIKE '{"at":"%","ok":true,%' THEN 2 ELSE 0 END`, "last_proof"},
}

// Page returns one page of what p selects, and how many it selects in all.
func (s *Store) Page(ctx context.Context, p Page) ([]Binding, int, error) {
	order, ok := sorts[p.Sort]
	if !ok && p.Sort != "" {
		return nil, 0, s.fault("read bindings", fault.New(fault.Stalled, "UnknownSort", "bindings are not sorted by %.40q", p.Sort))
	}
	sorted := func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, column := range order {
			if p.Descending {
				column += " DESC"
			}
			q = q.OrderExpr(column)
		}
		return q.OrderExpr("organization, project, agent, environment")
	}
	// Only what is sorted by is sorted; whole rows would be some megabytes.
	page := sorted(p.on(s.reads.NewSelect().Model((*bindingRow)(nil)).Column("environment", "organization", "project", "agent"))).
		Offset(int64(max(0, p.Offset))).Limit(limitOf(p.Limit))
	var rows []bindingRow
	err := sorted(s.reads.NewSelect().Model(&rows).Where("(environment, organization, project, agent) IN (?)", page)).Scan(ctx)
	if err != nil {
		return nil, 0, s.fault("read bindings", err)
	}
	total := int64(max(0, p.Offset) + len(rows))
	if n := int64(len(rows)); n == limitOf(p.Limit) || n == 0 && p.Offset > 0 {
		// It is not the last page, or beyond it.
		if total, err = p.on(s.reads.NewSelect().Model((*bindingRow)(nil))).Count(ctx); err != nil {
			return nil, 0, s.fault("count bindings", err)
		}
	}
	out, err := s.withClients(ctx, rows)
	return out, int(total), s.fault("read bindings", err)
}

// on adds the conditions of p to q.
func (p Page) on(q *bun.SelectQuery) *bun.SelectQuery {
	q = p.Bounds.on(p.Filter.on(q))
	if p.Scheme != "" {
		q = q.Where("scheme = ?", string(p.Scheme))
	}
	if p.Search == "" {
		return q
	}
	// Stored names are lower-case; PostgreSQL's LIKE minds the case.
	pattern := "%" + escape.Replace(strings.ToLower(p.Search)) + "%"
	return q.Where(`(organization || '/' || project || '/' || agent || '@' || environment LIKE ? ESCAPE '\'`+
		` OR client_id LIKE ? ESCAPE '\' OR (environment, organization, project, agent) IN`+
		` (SELECT c.environment, c.organization, c.project, c.agent FROM clients AS c WHERE c.client_id LIKE ? ESCAPE '\'))`,
		pattern, pattern, pattern)
}

// escape takes their meaning from the characters of a pattern.
var escape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// withClients is rows with the clients of each.
func (s *Store) withClients(ctx context.Context, rows []bindingRow) ([]Binding, error) {
	out := make([]Binding, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	values, args := make([]string, len(rows)), make([]any, 0, 4*len(rows))
	for i, r := range rows {
		values[i], args = "(?, ?, ?, ?)", append(args, r.key.args()...)
	}
	var found []clientRow
	err := s.reads.NewSelect().Model(&found).
		Where("(environment, organization, project, agent) IN (VALUES "+strings.Join(values, ", ")+")", args...).
		Order("name").Scan(ctx)
	if err != nil {
		return nil, err
	}
	clients := map[key][]Client{}
	for _, c := range found {
		clients[c.key] = append(clients[c.key], c.value())
	}
	for i := range rows {
		if out[i], err = rows[i].value(); err != nil {
			return nil, err
		}
		out[i].Clients = clients[rows[i].key]
	}
	return out, nil
}

// value is the client that a row holds.
func (r *clientRow) value() Client {
	return Client{
		Name: r.Name, ClientID: r.ClientID, ApplicationID: r.ApplicationID,
		CredentialPath: r.CredentialPath, CredentialVersion: r.CredentialVersion,
	}
}
