/** What happened over all runs, a projection of the records. Each index ends in the order in which pages are read. */
export const FACT_TABLES = `
CREATE TABLE facts (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  workflow TEXT NOT NULL,
  principal TEXT NOT NULL,
  node TEXT,
  actor TEXT,
  name TEXT,
  code TEXT,
  class TEXT,
  decision TEXT,
  verdict TEXT,
  effect TEXT,
  phase TEXT,
  approver TEXT,
  body TEXT NOT NULL
);
CREATE UNIQUE INDEX facts_by_record ON facts (tenant, run_id, seq);
CREATE INDEX facts_newest ON facts (tenant, at, run_id, seq);
CREATE INDEX facts_by_type ON facts (tenant, type, at, run_id, seq);
CREATE INDEX facts_by_workflow ON facts (tenant, workflow, at, run_id, seq);
CREATE INDEX facts_by_node ON facts (tenant, node, at, run_id, seq) WHERE node IS NOT NULL;
CREATE INDEX facts_by_actor ON facts (tenant, actor, at, run_id, seq) WHERE actor IS NOT NULL;
CREATE INDEX facts_by_name ON facts (tenant, name, at, run_id, seq) WHERE name IS NOT NULL;
CREATE INDEX facts_by_code ON facts (tenant, code, at, run_id, seq) WHERE code IS NOT NULL;
CREATE INDEX facts_decisions ON facts (tenant, at, run_id, seq) WHERE decision IS NOT NULL;
CREATE INDEX facts_by_decision ON facts (tenant, decision) WHERE decision IS NOT NULL;
CREATE INDEX facts_by_verdict ON facts (tenant, verdict, at, run_id, seq) WHERE decision IS NOT NULL;
CREATE INDEX facts_decisions_for ON facts (tenant, principal, at, run_id, seq) WHERE decision IS NOT NULL;
CREATE INDEX facts_effects ON facts (tenant, at, run_id, seq) WHERE effect IS NOT NULL;
CREATE INDEX facts_by_effect ON facts (tenant, run_id, effect) WHERE effect IS NOT NULL;
CREATE INDEX facts_effects_by_name ON facts (tenant, name, at, run_id, seq) WHERE effect IS NOT NULL;
CREATE INDEX facts_by_class ON facts (tenant, class, at, run_id, seq) WHERE effect IS NOT NULL;
CREATE INDEX facts_by_phase ON facts (tenant, phase, at, run_id, seq) WHERE effect IS NOT NULL;
CREATE INDEX facts_by_approver ON facts (tenant, approver, at, run_id, seq) WHERE effect IS NOT NULL;

CREATE TABLE fact_policies (
  tenant TEXT NOT NULL,
  policy TEXT NOT NULL,
  at INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (tenant, policy, at, run_id, seq)
) WITHOUT ROWID;
CREATE INDEX fact_policies_by_run ON fact_policies (tenant, run_id);
`
