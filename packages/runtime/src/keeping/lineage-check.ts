import { toSignalboxError } from '../base/errors.ts'
import type { LineageFindingRow } from '../contracts/lineage.ts'
import { isEmptied } from '../contracts/pruning.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { RunRow, Store, StoredRecord } from '../contracts/store.ts'
import { foreignGap, foreignLinks, type Gap, lineageGaps, lineageOf, lineageTerms } from '../observability/index.ts'
import { decodeRecord } from '../reliability/chain.ts'

/** The methods of a store that the check of lineage uses. */
export type LineageCheckStore = Pick<
  Store,
  | 'run'
  | 'runs'
  | 'records'
  | 'recordsAt'
  | 'export'
  | 'cursor'
  | 'setCursor'
  | 'lineageFindings'
  | 'putLineageFindings'
  | 'putLineageTerms'
>

/** A place in the list of runs, newest first. */
export interface RunPlace {
  readonly createdAt: number
  readonly runId: string
}

/** Which runs a check looks at: those that changed since the last check of the tenant, or a page of all of them. */
export type LineageScope =
  | { readonly mode: 'new' }
  | {
      readonly mode: 'all'
      readonly before: RunPlace | null
      /** Milliseconds since 1970: only runs that changed since then. */
      readonly since?: number
      readonly workflow?: string
    }

/** What one page of a check found. */
export interface LineagePage {
  readonly runs: number
  readonly effects: number
  /** Runs of which only hashes are left: nothing can be said of them. */
  readonly pruned: number
  /** Runs of this page with gaps. */
  readonly findings: readonly LineageFindingRow[]
  /** False when there is nothing more to look at; `before` is where a check of all goes on. */
  readonly more: boolean
  readonly before: RunPlace | null
}

/** Records that are read at once to learn which runs changed, and runs that are listed at once. */
const PAGE = { records: 1_000, runs: 100 } as const

/** Name of the cursor of a tenant's check. */
function cursorName(tenant: string): string {
  return `lineage:${tenant}`
}

/**
 * Checks one page of a tenant's runs (Invariant 15) and stores what it found: rows of runs with gaps, none of the others.
 * Call it until `more` is false. A check of what is new goes on where the last one stopped, also one that was broken off;
 * it reads each history that changed whole, one at a time.
 */
export async function checkLineage(
  store: LineageCheckStore,
  tenant: string,
  scope: LineageScope,
  now: number,
): Promise<LineagePage> {
  const page = scope.mode === 'new' ? await changedRuns(store, tenant) : await listedRuns(store, tenant, scope)
  const found = { runs: 0, effects: 0, pruned: 0 }
  const rows: LineageFindingRow[] = []
  for (const row of page.rows) {
    if (row.kept === 'nothing') found.pruned++
    else {
      const one = await checkRunLineage(store, row, now)
      found.runs++
      found.effects += one.effects
      rows.push(one.finding)
    }
  }
  await store.putLineageFindings(rows)
  if (page.position !== null) await store.setCursor(cursorName(tenant), page.position)
  const findings = rows.filter((row) => row.gaps.length > 0)
  return { ...found, findings, more: page.more, before: page.before }
}

interface Page {
  readonly rows: readonly RunRow[]
  readonly more: boolean
  readonly before: RunPlace | null
  readonly position: number | null
}

/**
 * Runs with records on the next page of the log. One whose latest record lies on a later page is left to that page, so
 * that a history which spreads over many is read once, and not once for each. Behind the last page there is none.
 */
async function changedRuns(store: LineageCheckStore, tenant: string): Promise<Page> {
  const records = await store.export(await store.cursor(cursorName(tenant)), PAGE.records)
  const more = records.length === PAGE.records
  const latest = new Map<string, number>()
  for (const record of records) if (record.tenant === tenant) latest.set(record.runId, record.seq)
  const rows: RunRow[] = []
  for (const [id, seq] of latest) {
    const row = await store.run(tenant, id)
    if (row && (row.seq <= seq || !more)) rows.push(row)
  }
  return { rows, more, before: null, position: records.at(-1)?.position ?? null }
}

async function listedRuns(
  store: LineageCheckStore,
  tenant: string,
  { before, since, workflow }: LineageScope & { mode: 'all' },
): Promise<Page> {
  const place = before ? { before } : {}
  const named = workflow === undefined ? {} : { workflow }
  const all = await store.runs({ tenant, limit: PAGE.runs, ...place, ...named })
  const last = all.at(-1)
  const more = all.length === PAGE.runs
  const rows = since === undefined ? all : all.filter(({ updatedAt }) => updatedAt >= since)
  const next = more && last ? { createdAt: last.createdAt, runId: last.runId } : null
  return { rows, more, before: next, position: null }
}

/** Checks the whole history of one run, and the records of other runs that it rests on. Changes nothing. */
export async function checkRunLineage(
  store: Pick<Store, 'records' | 'recordsAt'>,
  row: RunRow,
  now: number,
): Promise<{ readonly effects: number; readonly finding: LineageFindingRow }> {
  const { tenant, runId, workflow, seq } = row
  const of = (gaps: readonly Gap[]): LineageFindingRow => ({ tenant, runId, workflow, seq, checkedAt: now, gaps })
  const stored = await store.records(tenant, runId, { through: seq })
  const records = readable(stored)
  if (typeof records === 'string') return { effects: 0, finding: of([{ kind: 'run', seq: 1, detail: records }]) }
  const gaps = [...lineageGaps(records), ...(await acrossGaps(store, tenant, records))]
  return { effects: lineageOf(records).length, finding: of(gaps) }
}

/** The records that are left of a history, or why they cannot be read. */
function readable(stored: readonly StoredRecord[]): readonly RunRecord[] | string {
  try {
    return stored.filter((one) => !isEmptied(one)).map(decodeRecord)
  } catch (thrown) {
    return `the history cannot be read: ${toSignalboxError(thrown, 'STORE_CORRUPT').message}`
  }
}

async function acrossGaps(
  store: Pick<Store, 'recordsAt'>,
  tenant: string,
  records: readonly RunRecord[],
): Promise<readonly Gap[]> {
  const gaps: Gap[] = []
  for (const link of foreignLinks(records)) {
    const [stored] = await store.recordsAt(tenant, link.run, [link.seq])
    // Where the other history was pruned to its hashes nothing more can be said.
    if (stored && isEmptied(stored)) continue
    const gap = foreignGap(link, stored ? decodeRecord(stored) : null)
    if (gap) gaps.push(gap)
  }
  return gaps
}

/**
 * Makes what records are looked up by again, a page of runs at a time, for stores that older versions wrote. Rows that are
 * there stay; objects that no record names cannot be made up later. `before` is where to go on, null at the end.
 */
export async function reindexLineage(
  store: Pick<Store, 'runs' | 'records' | 'putLineageTerms'>,
  tenant: string,
  before: RunPlace | null,
): Promise<{ readonly runs: number; readonly terms: number; readonly before: RunPlace | null }> {
  const page = await store.runs({ tenant, limit: PAGE.runs, ...(before ? { before } : {}) })
  let terms = 0
  for (const { runId } of page) {
    const stored = await store.records(tenant, runId)
    const rows = stored.filter((one) => !isEmptied(one)).flatMap((one) => lineageTerms(tenant, decodeRecord(one)))
    await store.putLineageTerms(rows)
    terms += rows.length
  }
  const last = page.at(-1)
  const next = last && page.length === PAGE.runs ? { createdAt: last.createdAt, runId: last.runId } : null
  return { runs: page.length, terms, before: next }
}
