/** What effects are looked up by, and the runs in which the lineage check found gaps. Rows are narrow: one tree each. */
export const LINEAGE_TABLES = `
CREATE TABLE lineage_terms (
  tenant TEXT NOT NULL,
  term TEXT NOT NULL,
  value TEXT NOT NULL,
  at INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (tenant, term, value, at, run_id, seq)
) WITHOUT ROWID;

CREATE TABLE lineage_findings (
  tenant TEXT NOT NULL,
  run_id TEXT NOT NULL,
  workflow TEXT NOT NULL,
  seq INTEGER NOT NULL,
  checked_at INTEGER NOT NULL,
  gaps TEXT NOT NULL,
  PRIMARY KEY (tenant, run_id)
);
`
