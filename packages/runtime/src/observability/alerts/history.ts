import { sha256Hex } from '../../base/hash.ts'
import { parseJson } from '../../base/json.ts'
import type { AlertEvent, AlertRow, StoredAlertEvent } from '../../contracts/alerts.ts'
import type { AlertEventDraft } from './change.ts'

const START = '0'.repeat(64)

/** Where a tenant's history ends. */
export type AlertHead = Pick<StoredAlertEvent, 'seq' | 'hash'> | null

/** Events in their places: each tenant's follow the end of its history. */
export function chainAlertEvents(
  drafts: readonly AlertEventDraft[],
  heads: ReadonlyMap<string, AlertHead>,
): readonly StoredAlertEvent[] {
  const ends = new Map(heads)
  return drafts.map((draft) => {
    const { tenant, alert_id: alertId } = draft
    const end = ends.get(tenant)
    const event: AlertEvent = { ...draft, seq: (end?.seq ?? 0) + 1, prev: end?.hash ?? START }
    const body = JSON.stringify(event)
    const stored = { tenant, seq: event.seq, alertId, body, hash: sha256Hex(body) }
    ends.set(tenant, stored)
    return stored
  })
}

/** The event behind its stored text. */
export function alertEventOf({ body, tenant, seq }: StoredAlertEvent): AlertEvent {
  // Only `chainAlertEvents` writes these texts, of exactly this type.
  return parseJson(body, `event ${seq} of the alerts of tenant \`${tenant}\``) as unknown as AlertEvent
}

/** What is wrong with a tenant's history of alerts, or with the alerts beside it: sentences, none when all is well. */
export function alertHistoryFindings(
  stored: readonly StoredAlertEvent[],
  rows: readonly AlertRow[],
): readonly string[] {
  const findings: string[] = []
  const told = new Map<string, AlertEvent>()
  let [seq, prev] = [0, START]
  for (const each of stored) {
    seq += 1
    if (each.seq !== seq) findings.push(`event ${seq} is missing`)
    seq = each.seq
    if (sha256Hex(each.body) !== each.hash) findings.push(`event ${seq} is not as it was stored`)
    const event = alertEventOf(each)
    if (event.prev !== prev) findings.push(`event ${seq} does not follow the one before it`)
    prev = each.hash
    told.set(event.alert_id, event)
  }
  for (const row of rows) {
    const last = told.get(row.id)
    if (!last) findings.push(`alert ${row.id} has no history`)
    else if (last.state !== row.state || last.opening !== row.openings)
      findings.push(`alert ${row.id} is ${row.state}, and its history says ${last.state}`)
  }
  const known = new Set(rows.map(({ id }) => id))
  for (const id of told.keys()) if (!known.has(id)) findings.push(`alert ${id} is in the history and not in the store`)
  return findings
}
