package inventory

import (
	"context"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Verify reads the whole database and reports damage, as fault.Stalled. It is
// for people who ask: it takes time in the size of the file.
func (s *Store) Verify(ctx context.Context) error {
	if !s.sqlite() {
		// PostgreSQL checks its pages itself.
		return s.fault("verify", s.reads.PingContext(ctx))
	}
	var found []string
	if err := s.reads.NewRaw("PRAGMA quick_check(3)").Scan(ctx, &found); err != nil {
		return s.fault("verify", err)
	}
	if len(found) == 1 && found[0] == "ok" {
		return nil
	}
	e := fault.New(fault.Stalled, "DatabaseCorrupt", "%q", found)
	e.Hint = corruptHint(s.source.path)
	return s.fault("verify", e)
}
