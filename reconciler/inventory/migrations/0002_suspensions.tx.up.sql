-- What must not be changed until a time, by word of a person. A name that is
-- empty selects everything; see resource.Selector.
CREATE TABLE IF NOT EXISTS suspensions (
  environment TEXT NOT NULL,
  organization TEXT NOT NULL,
  project TEXT NOT NULL,
  agent TEXT NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  since BIGINT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (environment, organization, project, agent)
){{.WithoutRowID}}
