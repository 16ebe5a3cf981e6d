import { hashLeft, isEmptied, isPruningType, type PruningRecord, skeletonDigest } from '../contracts/pruning.ts'
import { RECORD_VERSION, type RunRecord } from '../contracts/records.ts'
import type { StoredRecord } from '../contracts/store.ts'
import { lineageGaps } from './gaps.ts'
import type { GapKind } from './lineage.ts'
import { upgradeFindings } from './upgrades.ts'

/** What an audit found: `kind` is closed, `detail` a sentence without content. */
export interface AuditFinding {
  readonly kind: AuditKind
  readonly seq: number
  readonly detail: string
}

/**
 * Faults of bytes and order: a history with one of them is not what was written, and is neither imported nor vouched for.
 * What else an audit finds (a gap of lineage, say) is true of the run, here as anywhere.
 */
export const BROKEN_HISTORY: ReadonlySet<AuditKind> = new Set<AuditKind>([
  'unreadable',
  'version',
  'hash',
  'chain',
  'sequence',
  'mismatch',
  'tail',
  'order',
  'removed_body',
  'marker',
])

/** What can be wrong with a history: its bytes, its chain, its end, or what it tells. */
export type AuditKind =
  | 'unreadable'
  | 'version'
  | 'hash'
  | 'chain'
  | 'sequence'
  | 'mismatch'
  | 'tail'
  | 'order'
  /** A fork and the run that it comes from do not agree. */
  | 'fork'
  /** A body is gone and no marker vouches for it. */
  | 'removed_body'
  /** A marker of a pruned history does not fit what is left. */
  | 'marker'
  /** Another version took over from where it could not have. */
  | 'upgrade'
  | GapKind

/** What the store's row of the run says about its end; an audit without it cannot see a cut tail. */
export interface AuditHead {
  readonly seq: number
  readonly head: string
}

/** The result of an audit. `verified` is true exactly when there is no finding. */
export interface AuditReport {
  readonly verified: boolean
  readonly records: number
  /** Hash of the last record as computed here, 64 zeros for an empty history. */
  readonly head: string
  readonly findings: readonly AuditFinding[]
}

const ZEROS = '0'.repeat(64)

/**
 * Verifies a run's history from the stored bytes alone (Invariant 9): hashes are computed anew, sequence and chain are
 * followed from the first record, the end is compared with the row, and the lineage query runs over what they tell.
 * Uses nothing that wrote the history.
 */
export function auditRun(
  stored: readonly Pick<StoredRecord, 'seq' | 'type' | 'body' | 'hash'>[],
  row?: AuditHead,
): AuditReport {
  const findings: AuditFinding[] = []
  const records: RunRecord[] = []
  let head = ZEROS
  let expected = 1
  const emptiedThrough = vouchedThrough(stored)
  for (const each of stored) {
    const hash = hashLeft(each)
    const emptied = isEmptied(each)
    const record = emptied ? null : readRecord(each.body)
    if (each.seq !== expected) add('sequence', each.seq, `record ${expected} should come here`)
    if (hash !== each.hash) add('hash', each.seq, 'the bytes do not give the stored hash')
    if (record) {
      if (record.prev !== head) add('chain', each.seq, 'it does not continue the record before it')
      for (const finding of recordFindings(record, each, records)) add(finding.kind, each.seq, finding.detail)
      records.push(record)
      if (isPruningType(record.type)) for (const detail of markerFaults(record, stored)) add('marker', each.seq, detail)
    } else if (!emptied) add('unreadable', each.seq, 'the body is not a record')
    else if (each.seq > emptiedThrough || isPruningType(each.type))
      add('removed_body', each.seq, 'its body is gone, and no marker of a pruned history vouches for it')
    head = hash
    expected = each.seq + 1
  }
  if (row)
    tailFindings(stored, head, row).forEach((finding) => {
      findings.push(finding)
    })
  for (const gap of gapsIn(records)) add(gap.kind, gap.seq, gap.detail)
  for (const { seq, detail } of upgradeFindings(records)) add('upgrade', seq, detail)
  return { verified: findings.length === 0, records: stored.length, head, findings }

  function add(kind: AuditKind, seq: number, detail: string): void {
    findings.push({ kind, seq, detail })
  }
}

