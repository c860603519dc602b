-- Which credentials are to be rotated, by word of a person. A row goes once the
-- credential is younger than the request.
CREATE TABLE IF NOT EXISTS rotations (
  environment TEXT NOT NULL,
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  agent TEXT NOT NULL,
  client TEXT NOT NULL,
  overlap BIGINT NOT NULL,
  cut BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  PRIMARY KEY (environment, organization, project, agent, client)
){{.WithoutRowID}}
