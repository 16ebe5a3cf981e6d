import { timeOf } from '../../base/time.ts'
import type { ActivityOutcome, RecordType, RunRecord } from '../../contracts/records.ts'
import { advance, countAsk, isForgotten, newStream } from './denials.ts'
import { type AlertIncident, type AlertProgress, type Marked, RUN_ENDS } from './facts.ts'

/** A record as the evaluation reads it, in the store's order. */
export interface AlertRecord {
  readonly tenant: string
  readonly workflow: string
  readonly runId: string
  readonly seq: number
  readonly type: RecordType
  /** Null where the type is not one of `ALERT_READS`, or the body is gone. */
  readonly record: RunRecord | null
}

/** Counted marks are kept for a day, and the newest of them. */
const MARK_MS = 86_400_000
const MOST_MARKS = 1_000
/** A model that nobody called for so long says nothing of its provider. */
const STALE_MS = 3_600_000

const GOES_ON: ReadonlySet<RecordType> = new Set<RecordType>([
  'segment.started',
  'run.stopping',
  'history.moved',
  ...RUN_ENDS,
])

/** What is remembered after these records, and the incidents among them. */
export function readForAlerts(
  before: AlertProgress,
  records: readonly AlertRecord[],
): { readonly progress: AlertProgress; readonly incidents: readonly AlertIncident[] } {
  const incidents: AlertIncident[] = []
  const kept: Kept = {
    unknown: { ...before.unknown },
    parked: { ...before.parked },
    denials: { ...before.denials },
    marks: [...before.marks],
    failing: { ...before.failing },
  }
  for (const each of records) {
    if (GOES_ON.has(each.type)) delete kept.parked[placeOf(each)]
    const incident = each.record ? read(kept, each, each.record) : null
    if (incident) incidents.push(incident)
  }
  return { progress: { v: 1, ...kept }, incidents }
}

/** What is remembered as of now; streams of `frozen` (`tenant workflow`) keep what is usual for them. */
export function settleProgress(before: AlertProgress, now: number, frozen: ReadonlySet<string>): AlertProgress {
  const streams = Object.entries(before.denials)
    .map(([place, stream]) => [place, advance(stream, now, frozen.has(place))] as const)
    .filter(([, stream]) => !isForgotten(stream))
  const failing = Object.entries(before.failing).filter(([, { lastAt }]) => now - lastAt < STALE_MS)
  return {
    ...before,
    denials: Object.fromEntries(streams),
    failing: Object.fromEntries(failing),
    marks: before.marks.filter(({ at }) => now - at < MARK_MS).slice(-MOST_MARKS),
  }
}

/** Where a workflow's denials are remembered. */
export function streamPlace(tenant: string, workflow: string): string {
  return JSON.stringify([tenant, workflow])
}

type Kept = { -readonly [K in Exclude<keyof AlertProgress, 'v'>]: Mutable<AlertProgress[K]> }
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function placeOf({ tenant, runId }: AlertRecord, ask = ''): string {
  return JSON.stringify([tenant, runId, ask])
}

function read(kept: Kept, each: AlertRecord, record: RunRecord): AlertIncident | null {
  const { tenant, workflow, runId: run, seq } = each
  const marked: Marked = { tenant, workflow, run, seq, at: timeOf(record.at) }
  if (record.type === 'activity.outcome') readOutcome(kept, each, record, marked)
  if (record.type === 'run.parked') kept.parked[placeOf(each)] = { ...marked, code: record.code }
  if (record.type === 'budget.slice' && record.what === 'debt')
    kept.marks = [...kept.marks, { ...marked, kind: 'budget.violation', what: record.scope }]
  if (record.type === 'run.stopped' && record.reason.kind === 'budget')
    kept.marks = [...kept.marks, { ...marked, kind: 'budget.violation', what: record.reason.subject ?? 'a limit' }]
  if (record.type === 'run.completed' || record.type === 'run.stopped')
    for (const what of record.near_misses ?? [])
      kept.marks = [...kept.marks, { ...marked, kind: 'budget.near_miss', what }]
  const differs = record.type === 'run.stopped' && record.reason.code === 'OUTSIDE_DIFFERS'
  if (differs) return { kind: 'outside.differs', tenant, workflow, refs: [{ run, seq }], values: { comparisons: 1 } }
  if (record.type !== 'unmediated.call') return null
  // A person let go on what it stopped: the host alone is told.
  return {
    kind: 'call.unmediated',
    tenant,
    workflow,
    refs: [{ run, seq }],
    values: { calls: 1, host: record.host, where: record.where },
  }
}

function readOutcome(kept: Kept, each: AlertRecord, outcome: ActivityOutcome, marked: Marked): void {
  const ask = placeOf(each, outcome.ask.key)
  if (outcome.status !== 'unknown') delete kept.unknown[ask]
  else if (outcome.effect !== 'none') kept.unknown[ask] = { ...marked, tool: outcome.name }
  // A nested read of the call itself is no ask of its own.
  if ((outcome.kind === 'tool' || outcome.kind === 'scope') && outcome.ask.parent === null) {
    const place = streamPlace(marked.tenant, marked.workflow)
    const stream = kept.denials[place] ?? newStream(marked.tenant, marked.workflow, marked.at)
    kept.denials[place] = countAsk(stream, { ...marked, denied: outcome.status === 'denied' })
  }
  if (outcome.kind === 'model') readModel(kept, outcome, marked)
}

function readModel(kept: Kept, { name: model, trouble, status }: ActivityOutcome, marked: Marked): void {
  const { tenant, at, run, seq } = marked
  const place = JSON.stringify([tenant, model])
  if (status === 'succeeded') delete kept.failing[place]
  if (trouble === undefined) return
  const known = kept.failing[place]
  const since = known?.since ?? at
  const failures = (known?.failures ?? 0) + 1
  kept.failing[place] = { tenant, model, trouble, since, lastAt: at, failures, newest: { run, seq } }
}
