import { parseJson } from '../../base/json.ts'
import {
  type PolicyHolder,
  type PolicyLogRow,
  SHADOW_FINDINGS_KEPT,
  type ShadowBatch,
  type ShadowFinding,
  type ShadowOutcome,
} from '../../contracts/policy-history.ts'
import { checkPolicyRow } from '../rules.ts'
import type { Connection } from './connection.ts'

const HEAD = 'SELECT seq FROM policy_log ORDER BY seq DESC LIMIT 1'

const PUT_HOLDER = `INSERT OR REPLACE INTO policy_holders (process, kind, pid, bundle, activation, held_at, seen_at, refused)
  VALUES (?,?,?,?,?,?,?,?)`

const ADD_COUNT = `INSERT INTO shadow_counts (tenant, shadow, outcome, count) VALUES (?,?,?,?)
  ON CONFLICT (tenant, shadow, outcome) DO UPDATE SET count = count + excluded.count`

/** Sequence of the last event, 0 for none. */
export function readPolicyHead(connection: Connection): number {
  return Number(connection.sql(HEAD).get()?.seq ?? 0)
}

/** Events after a sequence, in order. */
export function readPolicyLog(connection: Connection, after: number): PolicyLogRow[] {
  return connection
    .sql('SELECT seq, body, hash FROM policy_log WHERE seq > ? ORDER BY seq')
    .all(after)
    .map(({ seq, body, hash }) => ({ seq: Number(seq), body: String(body), hash: String(hash) }))
}

/** Appends an event where nobody was first. */
export async function addPolicyRow(connection: Connection, row: PolicyLogRow): Promise<boolean> {
  checkPolicyRow(row)
  return connection.write(() => {
    if (readPolicyHead(connection) !== row.seq - 1) return false
    connection.sql('INSERT INTO policy_log (seq, hash, body) VALUES (?,?,?)').run(row.seq, row.hash, row.body)
    return true
  })
}

/** What processes hold, by name. */
export function readHolders(connection: Connection): PolicyHolder[] {
  return connection
    .sql('SELECT * FROM policy_holders ORDER BY process')
    .all()
    .map((row) => ({
      process: String(row.process),
      kind: row.kind === 'server' ? 'server' : 'worker',
      pid: Number(row.pid),
      bundle: row.bundle === null ? null : String(row.bundle),
      activation: Number(row.activation),
      heldAt: Number(row.held_at),
      seenAt: Number(row.seen_at),
      // Written by `writeHolder` alone.
      refused:
        row.refused === null ? null : (parseJson(String(row.refused), 'a policy holder') as PolicyHolder['refused']),
    }))
}

/** Stores what a process holds. */
export async function writeHolder(connection: Connection, row: PolicyHolder): Promise<void> {
  const { process, kind, pid, bundle, activation, heldAt, seenAt, refused } = row
  const told = refused === null ? null : JSON.stringify(refused)
  await connection.write(() =>
    connection.sql(PUT_HOLDER).run(process, kind, pid, bundle, activation, heldAt, seenAt, told),
  )
}

/** Adds counts and findings, of which each shadow keeps a bounded number. */
export async function writeShadow(connection: Connection, { shadow, counts, findings }: ShadowBatch): Promise<void> {
  await connection.write(() => {
    for (const { tenant, outcome, count } of counts) connection.sql(ADD_COUNT).run(tenant, shadow, outcome, count)
    const kept = connection.sql('SELECT count(*) AS n FROM shadow_findings WHERE shadow = ?').get(shadow)
    for (const finding of findings.slice(0, Math.max(0, SHADOW_FINDINGS_KEPT - Number(kept?.n ?? 0))))
      connection
        .sql('INSERT INTO shadow_findings (shadow, tenant, body) VALUES (?,?,?)')
        .run(shadow, finding.tenant, JSON.stringify(finding))
  })
}

/** Counts of one tenant. */
export function readShadowCounts(
  connection: Connection,
  tenant: string,
  shadow: number,
): Partial<Record<ShadowOutcome, number>> {
  const rows = connection
    .sql('SELECT outcome, count FROM shadow_counts WHERE tenant = ? AND shadow = ?')
    .all(tenant, shadow)
  return Object.fromEntries(rows.map(({ outcome, count }) => [String(outcome), Number(count)]))
}

/** Findings of one tenant, newest first. */
export function readShadowFindings(
  connection: Connection,
  tenant: string,
  shadow: number,
  limit: number,
): ShadowFinding[] {
  return (
    connection
      .sql('SELECT body FROM shadow_findings WHERE shadow = ? AND tenant = ? ORDER BY entry DESC LIMIT ?')
      .all(shadow, tenant, limit)
      // Written by `writeShadow` alone.
      .map(({ body }) => parseJson(String(body), 'a shadow finding') as unknown as ShadowFinding)
  )
}
