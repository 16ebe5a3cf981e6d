import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, type JsonValue } from '../base/json.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { StoredRecord } from '../contracts/store.ts'

/** A record of another run on which a fork's history rests. */
export interface ForkSource {
  readonly run: string
  readonly seq: number
}

/** What is wrong between a fork and the runs that it comes from. */
export interface ForkFinding {
  readonly seq: number
  readonly detail: string
}

/** The records of other runs that a fork's history names: its point, and where each copy was recorded first. */
export function forkSources(records: readonly RunRecord[]): readonly ForkSource[] {
  const [first] = records
  const parent = first?.type === 'run.started' ? first.parent : null
  const point = parent ? [{ run: parent.run, seq: parent.seq }] : []
  return [...point, ...records.flatMap(({ origin }) => (origin ? [{ run: origin.run, seq: origin.seq }] : []))]
}

/**
 * Compares a fork's history with the runs that it comes from (Invariants 9 and 11): the record at its point has the hash
 * that the genesis names, and each copy says what its original says. Of an original whose body was pruned only the hash
 * is left to compare. Nothing is found in a run that is no fork.
 */
export function forkFindings(
  records: readonly RunRecord[],
  stored: (source: ForkSource) => Pick<StoredRecord, 'body' | 'hash'> | null,
): readonly ForkFinding[] {
  const [first] = records
  const parent = first?.type === 'run.started' ? first.parent : null
  const findings: ForkFinding[] = []
  if (parent) {
    const point = stored({ run: parent.run, seq: parent.seq })
    const hash = point && (point.body === '' ? point.hash : sha256Hex(point.body))
    if (hash !== parent.head)
      findings.push({
        seq: 1,
        detail: `record ${parent.seq} of \`${parent.run}\` is not the one that it was forked from`,
      })
  }
  for (const record of records) {
    if (!record.origin) continue
    const { run, seq } = record.origin
    const original = parent && stored({ run, seq })
    if (original?.body === '') continue
    if (!original || said(original.body) !== meaningOf(record))
      findings.push({ seq: record.seq, detail: `it is not what record ${seq} of \`${run}\` says` })
  }
  return findings
}

function said(body: string): string | null {
  try {
    // Whatever the body is, only an equal text makes it the same.
    return meaningOf(JSON.parse(body) as RunRecord)
  } catch {
    return null
  }
}

/** What is the fork's own in a copy: its place in the chain, where references are held, what it asks people itself. */
const OWN = new Set(['run', 'seq', 'at', 'prev', 'branch', 'segment', 'cause', 'active_ms', 'origin', 'v'])
const MOVED = new Set(['r', 'model_seq', 'family', 'request_id', 'deadline'])

function meaningOf(record: RunRecord): string {
  const own = Object.entries(record).filter(([key]) => !OWN.has(key))
  return canonicalJson(Object.fromEntries(own.map(([key, value]) => [key, plain(value)])))
}

function plain(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return (value ?? null) as JsonValue
  const kept = Object.entries(value).filter(([key]) => !MOVED.has(key))
  return Object.fromEntries(kept.map(([key, each]) => [key, plain(each)]))
}
