import { ALERT_TABLES } from './schema-alerts.ts'
import { LINEAGE_TABLES } from './schema-lineage.ts'
import { COST_TABLES, FACT_TABLES } from './schema-facts.ts'

/**
 * The tables, as a list of steps from one version to the next. A step that has been released is never edited.
 *
 * Layout (ENGINE R10): tables that grow are append-only with integer keys; a record's body and its sealed contents are in
 * one row, the body first so that reading it does not walk the sealed pages; `records` has one index beside its key.
 * The key of `records` is the place in the store's global order: rows are never deleted and one writer writes at a time,
 * so places have no gaps and appear in order.
 */

/** Marks the file as ours: `SgBx`. */
export const APPLICATION_ID = 0x53674278

const VERSION_1 = `
CREATE TABLE runs (
  rid INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  run_id TEXT NOT NULL,
  workflow TEXT NOT NULL,
  version TEXT NOT NULL,
  signature TEXT NOT NULL,
  request_id TEXT NOT NULL,
  principal TEXT NOT NULL,
  subject TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  code TEXT,
  seq INTEGER NOT NULL,
  head TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  checkpoint_seq INTEGER NOT NULL,
  superstep INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  cost_nano_usd TEXT NOT NULL,
  lease_owner TEXT,
  lease_until INTEGER,
  wake_at INTEGER,
  runnable INTEGER NOT NULL
);
CREATE UNIQUE INDEX runs_by_id ON runs (tenant, run_id);
CREATE UNIQUE INDEX runs_by_request ON runs (tenant, request_id);
CREATE INDEX runs_newest ON runs (tenant, created_at, run_id);
CREATE INDEX runs_runnable ON runs (runnable) WHERE runnable = 1;
CREATE INDEX runs_due ON runs (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX runs_leased ON runs (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE records (
  position INTEGER PRIMARY KEY,
  rid INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  type TEXT NOT NULL,
  hash TEXT NOT NULL,
  body TEXT NOT NULL,
  sealed BLOB
);
CREATE UNIQUE INDEX records_by_run ON records (rid, seq);

CREATE TABLE inbox (
  entry INTEGER PRIMARY KEY,
  rid INTEGER NOT NULL,
  id TEXT NOT NULL,
  slot TEXT,
  kind TEXT NOT NULL,
  principal TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  consumed INTEGER NOT NULL,
  body TEXT NOT NULL,
  sealed BLOB
);
CREATE UNIQUE INDEX inbox_by_id ON inbox (rid, id);
CREATE UNIQUE INDEX inbox_by_slot ON inbox (rid, slot) WHERE slot IS NOT NULL;
CREATE INDEX inbox_unread ON inbox (rid) WHERE consumed = 0;

CREATE TABLE effects (
  entry INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  tool TEXT NOT NULL,
  scope TEXT NOT NULL,
  identity TEXT NOT NULL,
  effect_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  root_run_id TEXT NOT NULL,
  ask_key TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  args_digest TEXT NOT NULL,
  state TEXT NOT NULL,
  intent_seq INTEGER NOT NULL,
  outcome_seq INTEGER
);
CREATE UNIQUE INDEX effects_held ON effects (tenant, tool, scope, identity)
  WHERE state IN ('open', 'unknown', 'succeeded');
CREATE INDEX effects_by_id ON effects (tenant, effect_id);
CREATE INDEX effects_by_family ON effects (tenant, root_run_id);

CREATE TABLE requests (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  run_id TEXT NOT NULL,
  workflow TEXT NOT NULL,
  seq INTEGER NOT NULL,
  tool TEXT NOT NULL,
  class TEXT NOT NULL,
  effect TEXT NOT NULL,
  approvers TEXT NOT NULL,
  requester TEXT NOT NULL,
  state TEXT NOT NULL,
  decided_by TEXT,
  requested_at INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  decided_at INTEGER,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX requests_by_state ON requests (tenant, state, requested_at, id);
CREATE INDEX requests_by_run ON requests (tenant, run_id, requested_at, id);

CREATE TABLE kill_switches (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  scope TEXT NOT NULL,
  target TEXT NOT NULL,
  mode TEXT NOT NULL,
  reason TEXT NOT NULL,
  set_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  lifted_at INTEGER,
  lifted_by TEXT,
  PRIMARY KEY (tenant, id)
);

CREATE TABLE subject_keys (
  tenant TEXT NOT NULL,
  subject TEXT NOT NULL,
  wrapped BLOB,
  destroyed_at INTEGER,
  PRIMARY KEY (tenant, subject)
);

CREATE TABLE definitions (signature TEXT PRIMARY KEY, description TEXT NOT NULL);

CREATE TABLE cursors (name TEXT PRIMARY KEY, position INTEGER NOT NULL);

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO meta (name, value) VALUES ('format', 'signalbox store');
`

