/**
 * What telemetry costs: CPU time of a governed turn with all telemetry on, sent to a collector in a process of its own,
 * against the same turn with none. Two engines, each one process with its exporter in it, take turns.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { inFolder } from './box.ts'
import type { Check } from './checks.ts'
import type { Arrived } from './overhead-collector.ts'
import type { EngineTask } from './overhead-engine.ts'
import type { EngineKind } from './overhead-plants.ts'
import { answerOf } from './peers.ts'
import { type Interval, medianInterval } from './stats.ts'

/** How much is measured. */
export interface OverheadPlan {
  /** Both engines are started anew so often: what a process happens to be compiled to is not the difference. */
  readonly starts: number
  /** Pairs of blocks with each start. */
  readonly pairs: number
  /** Blocks of each engine before its first pair. */
  readonly warm: number
  /** A block: so many concurrent runs of so many turns. */
  readonly runs: number
  readonly each: number
}

/** One block of each engine, taken one after the other. CPU time is that of the whole process, user and system. */
export interface OverheadPair {
  /** Microseconds of CPU time a turn. */
  readonly plainUs: number
  readonly fullUs: number
  /** Milliseconds a turn from the first claim to the last end, by the wall clock. */
  readonly plainMs: number
  readonly fullMs: number
}

/** What was measured, and what came at the collector. */
export interface Overhead {
  readonly plan: OverheadPlan
  readonly pairs: readonly OverheadPair[]
  /** What did not come, or came too often, in sentences; a pair with one of these says nothing. */
  readonly faults: readonly string[]
  /** A turn: requests to the collector and their bytes. */
  readonly requests: number
  readonly bytes: number
}

/** What telemetry may cost, as a part of the CPU time of a turn. */
const MOST = 0.1

/** The share of CPU time that telemetry adds, by pair, with the interval of the median. */
export function overheadOf({ pairs }: Pick<Overhead, 'pairs'>): Interval {
  return medianInterval(pairs.map(({ plainUs, fullUs }) => fullUs / plainUs - 1))
}

/** Whether all telemetry came: without it the numbers mean nothing. */
export function overheadChecks({ faults, pairs }: Overhead): readonly Check[] {
  const found = faults[0] ?? `${pairs.length} pairs`
  return [{ name: 'all telemetry of each measured turn arrived', ok: faults.length === 0, found }]
}

