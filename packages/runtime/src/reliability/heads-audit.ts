/** What is wrong between signed tree heads and a store: pure, from the files' texts and the stored records. */
import { hashLeft, isEmptied } from '../contracts/pruning.ts'
import type { StoredRecord } from '../contracts/store.ts'
import { LeafSet, leafDigest, type RunLeaf, readLeaves } from './run-leaves.ts'
import { noteHash, openHead, type TreeHead, type VerifierKey } from './tree-head.ts'

/** What a check against tree heads can find. */
export type HeadFindingKind =
  /** A record is not the one that was signed. */
  | 'changed_record'
  /** A record in the middle of a signed history is not there. */
  | 'dropped_event'
  /** A history ends before the record that was signed last. */
  | 'cut_tail'
  /** A signed run is not in the store. */
  | 'removed_run'
  /** Everything after some head is missing, and nothing else: the store is as an older copy of it. */
  | 'older_database'
  /** A note is not as the key signed it. */
  | 'forged_head'
  /** A number has no note. */
  | 'missing_head'
  /** A list of leaves is missing or does not give the signed root. */
  | 'changed_leaves'
  /** A head does not continue the one before it. */
  | 'inconsistent_heads'

/** One thing that is wrong: in which head, run and record, as far as it is about one. `detail` has no content. */
export interface HeadFinding {
  readonly kind: HeadFindingKind
  readonly head: number | null
  readonly tenant: string | null
  readonly runId: string | null
  readonly seq: number | null
  readonly detail: string
}

/** The texts of one head: its note, and the leaves that changed since the head before. Null for a missing file. */
export interface HeadFiles {
  readonly number: number
  readonly note: string | null
  readonly leaves: string | null
}

/** A leaf that a valid head vouches for. */
export interface SignedLeaf extends RunLeaf {
  readonly number: number
}

/** The result of a check of the files alone. */
export interface HeadsReport {
  readonly findings: readonly HeadFinding[]
  /** The last valid head, and its note. */
  readonly last: { readonly head: TreeHead; readonly note: string } | null
  /** All leaves after the last list. */
  readonly leaves: LeafSet
  readonly signed: readonly SignedLeaf[]
}

interface Walk {
  readonly findings: HeadFinding[]
  readonly leaves: LeafSet
  readonly signed: SignedLeaf[]
  last: HeadsReport['last']
  /** A head, or a list that roots rest on, was not sound: until a root holds again, nothing is vouched for. */
  broken: boolean
}

/** Checks heads in their order: numbers without gaps, signatures, links, and roots over the leaves. */
export function auditHeads(files: readonly HeadFiles[], key: VerifierKey): HeadsReport {
  const walk: Walk = { findings: [], leaves: new LeafSet(), signed: [], last: null, broken: false }
  const byNumber = new Map(files.map((each) => [each.number, each]))
  const count = Math.max(1, ...files.filter((each) => each.note !== null).map((each) => each.number))
  for (let number = 1; number <= count; number++)
    auditHead(byNumber.get(number) ?? { number, note: null, leaves: null }, key, walk)
  return walk
}

function auditHead(files: HeadFiles, key: VerifierKey, walk: Walk): void {
  const { number, note } = files
  const changed = applyLeaves(files, walk)
  const head = note === null ? null : openHead(note, key)
  if (note === null) walk.findings.push(inHead('missing_head', number, 'there is no note with this number'))
  else if (head?.number !== number)
    walk.findings.push(inHead('forged_head', number, 'the note is not one that this key signed under this number'))
  if (note === null || head?.number !== number) {
    walk.broken = true
    return
  }
  auditLink(head, walk)
  walk.last = { head, note }
  const { leaves } = walk
  if (leaves.size === head.size && leaves.records === head.records && leaves.root() === head.root) {
    const vouched = walk.broken ? leaves.all() : changed
    for (const leaf of vouched) walk.signed.push({ ...leaf, number })
    walk.broken = false
    return
  }
  if (!walk.broken)
    walk.findings.push(inHead('changed_leaves', number, 'the lists of leaves up to this head do not give its root'))
  walk.broken = true
}

/** Takes over the leaves that a head lists; none when the list cannot be read. */
function applyLeaves({ number, note, leaves: text }: HeadFiles, walk: Walk): readonly RunLeaf[] {
  const changed = text === null ? null : readLeaves(text)
  if (changed === null && note !== null) {
    const what = text === null ? 'its list of leaves is missing' : 'its list of leaves is not as it was written'
    walk.findings.push(inHead('changed_leaves', number, `${what}; roots that rest on it cannot be checked`))
  }
  if (changed === null) walk.broken = true
  for (const leaf of changed ?? []) {
    const former = walk.leaves.get(leaf)
    if (former && former.seq >= leaf.seq && !walk.broken)
      walk.findings.push({
        ...inHead('inconsistent_heads', number, `the run stood at record ${former.seq} in an earlier head`),
        ...ofRun(leaf, leaf.seq),
      })
    walk.leaves.set(leaf)
  }
  return changed ?? []
}

/** A head names the one before by its hash and covers no less. A head after a broken one cannot be linked to it. */
function auditLink(head: TreeHead, { last, findings }: Walk): void {
  const first = head.number === 1
  if (!first && last?.head.number !== head.number - 1) return
  if (head.previous !== (last ? noteHash(last.note) : '-'))
    findings.push(inHead('inconsistent_heads', head.number, 'it names another head as the one before it'))
  if (last && (head.position < last.head.position || head.records < last.head.records))
    findings.push(inHead('inconsistent_heads', head.number, 'it covers fewer records than the head before it'))
}

