/** Alerts, their chained history, and how far their evaluation has read. Deliveries that were given up are found at once. */
export const ALERT_TABLES = `
CREATE TABLE alerts (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  severity TEXT NOT NULL,
  workflow TEXT,
  opened_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX alerts_newest ON alerts (tenant, opened_at, id);
CREATE INDEX alerts_unresolved ON alerts (tenant, opened_at, id) WHERE state <> 'resolved';

CREATE TABLE alert_events (
  tenant TEXT NOT NULL,
  seq INTEGER NOT NULL,
  alert_id TEXT NOT NULL,
  body TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (tenant, seq)
);
CREATE INDEX alert_events_by_alert ON alert_events (tenant, alert_id, seq);

CREATE TABLE alert_progress (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  evaluated_at INTEGER NOT NULL,
  body TEXT NOT NULL
);

CREATE INDEX deliveries_dead ON deliveries (created_at) WHERE state = 'dead';
`
