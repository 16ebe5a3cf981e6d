/**
 * The load drill: starts runs of a workflow at set times, whether earlier ones have ended or not, at a rate that grows, is
 * held, and then doubled; lets everything end, and checks that budgets held and nothing was lost, doubled or stuck. Times
 * are counted from when a run was due to start, so that a store that makes starts wait does not look fast.
 */
import { readFileSync } from 'node:fs'
import { type EffectRow, type RunRow, sleep, systemHost, toSignalboxError } from 'signalbox'
import { checkEvidence } from './check.ts'
import type { DrillInput, RecordedEffect } from './define.ts'
import { historiesOf, isRecordOf, keysOf, runPages } from './evidence.ts'
import type { Finding } from './findings.ts'
import type { Killable } from './process.ts'
import { openStand, type Stand } from './stand.ts'

/** Faults that the drill can plant to show that it would find them (Invariant 17). */
export const LOAD_FAULTS = ['event_dropped', 'budget_refilled'] as const
/** One of them: a store that loses what it acknowledged; budgets that start anew on each resume. */
export type LoadFault = (typeof LOAD_FAULTS)[number]

/** What a load drill does. */
export interface LoadDrillOptions {
  readonly configPath: string
  readonly workflow: string
  /** Starts per second that are held; twice as many at the end. */
  readonly rate: number
  /** A quarter of it grows to the rate, half holds it, a quarter doubles it. */
  readonly seconds: number
  readonly workers: number
  readonly planted?: LoadFault | null
  /** Runs that record nothing for this long after the last start are stuck. Default 60,000. */
  readonly quietMs?: number
  readonly log?: (line: string) => void
}

/** Times in milliseconds; null where there is none. */
export interface Percentiles {
  readonly p50: number | null
  readonly p95: number | null
  readonly max: number | null
}

/** What one stretch of the load showed. */
export interface LoadPhase {
  readonly name: 'ramp' | 'hold' | 'double'
  readonly seconds: number
  readonly due: number
  readonly started: number
  readonly ended: number
  readonly endedPerSecond: number
  /** From when a run was due to start to its first record by a worker. */
  readonly queued: Percentiles
  /** From when it was due to start to its end. */
  readonly took: Percentiles
}

/** What came of it. It passed when `findings` is empty. */
export interface LoadDrillResult {
  readonly workflow: string
  readonly passed: boolean
  readonly findings: readonly Finding[]
  readonly rate: number
  readonly phases: readonly LoadPhase[]
  /** Starts that were refused, by code. */
  readonly refused: Readonly<Record<string, number>>
  /** Most resident memory of all processes together, and at the end, in bytes; null where it cannot be read. */
  readonly memory: { readonly most: number | null; readonly last: number | null }
}

/** Carries out a load drill. Throws what the project throws when it cannot start; everything else is a finding. */
export async function loadDrill(options: LoadDrillOptions): Promise<LoadDrillResult> {
  const stand = await openStand({ ...options, planted: options.planted ?? null })
  try {
    const workers: Killable[] = []
    for (let n = 0; n < options.workers; n++) {
      const worker = await stand.worker(`loaded ${n + 1}`, { concurrency: CONCURRENCY })
      worker.go([])
      workers.push(worker)
    }
    const memory = watchMemory(workers)
    const starts = await offer(stand, options)
    const stuck = await stand.untilAllEnded(options.quietMs)
    const used = memory.stop()
    await Promise.all(workers.map((worker) => worker.stop()))
    const seen = await judge(stand, starts)
    const findings = [...seen.findings, ...stuck.map((detail): Finding => ({ kind: 'stuck', detail }))]
    return {
      workflow: options.workflow,
      passed: findings.length === 0,
      findings,
      rate: options.rate,
      phases: phasesOf(options, starts, seen.timed),
      refused: countCodes(starts),
      memory: used,
    }
  } finally {
    await stand.close()
  }
}

const CONCURRENCY = 32

/** One start of the load. */
export interface Start {
  readonly input: DrillInput
  /** When it was due, in milliseconds since the load began. */
  readonly dueMs: number
  readonly phase: LoadPhase['name']
  runId: string | null
  /** Why it was refused, or null. */
  code: string | null
}

