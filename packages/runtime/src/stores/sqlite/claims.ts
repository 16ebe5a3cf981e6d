import type { ClaimRequest, RunRow } from '../../contracts/store.ts'
import { ACTIVE_STATUSES } from '../rules.ts'
import type { Connection } from './connection.ts'
import { runRow } from './rows.ts'

/** True while an inbox row waits that this run must read in its status: any before its end, a restore after it. */
const ASKED = `EXISTS (SELECT 1 FROM inbox WHERE inbox.rid = runs.rid AND consumed = 0
  AND (kind = 'restore' OR status NOT IN ('completed', 'stopped', 'cancelled', 'terminated')))`

const ACTIVE = ACTIVE_STATUSES.map((status) => `'${status}'`).join(', ')

/** Since when a run could have been claimed, as `claimableSince` says it. */
const CLAIMABLE_SINCE = `max(updated_at, coalesce(lease_until, 0), coalesce(
  CASE WHEN wake_at <= $now THEN wake_at END,
  (SELECT min(created_at) FROM inbox WHERE inbox.rid = runs.rid AND consumed = 0), 0))`

/**
 * Lists are JSON or null. The three inner reads each name their partial index: left alone, the planner prefers to walk all
 * runs in the order of their keys, and each look would cost as much as there are runs.
 */
export const ELIGIBLE = `SELECT rid FROM runs WHERE rid IN (
    SELECT rid FROM runs INDEXED BY runs_runnable WHERE runnable = 1
    UNION ALL SELECT rid FROM runs INDEXED BY runs_due WHERE wake_at <= $now
    UNION ALL SELECT rid FROM runs INDEXED BY runs_leased WHERE lease_until <= $now)
  AND (lease_until IS NULL OR lease_until <= $now)
  AND ($signatures IS NULL OR signature IN (SELECT value FROM json_each($signatures))
    OR ($workflows IS NOT NULL AND workflow IN (SELECT value FROM json_each($workflows))
      AND ${CLAIMABLE_SINCE} < $quietSince))
  AND (status IN (${ACTIVE}) OR (runnable = 1 AND ${ASKED}))
  ORDER BY rid LIMIT $limit`

/** The same for one run, whether it is due or not. Parameters are named: not every version binds numbered ones by place. */
const ELIGIBLE_ONE = `SELECT rid FROM runs WHERE tenant = $tenant AND run_id = $runId
  AND (lease_until IS NULL OR lease_until <= $now OR lease_owner = $worker)
  AND ($signatures IS NULL OR signature IN (SELECT value FROM json_each($signatures)))`

const TAKE = `UPDATE runs SET epoch = epoch + 1, lease_owner = ?, lease_until = ?, attempts = attempts + 1,
  runnable = ${ASKED} WHERE rid = ?
  RETURNING *`

function eligible(connection: Connection, request: ClaimRequest): number[] {
  const signatures = request.signatures === null ? null : JSON.stringify(request.signatures)
  const { only, now, limit, worker, orphans } = request
  const workflows = orphans ? JSON.stringify(orphans.workflows) : null
  const quietSince = orphans?.quietSince ?? 0
  const rows = only
    ? connection.sql(ELIGIBLE_ONE).all({ now, signatures, tenant: only.tenant, runId: only.runId, worker })
    : connection.sql(ELIGIBLE).all({ now, signatures, limit, workflows, quietSince })
  return rows.slice(0, limit).map((row) => Number(row.rid))
}

/** Claims runs and raises their epochs (ENGINE R11). Looks without the write lock first: most polls find nothing. */
export async function claimRuns(connection: Connection, request: ClaimRequest): Promise<readonly RunRow[]> {
  await giveBack(connection, request)
  if (request.limit < 1) return []
  const some = await connection.read(() => eligible(connection, { ...request, limit: 1 }))
  if (some.length === 0) return []
  return connection.write(() =>
    eligible(connection, request).flatMap((rid) => {
      const row = connection.sql(TAKE).get(request.worker, request.leaseUntil, rid)
      return row ? [runRow(row)] : []
    }),
  )
}

const GIVE_BACK = `UPDATE runs SET lease_until = $now, attempts = max(attempts - 1, 0)
  WHERE tenant = $tenant AND run_id = $runId AND epoch = $epoch AND lease_owner = $worker`

async function giveBack(connection: Connection, { worker, now, returned = [] }: ClaimRequest): Promise<void> {
  if (returned.length === 0) return
  await connection.write(() => {
    for (const { tenant, runId, epoch } of returned)
      connection.sql(GIVE_BACK).run({ now, tenant, runId, epoch, worker })
  })
}

/** Extends leases; gives the ids of the runs that the worker does not hold at that epoch. */
export async function extendLeases(
  connection: Connection,
  worker: string,
  held: readonly { tenant: string; runId: string; epoch: number }[],
  leaseUntil: number,
): Promise<readonly string[]> {
  if (held.length === 0) return []
  const extend = 'UPDATE runs SET lease_until = ? WHERE tenant = ? AND run_id = ? AND epoch = ? AND lease_owner = ?'
  return connection.write(() =>
    held
      .filter(
        ({ tenant, runId, epoch }) =>
          connection.sql(extend).run(leaseUntil, tenant, runId, epoch, worker).changes === 0,
      )
      .map(({ runId }) => runId),
  )
}