/** What it should cost. */
export function overheadAims(overhead: Pick<Overhead, 'pairs'>): readonly Check[] {
  const { median, low, high } = overheadOf(overhead)
  return [
    {
      name: `telemetry adds less than ${MOST * 100} % to the CPU time of a turn`,
      ok: median < MOST,
      found: `${percent(median)} (${percent(low)} to ${percent(high)})`,
    },
  ]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** The results as text. */
export function overheadTable(all: readonly Overhead[]): string {
  const lines = all.map((one) => {
    const { plan, pairs } = one
    const { median, low, high } = overheadOf(one)
    const middle = (of: (pair: OverheadPair) => number): number => medianInterval(pairs.map(of)).median
    const wall = medianInterval(pairs.map(({ plainMs, fullMs }) => fullMs / plainMs - 1))
    return [
      String(plan.runs).padStart(4),
      String(pairs.length).padStart(6),
      `${Math.round(middle(({ plainUs }) => plainUs))} µs`.padStart(10),
      `${Math.round(middle(({ fullUs }) => fullUs))} µs`.padStart(10),
      `${percent(median)} (${percent(low)} to ${percent(high)})`.padStart(28),
      `${percent(wall.median)} (${percent(wall.low)} to ${percent(wall.high)})`.padStart(28),
      `${Math.round(one.bytes)} bytes, ${one.requests.toFixed(2)} requests`,
    ].join('  ')
  })
  const head = [
    'runs',
    ' pairs',
    '   without',
    '      with',
    'CPU added'.padStart(28),
    'time added'.padStart(28),
    'sent a turn',
  ]
  return [head.join('  '), ...lines].join('\n')
}

/** Measures pairs in the order ABBA. `kind` other than `full` is a planted fault, or `none` for the noise itself. */
export async function measureOverhead(
  plan: OverheadPlan,
  progress: (text: string) => void = () => undefined,
  kind: EngineKind = 'full',
): Promise<Overhead> {
  const pairs: OverheadPair[] = []
  const found: Arrival[] = []
  for (let start = 0; start < plan.starts; start++) {
    progress(`start ${start + 1} of ${plan.starts}`)
    await inFolder(async (folder) => {
      const collector = new Process('overhead-collector.ts', [])
      const { port } = await collector.ready
      const plain = new Engine(folder, 'none', collector, Number(port))
      const full = new Engine(folder, kind, collector, Number(port))
      for (let i = -plan.warm; i < plan.pairs; i++) {
        const isPlainFirst = i % 2 === 0
        const before = isPlainFirst ? await plain.block(plan) : null
        const told = await full.block(plan)
        const other = before ?? (await plain.block(plan))
        if (i < 0) continue
        pairs.push({ plainUs: other.us, fullUs: told.us, plainMs: other.ms, fullMs: told.ms })
        if (told.arrival) found.push(told.arrival)
      }
      await Promise.all([plain.close(), full.close()])
      await collector.end()
    })
  }
  const turns = found.length * plan.runs * plan.each
  const sum = (of: (one: Arrival) => number): number => found.reduce((total, one) => total + of(one), 0) / turns
  return {
    plan,
    pairs,
    faults: found.flatMap((one) => arrivalFaults(one, plan)),
    requests: sum(({ arrived }) => arrived.requests),
    bytes: sum(({ arrived }) => arrived.bytes),
  }
}

/** What came of one block: at the collector, and how many effects the page of metrics counts for it. */
export interface Arrival {
  readonly arrived: Arrived
  readonly effectsOnPage: number
}

/** What each block gives, counted by hand from what its runs do: an answer after the last turn ends each of them. */
function expectedSpans({ runs, each }: Pick<OverheadPlan, 'runs' | 'each'>): Readonly<Record<string, number>> {
  return {
    chat: runs * (each + 1),
    execute_tool: runs * each,
    invoke_agent: runs,
    invoke_workflow: runs,
    node: runs,
    superstep: runs,
  }
}

/** Sentences about what is missing or too much of one block. */
export function arrivalFaults(
  { arrived, effectsOnPage }: Arrival,
  plan: Pick<OverheadPlan, 'runs' | 'each'>,
): readonly string[] {
  const { runs, each } = plan
  const wrong = (what: string, wanted: number, got: number): string[] =>
    got === wanted ? [] : [`${got} ${what}, ${wanted} expected`]
  const spans = Object.entries(expectedSpans(plan))
  return [
    ...spans.flatMap(([name, wanted]) => wrong(`spans ${name}`, wanted, arrived.spans[name] ?? 0)),
    ...wrong('events of settled effects', runs * each, arrived.events['signalbox.effect.settled'] ?? 0),
    ...wrong('counted effects', 2 * runs * each, arrived.counters['signalbox.effects'] ?? 0),
    ...wrong('effects on the page of metrics', 2 * runs * each, effectsOnPage),
  ]
}

/** A script of this folder as a process. */
class Process {
  readonly #name: string
  readonly #child: ChildProcess
  /** Its first message. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>

  constructor(script: string, args: readonly string[]) {
    this.#name = script
    const path = fileURLToPath(new URL(script, import.meta.url))
    const flags = ['--no-warnings', '--conditions=signalbox-source']
    this.#child = spawn(process.execPath, [...flags, path, ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.ready = answerOf(this.#name, this.#child)
  }

  ask(task: object): Promise<Readonly<Record<string, unknown>>> {
    const answer = answerOf(this.#name, this.#child)
    this.#child.send(task)
    return answer
  }

  async end(): Promise<void> {
    const gone = once(this.#child, 'exit')
    if (this.#child.connected) this.#child.disconnect()
    await gone
  }
}

/** One engine, and the collector where it has one. */
class Engine {
  readonly #process: Process
  readonly #collector: Process | null
  #effects = 0

  constructor(folder: string, kind: EngineKind, collector: Process, port: number) {
    this.#process = new Process('overhead-engine.ts', [folder, kind, String(port)])
    this.#collector = kind === 'none' ? null : collector
  }

  /** One block of turns and all telemetry of it; CPU time in microseconds and wall time in milliseconds, a turn. */
  async block(plan: OverheadPlan): Promise<{ us: number; ms: number; arrival: Arrival | null }> {
    const { metrics } = await this.#process.ready
    const turns = plan.runs * plan.each
    const before = await this.#cpuUs()
    const { ms } = await this.#ask({ kind: 'turns', runs: plan.runs, each: plan.each })
    const arrival = this.#collector ? await this.#arrival(this.#collector, plan, String(metrics)) : null
    const us = (await this.#cpuUs()) - before
    return { us: us / turns, ms: Number(ms) / turns, arrival }
  }

  async close(): Promise<void> {
    await this.#ask({ kind: 'close' })
    await this.#process.end().catch(() => undefined)
  }

  async #arrival(collector: Process, plan: OverheadPlan, metrics: string): Promise<Arrival> {
    const spans = Object.values(expectedSpans(plan)).reduce((sum, each) => sum + each, 0)
    // The collector answers with what it counted.
    const arrived = (await collector.ask({ spans })) as unknown as Arrived
    const page = await (await fetch(metrics)).text()
    const effects = [...page.matchAll(/^signalbox_effects_total\{.*\} (\d+)$/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    )
    const effectsOnPage = effects - this.#effects
    this.#effects = effects
    return { arrived, effectsOnPage }
  }

  #ask(task: EngineTask): Promise<Readonly<Record<string, unknown>>> {
    return this.#process.ask(task)
  }

  async #cpuUs(): Promise<number> {
    return Number((await this.#ask({ kind: 'cpu' })).us)
  }
}
