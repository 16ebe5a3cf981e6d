import { parseJson } from '../../base/json.ts'
import type { GrantRequest, GrantResult, ScopeAmounts, ScopeRow, SliceRow } from '../../contracts/scopes.ts'
import { applyGrant, type ScopeRows } from '../scope-rules.ts'
import type { Connection } from './connection.ts'

const PUT_SCOPE = `INSERT INTO budget_scopes (tenant, scope, granted) VALUES (?,?,?)
  ON CONFLICT (tenant, scope) DO UPDATE SET granted = excluded.granted`
const PUT_SLICE = 'INSERT OR REPLACE INTO run_slices (tenant, run_id, scope, granted, base) VALUES (?,?,?,?,?)'

/** The rows of outer budgets that one run's transaction reads and writes. */
export function scopeRows(connection: Connection, tenant: string, runId: string): ScopeRows {
  return {
    scope: (scope) => {
      const row = connection.sql('SELECT granted FROM budget_scopes WHERE tenant = ? AND scope = ?').get(tenant, scope)
      return row ? amounts(row.granted) : null
    },
    slice: (scope) => {
      const get = 'SELECT * FROM run_slices WHERE tenant = ? AND run_id = ? AND scope = ?'
      const row = connection.sql(get).get(tenant, runId, scope)
      return row ? sliceRow(row) : null
    },
    putScope: (scope, granted) => {
      connection.sql(PUT_SCOPE).run(tenant, scope, JSON.stringify(granted))
    },
    putSlice: (scope, slice) => {
      if (slice)
        connection.sql(PUT_SLICE).run(tenant, runId, scope, JSON.stringify(slice.granted), JSON.stringify(slice.base))
      else
        connection.sql('DELETE FROM run_slices WHERE tenant = ? AND run_id = ? AND scope = ?').run(tenant, runId, scope)
    },
  }
}

/** Carries out a grant under the run's epoch, all or nothing. */
export function grantSlices(connection: Connection, request: GrantRequest): Promise<GrantResult> {
  const { tenant, runId, epoch } = request
  const lease = 'SELECT epoch, lease_owner FROM runs WHERE tenant = ? AND run_id = ?'
  return connection.write((): GrantResult => {
    const held = connection.sql(lease).get(tenant, runId)
    if (!held || held.lease_owner === null || held.epoch !== epoch) return { status: 'fenced' }
    const refused = applyGrant(scopeRows(connection, tenant, runId), request)
    if (refused) return { status: 'refused', ...refused }
    const rows = scopeRows(connection, tenant, runId)
    const scopes = request.lines.flatMap(({ scope }): ScopeRow[] => {
      const granted = rows.scope(scope)
      return granted ? [{ tenant, scope, granted }] : []
    })
    scopes.sort((a, b) => (a.scope < b.scope ? -1 : 1))
    return { status: 'granted', slices: readSlices(connection, tenant, runId), scopes }
  })
}

/** Slices of a run, by scope. */
export function readSlices(connection: Connection, tenant: string, runId: string): SliceRow[] {
  const get = 'SELECT * FROM run_slices WHERE tenant = ? AND run_id = ? ORDER BY scope'
  return connection.sql(get).all(tenant, runId).map(sliceRow)
}

/** Scopes of a tenant, by name. */
export function readScopes(connection: Connection, tenant: string): ScopeRow[] {
  const rows = connection.sql('SELECT * FROM budget_scopes WHERE tenant = ? ORDER BY scope').all(tenant)
  return rows.map((row) => ({ tenant, scope: String(row.scope), granted: amounts(row.granted) }))
}

function sliceRow(row: Record<string, unknown>): SliceRow {
  return {
    tenant: String(row.tenant),
    runId: String(row.run_id),
    scope: String(row.scope),
    granted: amounts(row.granted),
    base: amounts(row.base),
  }
}

function amounts(text: unknown): ScopeAmounts {
  // Written by this store from the same type.
  return parseJson(String(text), 'an amount of an outer budget') as unknown as ScopeAmounts
}
