/** Conditions planted in a store of their own, one for each kind of alert, each with a near miss that must stay quiet. */
import {
  type AdoptedRun,
  type AlertGauges,
  type AlertKind,
  type Host,
  isoTime,
  NO_AMOUNTS,
  type RunRow,
  type Store,
  sha256Hex,
  type StoredRecord,
} from 'signalbox'
import type { HistoryCheck } from './sources.ts'

/** A record as far as the evaluation reads it, made so many milliseconds before now. */
interface PlantedRecord {
  readonly type: StoredRecord['type']
  readonly agoMs: number
  readonly body?: object
}

/** What is so in a planted world. */
export interface PlantedWorld {
  /** Histories, each of one run. */
  readonly runs?: readonly (readonly PlantedRecord[])[]
  readonly gauges?: (now: number) => Partial<AlertGauges>
  /** What a check of each ended run finds. */
  readonly history?: HistoryCheck
}

/** A condition and what comes close to it. */
export interface Plant {
  readonly hit: PlantedWorld
  readonly miss: PlantedWorld
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** Names in planted worlds. */
export const PLANTED = { tenant: 'planted', workflow: 'planted-desk' } as const

function outcome(agoMs: number, over: object = {}): PlantedRecord {
  const ask = { key: `lookup/0/${agoMs}`, parent: null }
  const call = { kind: 'tool', name: 'payments.refund', effect: 'irreversible', status: 'succeeded', code: null }
  return { type: 'activity.outcome', agoMs, body: { ask, ...call, settled: NO_AMOUNTS, ...over } }
}

const denied = (agoMs: number): PlantedRecord => outcome(agoMs, { status: 'denied', code: 'POLICY_DENIED' })
const times = (count: number, of: (i: number) => PlantedRecord): readonly PlantedRecord[] =>
  Array.from({ length: count }, (_, i) => of(i))
const runs = (count: number, of: readonly PlantedRecord[]): readonly (readonly PlantedRecord[])[] =>
  Array.from({ length: count }, () => of)
const parked = (code: string): PlantedRecord => ({ type: 'run.parked', agoMs: MINUTE, body: { code, detail: null } })
const ended: PlantedRecord = { type: 'run.completed', agoMs: MINUTE, body: { output: null, near_misses: [] } }
const near: PlantedRecord = { type: 'run.completed', agoMs: MINUTE, body: { output: null, near_misses: ['tokens'] } }
const overBudget: PlantedRecord = {
  type: 'run.stopped',
  agoMs: MINUTE,
  body: { reason: { kind: 'budget', code: 'BUDGET_EXHAUSTED', subject: 'max_turns' } },
}
const failedByHand: PlantedRecord = {
  ...overBudget,
  body: { reason: { kind: 'person', code: 'CANCELLED', subject: null } },
}
const differing: PlantedRecord = {
  ...overBudget,
  body: { reason: { kind: 'failed', code: 'OUTSIDE_DIFFERS', subject: 'compare' } },
}
const unmediated: PlantedRecord = {
  type: 'unmediated.call',
  agoMs: MINUTE,
  body: { activation: null, where: 'tool', host: 'example.invalid' },
}
const noAnswer = (agoMs: number): PlantedRecord =>
  outcome(agoMs, { kind: 'model', name: 'scripted/clerk', effect: 'none', status: 'failed', trouble: 'unreachable' })
const answered = outcome(MINUTE, { kind: 'model', name: 'scripted/clerk', effect: 'none' })
const approval = (now: number, agoMs: number) => ({
  ...PLANTED,
  ...{ id: 'apr_planted', run: 'run_planted', tool: 'payments.refund', requestedAt: now - agoMs },
})
const failedJob = (now: number, job: string) => [
  { schedule: 'nightly', job, firing: 'slot-1', code: 'AUDIT_FAILED', at: now - MINUTE },
]
const sound: HistoryCheck = { gaps: [], faults: [] }

/** Each kind's condition and its near miss. */
export const PLANTS: Readonly<Record<AlertKind, Plant>> = {
  'effect.unknown': {
    hit: { runs: [[outcome(HOUR, { status: 'unknown', code: 'EFFECT_UNKNOWN' })]] },
    miss: { runs: [[outcome(MINUTE, { status: 'unknown', code: 'EFFECT_UNKNOWN' })]] },
  },
  'lineage.gap': {
    hit: { runs: [[ended]], history: { gaps: [{ kind: 'approval_missing', seq: 2 }], faults: [] } },
    miss: { runs: [[ended]], history: sound },
  },
  'outside.differs': { hit: { runs: [[differing]] }, miss: { runs: [[failedByHand]] } },
  'audit.failed': {
    hit: { runs: [[ended]], history: { gaps: [], faults: [{ kind: 'hash', seq: 2 }] } },
    miss: { runs: [[ended]], history: sound },
  },
  'call.unmediated': { hit: { runs: [[unmediated]] }, miss: { runs: [[outcome(MINUTE)]] } },
  'denial.spike': {
    hit: { runs: runs(6, [denied(MINUTE)]) },
    miss: { runs: [...runs(4, [denied(MINUTE)]), times(30, (i) => outcome(MINUTE + i))] },
  },
  'budget.violation': { hit: { runs: [[overBudget]] }, miss: { runs: [[failedByHand]] } },
  'budget.near_miss': { hit: { runs: runs(3, [near]) }, miss: { runs: runs(2, [near]) } },
  'approval.oldest': {
    hit: { gauges: (now) => ({ approvals: [approval(now, 5 * HOUR)] }) },
    miss: { gauges: (now) => ({ approvals: [approval(now, 3 * HOUR)] }) },
  },
  'kill_switch.engaged': {
    hit: {
      gauges: (now) => ({
        switches: [
          {
            tenant: PLANTED.tenant,
            id: 'ksw_1',
            scope: 'tool',
            target: 'payments.refund',
            mode: 'pause',
            createdAt: now,
          },
        ],
      }),
    },
    miss: { gauges: () => ({ switches: [] }) },
  },
  'run.quarantined': { hit: { runs: [[parked('RUN_QUARANTINED')]] }, miss: { runs: [[parked('STORE_FULL')]] } },
  'runs.parked': {
    hit: { runs: runs(5, [parked('POLICY_MALFUNCTION')]) },
    miss: { runs: runs(4, [parked('POLICY_MALFUNCTION')]) },
  },
  'provider.down': {
    hit: { runs: [times(6, (i) => noAnswer((12 - i) * MINUTE))] },
    miss: { runs: [[...times(6, (i) => noAnswer((12 - i) * MINUTE)), answered]] },
  },
  'telemetry.incomplete': {
    hit: { gauges: (now) => ({ telemetry: { oldestUnsentAt: now - HOUR, ratio: null } }) },
    miss: { gauges: (now) => ({ telemetry: { oldestUnsentAt: now - MINUTE, ratio: 1 } }) },
  },
  'outbox.dead': {
    hit: { gauges: () => ({ deadMessages: [{ tenant: PLANTED.tenant, channel: 'ops', count: 2 }] }) },
    miss: { gauges: () => ({ deadMessages: [] }) },
  },
  'schedule.missed': {
    hit: { gauges: (now) => ({ missed: [{ schedule: 'nightly', dueAt: now - HOUR }] }) },
    miss: { gauges: (now) => ({ missed: [{ schedule: 'nightly', dueAt: now - MINUTE }] }) },
  },
  'drill.failed': {
    hit: { gauges: (now) => ({ failedJobs: failedJob(now, 'drill.restore') }) },
    miss: { gauges: (now) => ({ failedJobs: failedJob(now, 'store.vacuum') }) },
  },
  'exposure.finding': {
    hit: { gauges: (now) => ({ exposure: { at: now - HOUR, findings: 3, report: 'signed' } }) },
    miss: { gauges: (now) => ({ exposure: { at: now - HOUR, findings: 0, report: 'signed' } }) },
  },
  'clock.trouble': {
    hit: { gauges: (now) => ({ troubles: [{ code: 'CLOCK_SET_BACK', since: now - MINUTE }] }) },
    miss: { gauges: (now) => ({ troubles: [{ code: 'WORKER_HUNG', since: now - MINUTE }] }) },
  },
  'disk.trouble': {
    hit: { gauges: () => ({ disk: { freeBytes: 4, totalBytes: 100 } }) },
    miss: { gauges: () => ({ disk: { freeBytes: 6, totalBytes: 100 } }) },
  },
}

/** Stores the runs of a planted world. Their records have what the evaluation reads, and no more. */
export async function plantRuns(store: Pick<Store, 'adopt'>, world: PlantedWorld, host: Host): Promise<void> {
  for (const [i, records] of (world.runs ?? []).entries()) await store.adopt(plantedRun(records, i, host.now()))
}

function plantedRun(planted: readonly PlantedRecord[], i: number, now: number): AdoptedRun {
  const runId = `run_planted${i}`
  const start: PlantedRecord = { type: 'run.started', agoMs: HOUR }
  const records = [start, ...planted].map(({ type, agoMs, body }, at): StoredRecord => {
    const text = JSON.stringify({ v: 1, run: runId, seq: at + 1, at: isoTime(now - agoMs), type, ...body })
    return { seq: at + 1, type, body: text, hash: sha256Hex(text), sealed: null }
  })
  const { tenant, workflow } = PLANTED
  const row: RunRow = {
    ...{ tenant, runId, workflow, version: '1.0.0', signature: 'planted', requestId: runId, principal: 'user:planted' },
    ...{ subject: 'planted', status: 'running', code: null, seq: records.length, head: records.at(-1)?.hash ?? '' },
    ...{ epoch: 1, branch: 0, checkpointSeq: 1, superstep: 0, wakeAt: null, leaseOwner: null, leaseUntil: null },
    ...{ createdAt: now - HOUR, updatedAt: now, costNanoUsd: '0', attempts: 0 },
  }
  return { row, records, effects: [], requests: [], inbox: [] }
}
