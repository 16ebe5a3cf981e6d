import type { ActRow } from '../../contracts/duty.ts'
import type { Connection } from './connection.ts'

/** Remembers acts inside a transaction of the caller; the first run that is told of one stays. */
export function addActs(connection: Connection, acts: readonly ActRow[]): void {
  for (const { tenant, tool, subject, principal, runId } of acts)
    connection
      .sql('INSERT OR IGNORE INTO duty_acts (tenant, tool, subject, principal, run_id) VALUES (?,?,?,?,?)')
      .run(tenant, tool, subject, principal, runId)
}

/** Who caused an effect of the tool on the subject, sorted. */
export function readActed(connection: Connection, tenant: string, tool: string, subject: string): string[] {
  return connection
    .sql('SELECT principal FROM duty_acts WHERE tenant = ? AND tool = ? AND subject = ? ORDER BY principal')
    .all(tenant, tool, subject)
    .map(({ principal }) => String(principal))
}
