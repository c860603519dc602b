package inventory

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// TestPassing: what passes by itself is waited for by a daemon that starts.
func TestPassing(t *testing.T) {
	t.Parallel()
	for code, reason := range map[string]string{
		"25P03": "Paused", "40001": "DatabaseLocked", "55P03": "DatabaseLocked",
		"53300": "DatabaseOverloaded", "57P03": "DatabaseUnreachable",
	} {
		if d := diagnosePostgres(&pgconn.PgError{Code: code}); d.class != fault.Transient || !d.unreachable || d.reason != reason {
			t.Errorf("%s: %+v, want %s", code, d, reason)
		}
	}
	if d := diagnosePostgres(&pgconn.PgError{Code: "53100"}); d.class != fault.Stalled || d.unreachable {
		t.Errorf("a full disk: %+v", d)
	}
}
