/** What runs cost, as rows that are summed up. */
import type { CostBy, CostFilter, CostSum, CostSums, RunCosts } from '../../contracts/facts.ts'
import { dearestFirst } from '../../contracts/facts.ts'
import type { Connection } from './connection.ts'
import { text } from './rows.ts'

const ADD = `INSERT INTO run_costs (tenant, run_id, started_at, workflow, model, agent, calls, estimate_nano_usd,
  actual_nano_usd, estimated_nano_usd, of_run, of_model, of_agent) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`
const DROP = 'DELETE FROM run_costs WHERE tenant = ? AND run_id = ?'

/** Columns that say which sum a row belongs to, and in which each run counts once. */
const NAMED: Readonly<Record<CostBy, { readonly name: string; readonly runs: string }>> = {
  workflow: { name: 'workflow', runs: 'of_run' },
  tenant: { name: 'tenant', runs: 'of_run' },
  model: { name: 'model', runs: 'of_model' },
  agent: { name: 'agent', runs: 'of_agent' },
}

/** Puts what a run cost in place of what is there of it. In a transaction. */
export function putRunCosts(connection: Connection, { tenant, runId, startedAt, workflow, lines }: RunCosts): void {
  connection.sql(DROP).run(tenant, runId)
  const head = [tenant, runId, startedAt, workflow] as const
  // A run that called no model counts as one.
  if (lines.length === 0) connection.sql(ADD).run(...head, '', '', 0, 0, 0, 0, 1, 0, 0)
  const models = new Set<string>()
  const agents = new Set<string>()
  for (const [place, line] of lines.entries()) {
    const { model, agent, calls, estimateNanoUsd, actualNanoUsd, estimatedNanoUsd } = line
    const firsts = [place === 0, !models.has(model), !agents.has(agent)].map(Number)
    connection.sql(ADD).run(...head, model, agent, calls, estimateNanoUsd, actualNanoUsd, estimatedNanoUsd, ...firsts)
    models.add(model)
    agents.add(agent)
  }
}

/** Takes out what is there of a run. In a transaction. */
export function dropRunCosts(connection: Connection, tenant: string, runId: string): void {
  connection.sql(DROP).run(tenant, runId)
}

/** Sums over all runs. Amounts come as text: they may pass what a number holds. */
export function costSums(connection: Connection, { tenant, by, since = 0 }: CostFilter): CostSums {
  const { name, runs } = NAMED[by]
  const whole = by === 'workflow' || by === 'tenant'
  const rows = connection
    .sql(
      `SELECT ${name} AS name, SUM(${runs}) AS runs, SUM(of_run) AS all_runs, SUM(calls) AS calls,
        CAST(SUM(estimate_nano_usd) AS TEXT) AS estimate, CAST(SUM(actual_nano_usd) AS TEXT) AS actual,
        CAST(SUM(estimated_nano_usd) AS TEXT) AS estimated
      FROM run_costs WHERE tenant = ? AND started_at >= ? GROUP BY ${name}`,
    )
    .all(tenant, since)
  const sums = rows.map(
    (row): CostSum => ({
      name: text(row, 'name'),
      runs: Number(row.runs),
      calls: Number(row.calls),
      estimateNanoUsd: BigInt(text(row, 'estimate')),
      actualNanoUsd: BigInt(text(row, 'actual')),
      estimatedNanoUsd: BigInt(text(row, 'estimated')),
    }),
  )
  return {
    runs: rows.reduce((sum, row) => sum + Number(row.all_runs), 0),
    sums: sums.filter((sum) => whole || sum.calls > 0).sort(dearestFirst),
  }
}
