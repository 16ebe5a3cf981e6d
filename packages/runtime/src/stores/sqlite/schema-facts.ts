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

/**
 * What runs cost by model and agent. The three counts say whether a row is the first of its run, of its run and model, of
 * its run and agent: runs are counted by adding them up. One index holds all that sums need. The tables of facts are read
 * anew, so that earlier runs are in it too.
 */
export const COST_TABLES = `
CREATE TABLE run_costs (
  tenant TEXT NOT NULL,
  run_id TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  workflow TEXT NOT NULL,
  model TEXT NOT NULL,
  agent TEXT NOT NULL,
  calls INTEGER NOT NULL,
  estimate_nano_usd INTEGER NOT NULL,
  actual_nano_usd INTEGER NOT NULL,
  estimated_nano_usd INTEGER NOT NULL,
  of_run INTEGER NOT NULL,
  of_model INTEGER NOT NULL,
  of_agent INTEGER NOT NULL
);
CREATE INDEX run_costs_by_run ON run_costs (tenant, run_id);
CREATE INDEX run_costs_newest ON run_costs (tenant, started_at, workflow, model, agent, calls, estimate_nano_usd,
  actual_nano_usd, estimated_nano_usd, of_run, of_model, of_agent);
DELETE FROM facts;
DELETE FROM fact_policies;
DELETE FROM cursors WHERE name = 'facts';
`