/** Due times of all starts: the rate grows in a quarter of the time, is held for half, and is doubled for a quarter. */
export function dueStarts(
  rate: number,
  seconds: number,
): { readonly dueMs: number; readonly phase: LoadPhase['name'] }[] {
  const starts: { dueMs: number; phase: LoadPhase['name'] }[] = []
  const stepMs = 10
  let owed = 0
  for (let ms = 0; ms < seconds * 1_000; ms += stepMs) {
    const share = ms / (seconds * 1_000)
    const phase = share < 0.25 ? 'ramp' : share < 0.75 ? 'hold' : 'double'
    const now = phase === 'ramp' ? rate * (share / 0.25) : phase === 'hold' ? rate : rate * 2
    owed += (now * stepMs) / 1_000
    for (; owed >= 1; owed--) starts.push({ dueMs: ms, phase })
  }
  return starts
}

/** Starts each run when it is due and waits for none of them before the next. */
async function offer(stand: Stand, { rate, seconds, log }: LoadDrillOptions): Promise<Start[]> {
  const { inputs } = stand.drill
  const starts = dueStarts(rate, seconds).map((each, n): Start => {
    const input = inputs[n % inputs.length]
    if (!input) throw new Error('a drill has inputs')
    return { ...each, input: { ...input, name: `${input.name} (${n})` }, runId: null, code: null }
  })
  const beganMs = systemHost.monotonicMs()
  const asked: Promise<void>[] = []
  let phase = ''
  for (const start of starts) {
    const waitMs = beganMs + start.dueMs - systemHost.monotonicMs()
    if (waitMs > 0) await sleep(systemHost, waitMs)
    if (start.phase !== phase) {
      phase = start.phase
      log?.(`${phase}: ${starts.filter((each) => each.phase === phase).length} starts`)
    }
    asked.push(
      stand.start(start.input).then(
        (runId) => {
          start.runId = runId
        },
        (thrown: unknown) => {
          start.code = toSignalboxError(thrown).code
        },
      ),
    )
  }
  await Promise.all(asked)
  log?.(`all started: letting them end`)
  return starts
}

function countCodes(starts: readonly Start[]): Record<string, number> {
  const codes: Record<string, number> = {}
  for (const { code } of starts) if (code !== null) codes[code] = (codes[code] ?? 0) + 1
  return codes
}

/** When a run was taken up and ended, in milliseconds since 1970. */
interface Timed {
  readonly createdAt: number
  readonly takenAt: number | null
  readonly endedAt: number | null
}

/** Checks every history, the ledger and the outside records, page by page. */
async function judge(
  stand: Stand,
  starts: readonly Start[],
): Promise<{ readonly findings: Finding[]; readonly timed: ReadonlyMap<string, Timed> }> {
  const { signalbox, drill, world } = stand
  const { tenant } = drill.principal
  const findings: Finding[] = []
  const timed = new Map<string, Timed>()
  const effects: SentEffect[] = []
  for await (const rows of runPages(signalbox, tenant)) {
    const runs = await historiesOf(signalbox, tenant, rows)
    findings.push(...checkEvidence({ runs, recorded: [] }, []))
    for (const run of runs) {
      timed.set(run.row.runId, timesOf(run.row, run.records))
      for (const row of run.effects)
        if (drill.recorded.includes(row.tool)) effects.push({ row, keys: keysOf(run, row) })
    }
  }
  for (const { runId } of starts)
    if (runId !== null && !timed.has(runId))
      findings.push({ kind: 'lost', detail: `run ${runId} was started and is gone` })
  const recorded = await world.effects()
  for (const { row, keys } of effects) {
    if (row.state !== 'succeeded') continue
    if (!recorded.some((each) => isRecordOf(each, row, keys)))
      findings.push({ kind: 'lost', detail: `effect ${row.tool} of ${row.runId} has no record outside` })
  }
  return { findings: [...findings, ...doubledOutside(recorded, effects)], timed }
}

/** An effect of the ledger with every key that it was sent under. */
export interface SentEffect {
  readonly row: EffectRow
  readonly keys: ReadonlySet<string>
}