/** What the store holds of one signed run. */
export interface StoredRun {
  /** The sequence in the run's row, or null when there is no row. */
  readonly rowSeq: number | null
  /** Records up to the last signed sequence, in order. */
  readonly records: readonly Pick<StoredRecord, 'seq' | 'body' | 'hash'>[]
  /** The last record whose body may be gone, by a marker of this history (`prunedThrough`). */
  readonly prunedThrough: number
}

/** How far the markers of a history allow bodies to be gone; 0 without one that keeps nothing and names this very leaf. */
export function prunedThrough(
  markers: readonly Pick<StoredRecord, 'body'>[],
  run: Pick<RunLeaf, 'tenant' | 'runId'>,
): number {
  return markers.reduce((most, { body }) => {
    const { keep, last_seq: seq, head, leaf } = fieldsOf(body)
    if (keep !== 'nothing' || typeof seq !== 'number' || typeof head !== 'string') return most
    const named = leafDigest({ tenant: run.tenant, runId: run.runId, seq, head })
    return leaf === named ? Math.max(most, seq) : most
  }, 0)
}

/** Compares a run's stored bytes with its signed leaves, given in order of their sequences. */
export function auditSignedRun(leaves: readonly SignedLeaf[], stored: StoredRun): readonly HeadFinding[] {
  const newest = leaves.at(-1)
  if (!newest) return []
  if (stored.rowSeq === null)
    return [found('removed_run', newest, null, `the run is not in the store; it was signed up to record ${newest.seq}`)]
  const findings = [...recordFindings(leaves, stored)]
  const end = reachOf(stored)
  if (end < newest.seq)
    findings.push(found('cut_tail', newest, end, `the history ends at record ${end}; record ${newest.seq} was signed`))
  return findings
}

function* recordFindings(leaves: readonly SignedLeaf[], stored: StoredRun): Generator<HeadFinding> {
  let expected = 1
  let before = '0'.repeat(64)
  let changed = false
  for (const record of stored.records) {
    // The first head that covers the record; records are read up to the last signed one.
    const leaf = leaves.find((each) => each.seq >= record.seq)
    if (!leaf) return
    const gap = record.seq !== expected
    if (gap) yield found('dropped_event', leaf, expected, `record ${expected} is not there`)
    const hash = hashLeft(record)
    const gone = isEmptied(record) && record.seq > stored.prunedThrough
    const breaks = gone || hash !== record.hash || (!gap && !isEmptied(record) && prevOf(record.body) !== before)
    if (!changed && (breaks || (leaf.seq === record.seq && leaf.head !== hash))) {
      changed = true
      const broken = gone ? 'its body is gone and no marker vouches for it' : 'it breaks the chain of a signed history'
      const what = breaks ? broken : 'it is not the record that was signed'
      yield found('changed_record', leaf, record.seq, what)
    }
    before = hash
    expected = record.seq + 1
  }
}

function prevOf(body: string): unknown {
  return fieldsOf(body).prev
}

function fieldsOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

/** How far a stored history reaches: the lesser of its records and its row. */
function reachOf({ rowSeq, records }: StoredRun): number {
  return Math.min(rowSeq ?? 0, records.at(-1)?.seq ?? 0)
}

/** A signed leaf beside the store: its record is there, is missing, or is another one. */
export interface JudgedLeaf {
  readonly number: number
  readonly standing: 'there' | 'missing' | 'other'
}

/** Judges one leaf against what the store holds of its run. */
export function judgeLeaf(leaf: SignedLeaf, stored: StoredRun): JudgedLeaf {
  const { number, seq, head } = leaf
  if (reachOf(stored) < seq) return { number, standing: 'missing' }
  const record = stored.records.find((each) => each.seq === seq)
  return { number, standing: record && hashLeft(record) === head ? 'there' : 'other' }
}

/**
 * Tells whether the store is as an older copy of it, from all leaves: nothing that heads added after some point is there
 * as it was signed, and some of it is missing. Null when nothing is missing, or something newer is there.
 */
export function olderDatabase(leaves: readonly JudgedLeaf[]): HeadFinding | null {
  const gone = leaves.filter((leaf) => leaf.standing !== 'there')
  const newest = leaves.reduce((most, leaf) => Math.max(most, leaf.number), 0)
  const from = gone.reduce((least, leaf) => Math.min(least, leaf.number), newest)
  const after = leaves.filter((leaf) => (from === newest ? leaf.number === from : leaf.number > from))
  const missing = leaves.some((leaf) => leaf.standing === 'missing')
  if (!missing || after.some((leaf) => leaf.standing === 'there')) return null
  const what = `head ${newest} was signed, and nothing that came after head ${from - 1} is whole in the store`
  return inHead('older_database', from, `${what}: it is as an older copy of it`)
}

function inHead(kind: HeadFindingKind, head: number, detail: string): HeadFinding {
  return { kind, head, tenant: null, runId: null, seq: null, detail }
}

function ofRun({ tenant, runId }: RunLeaf, seq: number | null): Pick<HeadFinding, 'tenant' | 'runId' | 'seq'> {
  return { tenant, runId, seq }
}

function found(kind: HeadFindingKind, leaf: SignedLeaf, seq: number | null, detail: string): HeadFinding {
  return { ...inHead(kind, leaf.number, detail), ...ofRun(leaf, seq) }
}
