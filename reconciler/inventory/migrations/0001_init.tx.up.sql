-- Times are microseconds since 1970 in UTC, 0 meaning never: both databases
-- keep, compare and index them alike. Every statement may be repeated, since a
-- process can die between a migration and the note that it was applied.

CREATE TABLE IF NOT EXISTS meta (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
)

--bun:split

CREATE TABLE IF NOT EXISTS bindings (
  environment TEXT NOT NULL,
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  agent TEXT NOT NULL,
  enabled BOOLEAN NOT NULL,
  scheme TEXT NOT NULL,
  client_id TEXT NOT NULL,
  application_id TEXT NOT NULL,
  credential_path TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  revision TEXT NOT NULL,
  status TEXT NOT NULL,
  class TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  hint TEXT NOT NULL,
  deletion TEXT NOT NULL,
  suspended_until BIGINT NOT NULL,
  suspend_reason TEXT NOT NULL,
  spec_file TEXT NOT NULL,
  spec_line BIGINT NOT NULL,
  desired_hash TEXT NOT NULL,
  last_proof TEXT NOT NULL,
  converged_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  digest TEXT NOT NULL,
  clients_digest TEXT NOT NULL,
  PRIMARY KEY (environment, organization, project, agent)
){{.WithoutRowID}}

--bun:split

CREATE TABLE IF NOT EXISTS clients (
  environment TEXT NOT NULL,
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  agent TEXT NOT NULL,
  name TEXT NOT NULL,
  client_id TEXT NOT NULL,
  application_id TEXT NOT NULL,
  credential_path TEXT NOT NULL,
  credential_version TEXT NOT NULL,
  PRIMARY KEY (environment, organization, project, agent, name),
  FOREIGN KEY (environment, organization, project, agent)
    REFERENCES bindings (environment, organization, project, agent) ON DELETE CASCADE
){{.WithoutRowID}}

--bun:split

-- What this installation created or adopted and has not deleted. identity is
-- organization/project/agent, and empty for what belongs to an environment.
CREATE TABLE IF NOT EXISTS resources (
  environment TEXT NOT NULL,
  identity TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  owned_at BIGINT NOT NULL,
  PRIMARY KEY (environment, identity, kind, name)
){{.WithoutRowID}}

--bun:split

CREATE TABLE IF NOT EXISTS runs (
  id {{.Identity}},
  kind TEXT NOT NULL,
  trigger TEXT NOT NULL,
  revision TEXT NOT NULL,
  environments TEXT NOT NULL,
  holder TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  repeats BIGINT NOT NULL,
  steps BIGINT NOT NULL,
  counts TEXT NOT NULL,
  failed BIGINT NOT NULL,
  writes BIGINT NOT NULL,
  class TEXT NOT NULL,
  message TEXT NOT NULL
)

--bun:split

CREATE TABLE IF NOT EXISTS steps (
  run_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  seq BIGINT NOT NULL,
  environment TEXT NOT NULL,
  identity TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  action TEXT NOT NULL,
  changes TEXT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL,
  class TEXT NOT NULL,
  message TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  writes BIGINT NOT NULL,
  PRIMARY KEY (run_id, seq)
){{.WithoutRowID}}

--bun:split

CREATE INDEX IF NOT EXISTS steps_by_identity ON steps (identity, environment, run_id)

--bun:split

CREATE INDEX IF NOT EXISTS steps_open ON steps (environment) WHERE state = 'intended'

--bun:split

CREATE TABLE IF NOT EXISTS events (
  id {{.Identity}},
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  environment TEXT NOT NULL,
  identity TEXT NOT NULL,
  subject TEXT NOT NULL,
  revision TEXT NOT NULL,
  message TEXT NOT NULL
)

--bun:split

CREATE INDEX IF NOT EXISTS events_by_identity ON events (identity, environment, id)

--bun:split

-- One writer per environment; see lease.go.
CREATE TABLE IF NOT EXISTS leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  token TEXT NOT NULL,
  acquired_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
)
