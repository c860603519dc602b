package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/gatewright/gatewright/e2e/standin"
)

// postgresUser is the superuser, its password and its database.
const postgresUser = "gatewright"

// Postgres makes a database, in which it runs a script of SQL, and returns the
// URL by which containers reach it. The server is started when it is first
// asked for: it is slow to start and few need it.
func (s *Stack) Postgres(ctx context.Context, database, script string) (string, error) {
	s.postgres.Do(func() { s.postgresErr = s.startPostgres(ctx) })
	if s.postgresErr != nil {
		return "", s.postgresErr
	}
	const here = "127.0.0.1"
	if err := s.psql(ctx, postgresURL(here, postgresUser), fmt.Sprintf("CREATE DATABASE %q;\n", database)); err != nil {
		return "", err
	}
	return postgresURL("postgres", database), s.psql(ctx, postgresURL(here, database), script)
}

// postgresURL is a database at a host.
func postgresURL(host, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(postgresUser, postgresUser),
		Host: net.JoinHostPort(host, "5432"), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// startPostgres starts the server, with its data on a disk of its own.
func (s *Stack) startPostgres(ctx context.Context) error {
	disk, err := s.disk(ctx, "postgres")
	if err != nil {
		return err
	}
	ready := wait.ForLog("database system is ready to accept connections")
	if p := s.peer("postgresql"); p.real {
		s.PostgreSQL, err = s.start(ctx, "postgres", p.Image, disk.mount("/var/lib/postgresql/data"),
			testcontainers.WithWaitStrategyAndDeadline(startTime, ready.WithOccurrence(2)),
			testcontainers.WithEnv(map[string]string{"POSTGRES_USER": postgresUser, "POSTGRES_PASSWORD": postgresUser, "POSTGRES_DB": postgresUser}))
	} else {
		s.PostgreSQL, err = s.standIn(ctx, "postgres", standin.Postgres, disk.mount(standin.PostgresHome),
			testcontainers.WithWaitStrategyAndDeadline(startTime, ready))
	}
	if err == nil {
		s.PostgreSQL.Disk = disk
	}
	return err
}

// psql runs a script in the server's container.
func (s *Stack) psql(ctx context.Context, url, script string) error {
	file := fmt.Sprintf("/script-%d.sql", s.serial.Add(1))
	if err := s.PostgreSQL.CopyToContainer(ctx, []byte(script), file, 0o644); err != nil {
		return err
	}
	code, said, err := s.PostgreSQL.Exec(ctx, []string{"psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file=" + file, url})
	if err != nil || code == 0 {
		return err
	}
	text, err := io.ReadAll(said)
	return errors.Join(err, fmt.Errorf("psql: exit code %d: %s", code, text))
}