const VERSION_2 = `
CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT, epoch INTEGER NOT NULL, beat INTEGER NOT NULL);

CREATE TABLE schedules (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  revision INTEGER NOT NULL,
  definition TEXT NOT NULL,
  paused INTEGER NOT NULL,
  decided_through INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE firings (
  tenant TEXT NOT NULL,
  schedule TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  run_id TEXT,
  code TEXT,
  detail TEXT NOT NULL,
  caused_by TEXT NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  PRIMARY KEY (tenant, schedule, id)
);
CREATE INDEX firings_newest ON firings (tenant, schedule, due_at, id);
CREATE INDEX firings_open ON firings (tenant, schedule) WHERE state IN ('queued', 'running');
`

/** Claims without progress are counted, and runs that wait for an effect of another run are told of its end. */
const VERSION_3 = `
ALTER TABLE runs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
CREATE TABLE effect_waits (
  tenant TEXT NOT NULL,
  effect_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (tenant, effect_id, run_id)
);
`

/** What was kept of a pruned history, and which runs were forked from which. */
const VERSION_4 = `
ALTER TABLE runs ADD COLUMN kept TEXT;
CREATE INDEX records_forks ON records (json_extract(body, '$.parent.run'))
  WHERE seq = 1 AND json_valid(body) AND json_extract(body, '$.parent.run') IS NOT NULL;
CREATE INDEX runs_by_subject ON runs (tenant, subject);
CREATE INDEX effects_by_run ON effects (tenant, run_id);
`

/** The branches of a run are found without walking its records. */
const VERSION_5 = `
CREATE INDEX records_branches ON records (rid, seq) WHERE type = 'branch.started';
`

/** Budgets over many runs, and what each run under way holds of them. */
const VERSION_6 = `
CREATE TABLE budget_scopes (tenant TEXT NOT NULL, scope TEXT NOT NULL, granted TEXT NOT NULL, PRIMARY KEY (tenant, scope));

CREATE TABLE run_slices (
  tenant TEXT NOT NULL,
  run_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  granted TEXT NOT NULL,
  base TEXT NOT NULL,
  PRIMARY KEY (tenant, run_id, scope)
);
`

/** The history of policy bundles, what processes hold of it, and what a draft would have done otherwise. */
const VERSION_7 = `
CREATE TABLE policy_log (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, body TEXT NOT NULL);

CREATE TABLE policy_holders (
  process TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  pid INTEGER NOT NULL,
  bundle TEXT,
  activation INTEGER NOT NULL,
  held_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  refused TEXT
);

CREATE TABLE shadow_counts (
  tenant TEXT NOT NULL,
  shadow INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (tenant, shadow, outcome)
);

CREATE TABLE shadow_findings (entry INTEGER PRIMARY KEY, shadow INTEGER NOT NULL, tenant TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX shadow_findings_by_tenant ON shadow_findings (shadow, tenant, entry);
`

/** What people are told of, and its way to them. */
const VERSION_8 = `
CREATE TABLE notices (
  entry INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  severity TEXT NOT NULL,
  run_id TEXT,
  workflow TEXT,
  subject TEXT,
  roles TEXT NOT NULL,
  facts TEXT NOT NULL,
  told_at INTEGER NOT NULL,
  routed INTEGER NOT NULL
);
CREATE UNIQUE INDEX notices_by_id ON notices (tenant, id);
CREATE INDEX notices_unrouted ON notices (entry) WHERE routed = 0;

CREATE TABLE deliveries (
  tenant TEXT NOT NULL,
  channel TEXT NOT NULL,
  id TEXT NOT NULL,
  notices TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  detail TEXT NOT NULL,
  changed_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, channel, id)
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'queued';
CREATE INDEX deliveries_newest ON deliveries (tenant, channel, created_at);

CREATE TABLE outbox_channels (
  tenant TEXT NOT NULL,
  channel TEXT NOT NULL,
  disabled_at INTEGER,
  detail TEXT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (tenant, channel)
);
`

