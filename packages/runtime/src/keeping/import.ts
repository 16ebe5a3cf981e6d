import { closeSync, openSync } from 'node:fs'
import { askedNotice } from '../contracts/notices.ts'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import type { AdoptedRun, RunRow, Store } from '../contracts/store.ts'
import { bundlesIn } from '../contracts/policy-history.ts'
import { isEmptied } from '../contracts/pruning.ts'
import { auditRun, BROKEN_HISTORY, lineageTerms } from '../observability/index.ts'
import { decodeRecord, decodeRecords } from '../reliability/chain.ts'
import { foldRecord, foldStart } from '../reliability/fold.ts'
import { onTimeline, timelineRanges } from '../reliability/timeline.ts'
import { TENANT_SUBJECT } from '../stores/vault.ts'
import {
  EXPORT_FORMAT,
  EXPORT_VERSION,
  type ExportLine,
  fromBase64,
  HEADER,
  LINE,
  recordOf,
  runOf,
} from './export-format.ts'
import { tellImportedBundles } from './imported-bundles.ts'
import { lineFault, readLines } from './lines.ts'

/** What to import, and where to. */
export interface ImportOptions {
  readonly store: Store
  readonly path: string
  /** Takes up an import of the same file that stopped in the middle: runs that are there as the file has them are left. */
  readonly resume?: boolean
}

/** What an import did. */
export interface ImportReport {
  readonly runs: number
  readonly records: number
  /** Runs that an earlier import of the same file had stored. */
  readonly already: number
  /** Whether the file says that its runs go on nowhere else. */
  readonly moved: boolean
}

type KeyLine = Extract<ExportLine, { kind: 'key' }>
type DefinitionLine = Extract<ExportLine, { kind: 'definition' }>

/** What a walk over a file gives, in its order. */
type Part =
  | { readonly kind: 'key'; readonly line: number; readonly key: KeyLine }
  | { readonly kind: 'definition'; readonly line: number; readonly definition: DefinitionLine }
  | { readonly kind: 'run'; readonly line: number; readonly run: AdoptedRun }
  | { readonly kind: 'header'; readonly moved: boolean }

/**
 * Imports an export into a store. The whole file is read and checked first: its form, its counts and digest, every history
 * with what belongs to it, and whether the store can take it; only then is anything written, run by run, each in one
 * transaction under a higher epoch. Throws INPUT_INVALID and CONFLICT naming the line, STORE_NEWER for a later format,
 * NOT_FOUND, and the store's codes. Memory does not grow with the number of runs.
 */
export async function importRuns(options: ImportOptions): Promise<ImportReport> {
  const { store, resume = false } = options
  const file = opened(options.path)
  try {
    await checkAll(store, partsOf(file), resume)
    const report = { runs: 0, records: 0, already: 0, moved: false }
    const bundles = new Set<string>()
    for (const part of partsOf(file)) {
      if (part.kind === 'run') for (const bundle of bundlesIn(part.run.records)) bundles.add(bundle)
      if (part.kind === 'header') report.moved = part.moved
      else if (part.kind !== 'run') await keep(store, part)
      else if (await adopted(store, part, resume)) {
        report.runs++
        report.records += part.run.records.length
      } else report.already++
    }
    await tellImportedBundles(store, bundles)
    return report
  } finally {
    closeSync(file)
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    throw new SignalboxError('NOT_FOUND', `the export \`${path}\` cannot be read: name a file of \`store export\``, {
      cause,
    })
  }
}

/** Walks over a file and checks everything that the file alone can tell. */
function* partsOf(file: number): Generator<Part> {
  const seen = new Set<string>()
  const count = { runs: 0, records: 0 }
  let run: { line: number; run: Omit<AdoptedRun, 'records'>; records: AdoptedRun['records'][number][] } | null = null
  let ended = false
  let number = 0
  for (const { number: at, text, digestBefore } of readLines(file)) {
    number = at
    if (at === 1) {
      yield { kind: 'header', moved: header(text).moved }
      continue
    }
    if (ended) throw lineFault(at, 'comes after its end')
    const line = lineOf(text, at)
    if (line.kind === 'record') {
      if (!run) throw lineFault(at, 'is a record without a run')
      run.records.push(recordOf(line))
      count.records++
      continue
    }
    if (run) yield wholeRun(run)
    run = null
    if (line.kind === 'key') yield { kind: 'key', line: at, key: line }
    else if (line.kind === 'definition') yield { kind: 'definition', line: at, definition: line }
    else if (line.kind === 'run') {
      run = { line: at, run: runOf(line), records: [] }
      const place = JSON.stringify([line.row.tenant, line.row.runId])
      if (seen.has(place)) throw lineFault(at, `has run \`${line.row.runId}\` a second time`)
      seen.add(place)
      count.runs++
    } else {
      ended = true
      if (line.digest !== digestBefore()) throw lineFault(at, 'names another digest than the lines before it have')
      if (line.runs !== count.runs || line.records !== count.records)
        throw lineFault(
          at,
          `counts ${line.runs} runs and ${line.records} records, and there are ${count.runs} and ${count.records}`,
        )
    }
  }
  if (!ended) throw lineFault(number + 1, 'is missing: the file has no end')
}