/** One record outside for one effect of the ledger: as many records of a subject as there are effects that they belong to. */
export function doubledOutside(recorded: readonly RecordedEffect[], effects: readonly SentEffect[]): Finding[] {
  const findings: Finding[] = []
  const counts = new Map<string, { readonly first: RecordedEffect; count: number }>()
  for (const each of recorded) {
    const name = JSON.stringify([each.tool, each.subject, each.key ?? each.runId])
    const found = counts.get(name) ?? { first: each, count: 0 }
    found.count += 1
    counts.set(name, found)
  }
  for (const { first, count } of counts.values()) {
    const named = `\`${first.tool}\` of \`${first.subject}\``
    if (count > 1) findings.push({ kind: 'doubled', detail: `outside recorded ${named} ${count} times` })
    if (!effects.some(({ row, keys }) => row.state === 'succeeded' && isRecordOf(first, row, keys)))
      findings.push({ kind: 'lost', detail: `outside recorded ${named}, and no history has it` })
  }
  return findings
}

function timesOf(row: RunRow, records: readonly { readonly type: string; readonly at: string }[]): Timed {
  const taken = records.find((record) => record.type === 'segment.started')
  const ended = ['completed', 'stopped', 'cancelled', 'terminated'].includes(row.status)
  return {
    createdAt: row.createdAt,
    takenAt: taken ? Date.parse(taken.at) : null,
    endedAt: ended ? row.updatedAt : null,
  }
}

function phasesOf(
  { seconds }: LoadDrillOptions,
  starts: readonly Start[],
  timed: ReadonlyMap<string, Timed>,
): LoadPhase[] {
  // The first start was stored right after its due time: that ties due times to the clock of the records.
  const beganAt = Math.min(...starts.flatMap(({ runId, dueMs }) => timesAt(timed, runId, dueMs)))
  const lengths = { ramp: seconds / 4, hold: seconds / 2, double: seconds / 4 }
  return (['ramp', 'hold', 'double'] as const).map((name) => {
    const own = starts.filter((each) => each.phase === name)
    const times = own.flatMap(({ runId, dueMs }) => {
      const time = runId === null ? undefined : timed.get(runId)
      return time ? [{ ...time, dueAt: beganAt + dueMs }] : []
    })
    const from = name === 'ramp' ? 0 : name === 'hold' ? seconds / 4 : (seconds * 3) / 4
    const [begin, end] = [beganAt + from * 1_000, beganAt + (from + lengths[name]) * 1_000]
    const ended = [...timed.values()].filter(
      (time) => time.endedAt !== null && time.endedAt >= begin && time.endedAt < end,
    )
    return {
      name,
      seconds: lengths[name],
      due: own.length,
      started: own.filter((each) => each.runId !== null).length,
      ended: ended.length,
      endedPerSecond: Math.round((ended.length / lengths[name]) * 10) / 10,
      queued: percentiles(times.flatMap((time) => (time.takenAt === null ? [] : [time.takenAt - time.dueAt]))),
      took: percentiles(times.flatMap((time) => (time.endedAt === null ? [] : [time.endedAt - time.dueAt]))),
    }
  })
}

function timesAt(timed: ReadonlyMap<string, Timed>, runId: string | null, dueMs: number): number[] {
  const time = runId === null ? undefined : timed.get(runId)
  return time ? [time.createdAt - dueMs] : []
}

/** Half of them, 95 of 100, and the longest; never below zero. */
export function percentiles(times: readonly number[]): Percentiles {
  const sorted = times.map((time) => Math.max(0, Math.round(time))).sort((a, b) => a - b)
  const at = (share: number): number | null => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null
  return { p50: at(0.5), p95: at(0.95), max: at(1) }
}

const MEMORY_LOOK_MS = 500

/** Looks at the resident memory of this process and the workers until it is stopped. */
function watchMemory(workers: readonly Killable[]): { stop(): LoadDrillResult['memory'] } {
  let most: number | null = null
  let last: number | null = null
  let cancel: () => void = () => undefined
  const look = (): void => {
    const all = [process.pid, ...workers.flatMap(({ child }) => (child.pid === undefined ? [] : [child.pid]))].map(
      residentBytes,
    )
    last = all.some((each) => each === null) ? null : all.reduce((sum: number, each) => sum + (each ?? 0), 0)
    if (last !== null) most = Math.max(most ?? 0, last)
    cancel = systemHost.after(MEMORY_LOOK_MS, look)
  }
  look()
  return {
    stop: () => {
      cancel()
      return { most, last }
    },
  }
}

const KIB = 1_024

/** From the kernel's own file; null where there is none. */
function residentBytes(pid: number): number | null {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kib === undefined ? null : Number(kib) * KIB
  } catch {
    return null
  }
}
