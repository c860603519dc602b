package inventory

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// bulk is a statement about many rows, for what every step of every binding
// writes. Building and parsing such statements took more time than carrying
// them out, so they are written out here. The databases want them differently:
//
//	SQLite       there are no round trips, so a statement for one row is
//	             prepared once and carried out row by row
//	PostgreSQL   one statement for as many rows as fit, in one round trip and
//	             unprepared, so that a pooler may stand in between
type bulk struct {
	// head, row and tail make the statement; row stands once for each row. ?
	// is a parameter.
	head, row, tail string
	// one is the statement about one row, where it differs from head+row+tail.
	one string
}

// insert is a bulk insert. What happens to a row that is there already stands
// in conflict.
func insert(table string, columns []string, conflict string) bulk {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")
	return bulk{
		head: "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ",
		row:  "(" + marks + ")", tail: conflict,
	}
}

// upsert is a bulk insert that replaces the columns after the key.
func upsert(table string, key, columns []string) bulk {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + " = EXCLUDED." + c
	}
	conflict := " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
	return insert(table, slices.Concat(key, columns), conflict)
}

// remove is a bulk delete by key.
func remove(table string, key []string) bulk {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(key)), ", ")
	return bulk{
		head: "DELETE FROM " + table + " WHERE (" + strings.Join(key, ", ") + ") IN (VALUES ",
		row:  "(" + marks + ")", tail: ")",
		one: "DELETE FROM " + table + " WHERE " + strings.Join(key, " = ? AND ") + " = ?",
	}
}

// bulks are all of them, by what they do.
var bulks = map[string]*bulk{}

// register makes b one of the statements that Open prepares.
func register(b bulk) *bulk {
	if b.one == "" {
		b.one = b.head + b.row + b.tail
	}
	bulks[b.one] = &b
	return &b
}

// prepareBulks prepares every statement for the writer's connection.
func (s *Store) prepareBulks(ctx context.Context) error {
	if !s.sqlite() || s.readOnly {
		return nil
	}
	s.prepared = make(map[*bulk]*sql.Stmt, len(bulks))
	for _, b := range bulks {
		stmt, err := s.db.PrepareContext(ctx, b.one)
		if err != nil {
			return err
		}
		s.prepared[b] = stmt.Stmt
	}
	return nil
}

// rowsPerStatement bounds one statement of PostgreSQL, which takes 65535
// parameters.
const rowsPerStatement = 200

// bulk carries out b for rows, each the parameters of one.
func (s *Store) bulk(ctx context.Context, tx bun.Tx, b *bulk, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if !s.sqlite() {
		return b.together(ctx, tx, rows)
	}
	stmt := tx.StmtContext(ctx, s.prepared[b]) //nolint:sqlclosecheck // the end of the transaction closes it
	for _, args := range rows {
		if _, err := stmt.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// together carries out b in statements of many rows.
func (b *bulk) together(ctx context.Context, tx bun.Tx, rows [][]any) error {
	for chunk := range slices.Chunk(rows, rowsPerStatement) {
		query := b.head + strings.TrimSuffix(strings.Repeat(b.row+", ", len(chunk)), ", ") + b.tail
		if _, err := tx.Tx.ExecContext(ctx, numbered(query), slices.Concat(chunk...)...); err != nil {
			return err
		}
	}
	return nil
}

// numbered writes parameters as PostgreSQL does: $1, $2. The statements here
// hold no other question mark.
func numbered(query string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}