/** The history of kill switches, leave to pass one, and what each worker has taken up. */
const VERSION_9 = `
ALTER TABLE kill_switches ADD COLUMN lift_asked_by TEXT;
ALTER TABLE kill_switches ADD COLUMN channel TEXT;
CREATE INDEX kill_switches_standing ON kill_switches (created_at, id) WHERE lifted_at IS NULL;

CREATE TABLE switch_events (
  position INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  seq INTEGER NOT NULL,
  body TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE UNIQUE INDEX switch_events_by_tenant ON switch_events (tenant, seq);

CREATE TABLE switch_overrides (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  usable INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX switch_overrides_usable ON switch_overrides (created_at, id) WHERE usable = 1;

CREATE TABLE switch_workers (
  worker TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  since INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  ended INTEGER NOT NULL
);
`

/** Where an approval stands, what it asks; and what people allow beside a single approval, with its uses. */
const VERSION_10 = `
ALTER TABLE requests ADD COLUMN life TEXT;
ALTER TABLE requests ADD COLUMN question TEXT;
CREATE INDEX requests_by_question ON requests (tenant, question, decided_at) WHERE question IS NOT NULL;

CREATE TABLE mandates (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  starts_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  revoked_by TEXT,
  max_uses INTEGER,
  max_amount INTEGER,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX mandates_by_subject ON mandates (tenant, kind, subject, created_at, id);

CREATE TABLE mandate_uses (
  tenant TEXT NOT NULL,
  mandate_id TEXT NOT NULL,
  use_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  amount INTEGER,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, mandate_id, use_id)
);
`

/** Who did what about whom, for separation of duties. */
const VERSION_11 = `
CREATE TABLE duty_acts (
  tenant TEXT NOT NULL,
  tool TEXT NOT NULL,
  subject TEXT NOT NULL,
  principal TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (tenant, tool, subject, principal)
);
`

/**
 * Runs that wait, are parked or ended otherwise than well are found without walking over those that completed. Running and
 * completed ones are left out: a commit of a run under way touches no page of this index.
 */
const RUNS_BY_STATUS = `
CREATE INDEX runs_by_status ON runs (tenant, status, created_at, run_id) WHERE status NOT IN ('running', 'completed');
`

/**
 * What an endpoint asks over all runs is found by itself: effects whose end is not known, requests by age and by decision,
 * and runs of one workflow that have not ended. Rows leave the partial indexes when they are settled.
 */
const OPEN_THINGS = `
CREATE INDEX effects_in_flight ON effects (tenant) WHERE state IN ('open', 'unknown');
CREATE INDEX requests_newest ON requests (tenant, requested_at, id);
CREATE INDEX requests_decided ON requests (tenant, kind, decided_at, id) WHERE decided_at IS NOT NULL;
CREATE INDEX runs_of_workflow ON runs (tenant, workflow, status, created_at, run_id)
  WHERE status NOT IN ('running', 'completed');
`

/** Questions and port requests are few among approvals: their lists are read without walking over those. */
const RARE_REQUESTS = `
CREATE INDEX requests_rare ON requests (tenant, kind, requested_at, id) WHERE kind <> 'approval';
`

/** Step `n` (from 0) takes a file from version `n` to version `n + 1`. */
export const MIGRATIONS: readonly string[] = [
  VERSION_1,
  VERSION_2,
  VERSION_3,
  VERSION_4,
  VERSION_5,
  VERSION_6,
  VERSION_7,
  VERSION_8,
  VERSION_9,
  VERSION_10,
  VERSION_11,
  ALERT_TABLES,
  LINEAGE_TABLES,
  RUNS_BY_STATUS,
  FACT_TABLES,
  COST_TABLES,
  OPEN_THINGS,
  RARE_REQUESTS,
]