type Stored = Pick<StoredRecord, 'seq' | 'type' | 'body' | 'hash'>

/** The last record whose body may be gone: that of the last marker which keeps nothing. */
function vouchedThrough(stored: readonly Stored[]): number {
  const marker = stored.findLast(
    (each) => isPruningType(each.type) && asMarker(readRecord(each.body))?.keep === 'nothing',
  )
  return (marker && asMarker(readRecord(marker.body))?.last_seq) ?? 0
}

function asMarker(record: RunRecord | null): PruningRecord | null {
  return record?.type === 'history.pruned' || record?.type === 'subject.erased' ? record : null
}

/** A marker must cover everything before it, and name what is left of that. */
function* markerFaults(record: RunRecord, stored: readonly Stored[]): Generator<string> {
  const marker = asMarker(record)
  if (!marker) return
  const covered = stored.filter((each) => each.seq <= marker.last_seq)
  const last = covered.at(-1)
  if (marker.first_seq !== 1 || marker.last_seq !== marker.seq - 1)
    yield 'it does not cover exactly what came before it'
  if (last && hashLeft(last) !== marker.head) yield 'it names another last record than the one that is there'
  if (marker.keep === 'nothing' && marker.skeleton !== skeletonDigest(covered))
    yield 'what is left of the pruned records is not what it names'
}

/** A record that was tampered with may lack what its type needs: that is a finding, never a fault of the audit. */
function gapsIn(records: readonly RunRecord[]): readonly { kind: AuditKind; seq: number; detail: string }[] {
  try {
    return [...lineageGaps(records)]
  } catch {
    const seq = records.at(-1)?.seq ?? 0
    return [{ kind: 'unreadable', seq, detail: 'a record lacks fields of its type, so the lineage cannot be followed' }]
  }
}

function readRecord(body: string): RunRecord | null {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  // The fields that every record carries are checked here; what a type carries is checked where the audit reads it.
  const record = value as RunRecord
  return typeof record.seq === 'number' && typeof record.type === 'string' && typeof record.prev === 'string'
    ? record
    : null
}

function recordFindings(
  record: RunRecord,
  stored: Pick<StoredRecord, 'seq' | 'type'>,
  before: readonly RunRecord[],
): readonly { readonly kind: AuditKind; readonly detail: string }[] {
  const found: { kind: AuditKind; detail: string }[] = []
  const last = before.at(-1)
  if (record.v !== RECORD_VERSION) found.push({ kind: 'version', detail: `its version is not ${RECORD_VERSION}` })
  if (record.seq !== stored.seq || record.type !== stored.type)
    found.push({ kind: 'mismatch', detail: 'its body names another sequence or type than its row' })
  if (last && record.run !== last.run) found.push({ kind: 'mismatch', detail: 'it belongs to another run' })
  if (last && record.type === 'run.started') found.push({ kind: 'order', detail: 'a second run.started' })
  if (last && record.active_ms < last.active_ms) found.push({ kind: 'order', detail: 'its active time runs backwards' })
  if (last && record.segment < last.segment) found.push({ kind: 'order', detail: 'its segment runs backwards' })
  if (record.cause !== null && record.cause >= record.seq)
    found.push({ kind: 'order', detail: 'its cause comes after it' })
  if (record.type === 'branch.started' && record.from >= record.seq)
    found.push({ kind: 'order', detail: 'its branch starts from a later record' })
  return found
}

function tailFindings(
  stored: readonly { readonly seq: number }[],
  head: string,
  row: AuditHead,
): readonly AuditFinding[] {
  const last = stored.at(-1)?.seq ?? 0
  if (last !== row.seq)
    return [{ kind: 'tail', seq: last, detail: `the history ends at record ${last}, its row at record ${row.seq}` }]
  return head === row.head ? [] : [{ kind: 'tail', seq: last, detail: 'the last hash is not the one in the row' }]
}
