-- The inventory that the scenario upgrade would have left with version 0001 of
-- the schema. It is never changed: newer versions have to read it.
PRAGMA journal_mode = wal;
PRAGMA application_id = 1735881332;
PRAGMA user_version = 0;
BEGIN TRANSACTION;
CREATE TABLE bindings (
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
) WITHOUT ROWID;
INSERT INTO "bindings" VALUES('production','gatewright','probe','probe-upgrade',1,'oauth2','gatewright_probe_probe-upgrade_production','7185afd6-f430-5fd1-8236-5c1e777315d4','secret/agents/gatewright/probe/probe-upgrade/production/own','','00af13e3128813c0922ceabdb634a413c5e0b655','converged','','','','','prune',0,'','',0,'07159cc94d88bae021a2c452b7839d9a','',1795529352273967,1795529352456317,'a2e7e60bce41c588cd7811faf91b96d6','d594e7d55cd5de67c02f905ae8b81f44');
INSERT INTO "bindings" VALUES('production','upgrade','travel','booking',1,'oauth2','upgrade_travel_booking_production','2bd102d0-1f68-5c8a-a626-b91017014c9b','secret/agents/upgrade/travel/booking/production/own','http://gateway:8080/production-upgrade-booking','00af13e3128813c0922ceabdb634a413c5e0b655','converged','','','','','prune',0,'','agents.cue',8,'2e1049e087f13c39aded3fb4fe80b4d3','{"at":"2026-11-24T14:09:12.520774411Z","ok":true,"checks":[{"name":"without a token","want":"401","got":"401","ok":true},{"name":"with a token for another audience","want":"401","got":"401","ok":true},{"name":"with a token","want":"not 401","got":"200","ok":true}]}',1795529352522455,1795529352522822,'0723fc599b759a8164b60fba0432bb86','9e1a867b264f6fea7555a95fa7e24b7f');
INSERT INTO "bindings" VALUES('production','upgrade','travel','search',1,'oauth2','upgrade_travel_search_production','442384f4-abc7-5a8b-bbf3-4a9f7e32c5b8','secret/agents/upgrade/travel/search/production/own','http://gateway:8080/production-upgrade-search','00af13e3128813c0922ceabdb634a413c5e0b655','converged','','','','','prune',0,'','agents.cue',16,'95c917a27e92a92ebe8325cfb37c8438','{"at":"2026-11-24T14:09:12.449546427Z","ok":true,"checks":[{"name":"without a token","want":"401","got":"401","ok":true},{"name":"with a token for another audience","want":"401","got":"401","ok":true},{"name":"with a token","want":"not 401","got":"200","ok":true}]}',1795529352455789,1795529352456317,'432e2d66f95bc2ddb1c2ef48f0ae44e9','7325e74161c064b10ed6c4c7e50b3da2');
CREATE TABLE clients (
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
) WITHOUT ROWID;
INSERT INTO "clients" VALUES('production','gatewright','probe','probe-upgrade','own','gatewright_probe_probe-upgrade_production','7185afd6-f430-5fd1-8236-5c1e777315d4','secret/agents/gatewright/probe/probe-upgrade/production/own','');
INSERT INTO "clients" VALUES('production','upgrade','travel','booking','mobile','upgrade_travel_booking_production_mobile','3bb476fa-e310-581e-a6de-a6f39c7b6b8b','secret/agents/upgrade/travel/booking/production/mobile','');
INSERT INTO "clients" VALUES('production','upgrade','travel','booking','own','upgrade_travel_booking_production','2bd102d0-1f68-5c8a-a626-b91017014c9b','secret/agents/upgrade/travel/booking/production/own','');
INSERT INTO "clients" VALUES('production','upgrade','travel','search','own','upgrade_travel_search_production','442384f4-abc7-5a8b-bbf3-4a9f7e32c5b8','secret/agents/upgrade/travel/search/production/own','');
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  environment TEXT NOT NULL,
  identity TEXT NOT NULL,
  subject TEXT NOT NULL,
  revision TEXT NOT NULL,
  message TEXT NOT NULL
);
CREATE TABLE gatewright_migration_locks ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "table_name" VARCHAR, UNIQUE ("table_name"));
CREATE TABLE gatewright_migrations ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "name" VARCHAR, "group_id" INTEGER, "migrated_at" TIMESTAMP NOT NULL DEFAULT current_timestamp);
INSERT INTO "gatewright_migrations" VALUES(1,'0001',1,'2026-11-24 14:09:12');
CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  token TEXT NOT NULL,
  acquired_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);
