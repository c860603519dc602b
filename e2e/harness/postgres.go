package harness

import (
	"context"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/gatewright/gatewright/e2e/standin"
)

// Postgres starts PostgreSQL, once, and returns the URL by which containers
// reach its database. It is slow to start and few need it, so that Start leaves
// it out.
func (s *Stack) Postgres(ctx context.Context) (string, error) {
	s.postgres.Do(func() {
		ready := testcontainers.WithWaitStrategyAndDeadline(startTime, wait.ForLog("database system is ready to accept connections"))
		if p := s.peer("postgresql"); p.real {
			_, s.postgresErr = s.start(ctx, "postgres", p.Image,
				testcontainers.WithWaitStrategyAndDeadline(startTime, wait.ForLog("database system is ready to accept connections").WithOccurrence(2)),
				testcontainers.WithEnv(map[string]string{"POSTGRES_USER": "gatewright", "POSTGRES_PASSWORD": "gatewright", "POSTGRES_DB": "gatewright"}))
			return
		}
		_, s.postgresErr = s.standIn(ctx, "postgres", standin.Postgres, ready)
	})
	return standin.PostgresURL, s.postgresErr
}