function header(text: string): { moved: boolean } {
  const read = HEADER.loose().safeParse(parsed(text))
  if (!read.success || read.data.format !== EXPORT_FORMAT) throw lineFault(1, 'is not the header of an export')
  if (read.data.version > EXPORT_VERSION)
    throw new SignalboxError(
      'STORE_NEWER',
      `the export has format ${read.data.version}, this version reads up to ${EXPORT_VERSION}: install the newer version`,
    )
  return read.data
}

function lineOf(text: string, at: number): ExportLine {
  const read = LINE.safeParse(parsed(text))
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw lineFault(at, `is not one that this format has (\`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? ''})`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** A run with all its records, when its history verifies and what belongs to it fits its records. */
function wholeRun({
  line,
  run,
  records,
}: {
  line: number
  run: Omit<AdoptedRun, 'records'>
  records: AdoptedRun['records']
}): Part {
  const { row } = run
  const report = auditRun(records, { seq: row.seq, head: row.head })
  const finding = report.findings.find((each) => BROKEN_HISTORY.has(each.kind))
  if (finding)
    throw lineFault(
      line + finding.seq,
      `does not verify as record ${finding.seq} of run \`${row.runId}\`: ${finding.kind}: ${finding.detail}`,
    )
  const wrong = mismatch({ ...run, records })
  if (wrong !== null) throw lineFault(line, `has a run \`${row.runId}\` that does not fit its records: ${wrong}`)
  return { kind: 'run', line, run: { ...run, records } }
}

/** What in a run's row and ledger is not as its records tell, or null. */
function mismatch({ row, records, effects, requests, inbox }: AdoptedRun): string | null {
  const own = [...effects, ...requests, ...inbox].every(
    (each) => each.tenant === row.tenant && each.runId === row.runId,
  )
  if (!own) return 'a row belongs to another run'
  if (records.some(isEmptied))
    return row.kept === 'nothing' ? null : 'its records were pruned, and its row says otherwise'
  const [started, ...rest] = decodeRecords(records)
  if (started?.type !== 'run.started') return 'it does not begin with its start'
  const same =
    started.tenant === row.tenant &&
    started.run === row.runId &&
    started.workflow.name === row.workflow &&
    started.request_id === row.requestId &&
    started.principal.id === row.principal &&
    started.subject === row.subject
  if (!same) return 'its start names another tenant, run, workflow, request or person'
  const fold = foldStart(started)
  const ranges = timelineRanges(
    row.seq,
    rest.filter((record) => record.type === 'branch.started'),
  )
  for (const record of rest) if (onTimeline(ranges, record.seq)) foldRecord(fold, record)
  if (fold.status !== row.status) return `its records lead to \`${fold.status}\`, its row says \`${row.status}\``
  const bySeq = new Map(rest.map((record) => [record.seq, record]))
  const stray = effects.find((effect) => {
    const intent = bySeq.get(effect.intentSeq)
    return intent?.type !== 'activity.intent' || intent.effect_id !== effect.effectId
  })
  return stray ? `effect \`${stray.effectId}\` has no intent on record` : null
}

/** Reads a whole file and asks the store whether it can take it: every part, and the ancestors of every fork. */
async function checkAll(store: Store, parts: Iterable<Part>, resume: boolean): Promise<void> {
  const given = new Set<string>()
  const needed = new Map<string, { line: number; tenant: string; runId: string }>()
  for (const part of parts) {
    await checkPart(store, part, resume)
    if (part.kind !== 'run') continue
    const { tenant, runId } = part.run.row
    given.add(JSON.stringify([tenant, runId]))
    const parent = parentOf(part.run)
    if (parent !== null) needed.set(JSON.stringify([tenant, parent]), { line: part.line, tenant, runId: parent })
  }
  for (const [place, { line, tenant, runId }] of needed) {
    if (given.has(place) || (await store.run(tenant, runId))) continue
    const what = `has a fork of run \`${runId}\`, which is neither in the file nor in the store: export both`
    throw lineFault(line, what)
  }
}

/** The run that a run was forked from: some of its contents lie there. */
function parentOf({ records }: AdoptedRun): string | null {
  const [started] = decodeRecords(records.slice(0, 1))
  return started?.type === 'run.started' ? (started.parent?.run ?? null) : null
}

/** Whether the store can take a part. Throws CONFLICT with the line. */
async function checkPart(store: Store, part: Part, resume: boolean): Promise<void> {
  if (part.kind === 'header') return
  const wrong = await conflict(store, part, resume)
  if (wrong !== null)
    throw new SignalboxError('CONFLICT', `line ${part.line} of the export: ${wrong}; nothing was imported`, {
      details: { line: part.line },
    })
}

async function conflict(
  store: Store,
  part: Exclude<Part, { kind: 'header' }>,
  resume: boolean,
): Promise<string | null> {
  if (part.kind === 'definition') {
    const there = await store.definition(part.definition.signature)
    return there === null || there === part.definition.description
      ? null
      : 'the store has another workflow with this signature'
  }
  if (part.kind === 'key') return await keyConflict(store, part.key)
  const { row, effects, requests } = part.run
  const there = await store.run(row.tenant, row.runId)
  if (there) return resume && (await isAsImported(store, row)) ? null : `run \`${row.runId}\` is in the store already`
  const [asked] = await store.runs({ tenant: row.tenant, requestId: row.requestId, limit: 1 })
  if (asked) return `run \`${asked.runId}\` of the store answers request \`${row.requestId}\` already`
  for (const { tenant, tool, scope, identity, state } of effects) {
    const live = state === 'open' || state === 'unknown' || state === 'succeeded'
    const holder = live ? await store.effect(tenant, tool, scope, identity) : null
    if (holder) return `run \`${holder.runId}\` of the store has done the same with \`${tool}\``
  }
  for (const { tenant, id } of requests)
    if (await store.request(tenant, id)) return `request \`${id}\` is in the store already`
  return null
}

/** Content and digests of a tenant can only be used under its own key, so a tenant has one key in all its stores. */
async function keyConflict(store: Store, { tenant, subject, wrapped }: KeyLine): Promise<string | null> {
  const there = await store.key(tenant, subject)
  // A person who was erased here stays erased: their contents come along and cannot be read.
  if (!there?.wrapped || wrapped === null) return null
  if (sha256Hex(Buffer.from(there.wrapped).toString('base64')) === sha256Hex(wrapped)) return null
  return subject === TENANT_SUBJECT
    ? `tenant \`${tenant}\` has another key here, so its contents and digests could not be used: import into a store without that tenant`
    : `a person of tenant \`${tenant}\` has another key here: their contents could not be read`
}

/** True when the store's run is the one of the file, or has gone on from it. */
async function isAsImported(store: Store, { tenant, runId, seq, head }: RunRow): Promise<boolean> {
  const [record] = await store.recordsAt(tenant, runId, [seq])
  return record?.hash === head
}

async function keep(store: Store, part: Extract<Part, { kind: 'key' | 'definition' }>): Promise<void> {
  if (part.kind === 'definition')
    return await store.putDefinition(part.definition.signature, part.definition.description)
  const { tenant, subject, wrapped, destroyed_at: destroyedAt } = part.key
  const bytes = fromBase64(wrapped)
  if (bytes) await store.putKey(tenant, subject, bytes)
  else if (destroyedAt !== null) await store.destroyKey(tenant, subject, destroyedAt)
}

function termsOf({ row, records }: AdoptedRun): NonNullable<AdoptedRun['terms']> {
  const there = records.filter((record) => !isEmptied(record))
  return there.flatMap((record) => lineageTerms(row.tenant, decodeRecord(record)))
}

/** False when an earlier import had stored it. Throws CONFLICT when the store changed since it was checked. */
async function adopted(store: Store, { line, run }: Extract<Part, { kind: 'run' }>, resume: boolean): Promise<boolean> {
  const notices = run.requests.filter((each) => each.state === 'open').map(askedNotice)
  const result = await store.adopt({ ...run, notices, terms: termsOf(run) })
  if (result.status === 'adopted') return true
  if (result.status === 'exists' && resume && result.id === run.row.runId) return false
  throw new SignalboxError(
    'CONFLICT',
    `line ${line} of the export: run \`${run.row.runId}\` came into the store meanwhile; runs before it are imported, give --resume`,
    { details: { line } },
  )
}
