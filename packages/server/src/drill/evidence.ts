/** What a drill judges by: the histories as they are stored, and what outside systems recorded. */
import type { ContentReader, EffectRow, RunRecord, RunRow, Signalbox, StoredRecord } from 'signalbox'
import type { RecordedEffect } from './define.ts'

/** One run as it is stored. */
export interface DrilledRun {
  readonly row: RunRow
  readonly stored: readonly StoredRecord[]
  readonly records: readonly RunRecord[]
  readonly effects: readonly EffectRow[]
  readonly contents: ContentReader
  /** Why it is parked, in the words of the fault; null when it is not, or when they cannot be read. */
  readonly parked: string | null
}

/** All runs of a tenant and the outside systems that they worked with. */
export interface Evidence {
  readonly runs: readonly DrilledRun[]
  readonly recorded: readonly RecordedEffect[]
}

const PAGE = 200

/** Rows of all runs of a tenant, newest first, page by page. */
export async function* runPages(signalbox: Signalbox, tenant: string): AsyncGenerator<readonly RunRow[]> {
  let before: RunRow | undefined
  for (;;) {
    const rows = await signalbox.runs.list({ tenant, limit: PAGE, ...(before ? { before } : {}) })
    if (rows.length > 0) yield rows
    before = rows.at(-1)
    if (rows.length < PAGE) return
  }
}

/** Reads the histories of a tenant. */
export async function runsOf(signalbox: Signalbox, tenant: string): Promise<DrilledRun[]> {
  const runs: DrilledRun[] = []
  for await (const rows of runPages(signalbox, tenant)) runs.push(...(await historiesOf(signalbox, tenant, rows)))
  return runs
}

/** Reads the histories of these runs. */
export async function historiesOf(
  signalbox: Signalbox,
  tenant: string,
  rows: readonly RunRow[],
): Promise<DrilledRun[]> {
  const runs: DrilledRun[] = []
  for (const row of rows) {
    const { runId } = row
    const stored = await signalbox.store.records(tenant, runId)
    const records = await signalbox.runs.records(tenant, runId)
    const effects = await signalbox.store.effects(tenant, runId)
    const contents = await signalbox.runs.contents(tenant, runId)
    runs.push({ row, stored, records, effects, contents, parked: await whyParked(row, records, contents) })
  }
  return runs
}

/** The inputs of a drill are no secret, so that the text of a fault may be told. */
async function whyParked(row: RunRow, records: readonly RunRecord[], contents: ContentReader): Promise<string | null> {
  const last = records.findLast((record) => record.type === 'run.parked')
  if (row.status !== 'parked' || last?.type !== 'run.parked' || last.detail === null) return null
  return await contents.read(last.detail).then(String, () => null)
}

/**
 * The keys under which an effect was sent: the ledger's own, and those of repeats that a person ordered, which the
 * intents tell (ENGINE R5).
 */
export function keysOf({ records }: Pick<DrilledRun, 'records'>, row: EffectRow): ReadonlySet<string> {
  const keys = new Set([row.idempotencyKey])
  for (const record of records)
    if (record.type === 'activity.intent' && record.effect_id === row.effectId) keys.add(record.idempotency_key)
  return keys
}

/** True when this is the outside system's record of that effect in the ledger, sent under one of its keys. */
export function isRecordOf(recorded: RecordedEffect, row: EffectRow, keys: ReadonlySet<string>): boolean {
  return (
    recorded.tool === row.tool &&
    (recorded.key === null || keys.has(recorded.key)) &&
    (recorded.runId === null || recorded.runId === row.runId)
  )
}
