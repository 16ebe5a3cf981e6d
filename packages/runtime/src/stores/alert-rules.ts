import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import type { AlertCommit, AlertFilter, AlertRow, StoredAlertEvent } from '../contracts/alerts.ts'

/** States other than `resolved`; a filter for exactly these is served by an index of its own. */
export function isUnresolved(states: AlertFilter['states']): boolean {
  return states !== undefined && states.length > 0 && !states.includes('resolved')
}

/**
 * Whether each row and each history go on from what is stored. Throws INTERNAL for a commit that contradicts itself: a row
 * twice, an event with another hash than its bytes have, or of an alert of no row.
 */
export function alertsFollow(
  { rows, events }: AlertCommit,
  stored: {
    readonly revision: (row: AlertRow) => number | null
    readonly head: (tenant: string) => Pick<StoredAlertEvent, 'seq'> | null
  },
): boolean {
  const places = new Set(rows.map(({ tenant, id }) => JSON.stringify([tenant, id])))
  if (places.size < rows.length) throw misuse('an alert is there twice')
  for (const { tenant, seq, alertId, body, hash } of events) {
    if (sha256Hex(body) !== hash) throw misuse(`event ${seq} has another hash than its bytes have`)
    if (!places.has(JSON.stringify([tenant, alertId]))) throw misuse(`event ${seq} is of an alert that does not change`)
  }
  const heads = new Map<string, number>()
  for (const { tenant, seq } of events) {
    const before = heads.get(tenant) ?? stored.head(tenant)?.seq ?? 0
    if (seq !== before + 1) return false
    heads.set(tenant, seq)
  }
  return rows.every((row) => (stored.revision(row) ?? 0) === row.revision - 1)
}

function misuse(what: string): SignalboxError {
  return new SignalboxError('INTERNAL', `a change of alerts is not well formed: ${what}`)
}