INSERT INTO "meta" VALUES('written-by','0.1.0');
INSERT INTO "meta" VALUES('endpoints:development','http://thunder:8090
http://thunder:8090/oauth2/token
http://thunder:8090/oauth2/jwks');
INSERT INTO "meta" VALUES('endpoints:production','http://thunder:8090
http://thunder:8090/oauth2/token
http://thunder:8090/oauth2/jwks');
INSERT INTO "meta" VALUES('discovered:development','2026-11-24T14:09:12Z');
INSERT INTO "meta" VALUES('discovered:production','2026-11-24T14:09:12Z');
INSERT INTO "meta" VALUES('revision','00af13e3128813c0922ceabdb634a413c5e0b655');
CREATE TABLE resources (
  environment TEXT NOT NULL,
  identity TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  owned_at BIGINT NOT NULL,
  PRIMARY KEY (environment, identity, kind, name)
) WITHOUT ROWID;
INSERT INTO "resources" VALUES('production','gatewright/probe/probe-upgrade','client','own',1795529352273140);
INSERT INTO "resources" VALUES('production','gatewright/probe/probe-upgrade','credential','own',1795529352273140);
INSERT INTO "resources" VALUES('production','upgrade/travel/booking','client','mobile',1795529352315699);
INSERT INTO "resources" VALUES('production','upgrade/travel/booking','client','own',1795529352315699);
INSERT INTO "resources" VALUES('production','upgrade/travel/booking','credential','mobile',1795529352315699);
INSERT INTO "resources" VALUES('production','upgrade/travel/booking','credential','own',1795529352315699);
INSERT INTO "resources" VALUES('production','upgrade/travel/booking','endpoint','',1795529352315699);
INSERT INTO "resources" VALUES('production','upgrade/travel/search','client','own',1795529352280664);
INSERT INTO "resources" VALUES('production','upgrade/travel/search','credential','own',1795529352280664);
INSERT INTO "resources" VALUES('production','upgrade/travel/search','endpoint','',1795529352280664);
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
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
);
INSERT INTO "runs" VALUES(1,'apply','apply','00af13e3128813c0922ceabdb634a413c5e0b655','development,production','ccabf54f6603:1',1795529352240340,1795529352523001,0,10,'{"create":8,"update":2,"replace":0,"delete":0,"keep":1,"skip":0}',0,14,'','');
CREATE TABLE steps (
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
) WITHOUT ROWID;
INSERT INTO "steps" VALUES(1,0,'production','upgrade/travel/search','credential','own','create','','it does not exist','done','','',1795529352241703,1795529352251588,2);
INSERT INTO "steps" VALUES(1,1,'production','upgrade/travel/search','client','own','create','','it does not exist','done','','',1795529352251592,1795529352266453,1);
INSERT INTO "steps" VALUES(1,2,'production','upgrade/travel/search','endpoint','','update','[{"field":"scheme","before":"apiKey","after":"oauth2"},{"field":"header","before":"","after":"Authorization"},{"field":"prefix","before":"","after":"Bearer"},{"field":"forward_token","before":"","after":"true"},{"field":"issuers","before":"","after":"ThunderKeyManager"},{"field":"audience","before":"","after":"urn:gatewright:upgrade/travel/search:production"}]','','done','','',1795529352266455,1795529352280653,1);
INSERT INTO "steps" VALUES(1,3,'production','gatewright/probe/probe-upgrade','credential','own','create','','it does not exist','done','','',1795529352242350,1795529352251832,2);
INSERT INTO "steps" VALUES(1,4,'production','gatewright/probe/probe-upgrade','client','own','create','','it does not exist','done','','',1795529352251834,1795529352273131,1);
INSERT INTO "steps" VALUES(1,5,'production','upgrade/travel/booking','credential','own','create','','it does not exist','done','','',1795529352242424,1795529352247961,2);
INSERT INTO "steps" VALUES(1,6,'production','upgrade/travel/booking','client','own','create','','it does not exist','done','','',1795529352247966,1795529352266142,1);
INSERT INTO "steps" VALUES(1,7,'production','upgrade/travel/booking','credential','mobile','create','','it does not exist','done','','',1795529352266146,1795529352273416,2);
INSERT INTO "steps" VALUES(1,8,'production','upgrade/travel/booking','client','mobile','create','','it does not exist','done','','',1795529352273419,1795529352283991,1);
INSERT INTO "steps" VALUES(1,9,'production','upgrade/travel/booking','endpoint','','update','[{"field":"scheme","before":"apiKey","after":"oauth2"},{"field":"header","before":"","after":"Authorization"},{"field":"prefix","before":"","after":"Bearer"},{"field":"forward_token","before":"","after":"true"},{"field":"issuers","before":"","after":"ThunderKeyManager"},{"field":"audience","before":"","after":"urn:gatewright:upgrade/travel/booking:production"}]','','done','','',1795529352283993,1795529352315687,1);
CREATE UNIQUE INDEX "gatewright_migrations_name_unique" ON gatewright_migrations ("name");
CREATE INDEX steps_by_identity ON steps (identity, environment, run_id);
CREATE INDEX steps_open ON steps (environment) WHERE state = 'intended';
CREATE INDEX events_by_identity ON events (identity, environment, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('gatewright_migrations',1);
INSERT INTO "sqlite_sequence" VALUES('runs',1);
COMMIT;
