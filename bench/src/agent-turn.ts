/**
 * Turns of a governed agent whose model answers at once, with one read-only call each, and answers that come in many
 * pieces: what the runtime adds to a model. One run at a time, everything on disk as always.
 */
import {
  agent,
  createModels,
  type FaultHook,
  loadBundle,
  loadPrices,
  type PolicyBundle,
  type Signalbox,
  type Store,
  tool,
  type WorkerHandle,
  workflow,
} from 'signalbox'
import { z } from 'zod'
import { foundFor, LOOKUP, type Script, streamOf, textParts, turnModel } from '../peers/src/turn-model.ts'
import { openBox, USER } from './box.ts'
import type { Line, Subject } from './subject.ts'

const MODEL = 'openai-compatible/turns'

const CORE = `
@id("call.models")
@owner("bench")
permit (principal is Signalbox::Run, action in Signalbox::Action::"class:model.call", resource is Signalbox::Target);

@id("rows.read")
@owner("bench")
permit (principal is Signalbox::Run, action in Signalbox::Action::"class:records.read", resource is Signalbox::Target)
when { principal.tenant == resource.tenant && principal.user in Signalbox::Role::"requester" };

@id("rows.secret")
@owner("bench")
@reason("ROW_IS_SECRET")
forbid (principal is Signalbox::Run, action in Signalbox::Action::"class:records.read", resource is Signalbox::Target)
when { context.input.row > 1000000 };
`

function bundle(): PolicyBundle {
  const shown = { class: 'records.read', effect: 'none', owner: 'bench', blast_radius: 'reads one row' }
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 'bench-turn',
      version: '1.0.0',
      owner: 'bench',
      roles: ['requester'],
      reasons: { ROW_IS_SECRET: 'rows above a million are secret' },
    }),
    'catalogue.json': JSON.stringify({
      tools: [{ name: LOOKUP, ...shown, input: { row: 'Long' }, facts: {} }],
      models: [{ name: MODEL, owner: 'bench' }],
      workflows: [{ name: 'bench-agent', owner: 'bench', roles: ['requester'] }],
    }),
    'core.cedar': CORE,
  })
}

function desk(onExecute: () => void) {
  const lookup = tool({
    name: LOOKUP,
    class: 'records.read',
    effect: 'none',
    input: z.object({ row: z.int() }),
    output: z.string(),
    execute: async ({ row }) => {
      onExecute()
      return foundFor(row)
    },
  })
  const reader = agent({
    name: 'reader',
    model: MODEL,
    instructions: 'Look rows up.',
    maxOutputTokens: 4_000,
    tools: [lookup],
    input: z.string(),
    output: z.string(),
  })
  return workflow({
    name: 'bench-agent',
    version: '1.0.0',
    input: z.string(),
    output: z.string(),
    budget: { maxTurns: 1_000, maxToolCalls: 1_000, maxRuntimeSeconds: 600, maxTokens: 1e9, maxCostUsd: '100000' },
    state: {},
  })
    .agent('reader', reader, { prompt: (text) => text })
    .start('reader')
    .output('reader')
    .build()
}

/** What lies between two points of the door, named by where it ends; the first is what lies between two asks. */
export const PARTS = {
  proposed: 'handler, journal, identify',
  decided: 'policy (Cedar)',
  reserved: 'ledger, approval, budget, intent',
  intent_durable: 'disk',
  sent: 'kill switch, lease, start',
  answered: 'the call itself',
  outcome_recorded: 'outcome',
  acknowledged: 'acknowledge',
} as const

type Part = keyof typeof PARTS

/** Milliseconds a turn between the points of the door, over all turns of one run. */
export type PartTimes = Readonly<Record<Part, number>>

/** Adds up the time between the points of the door. */
class Stopwatch {
  #at = 0
  #sums = new Map<string, number>()

  readonly hook: FaultHook = (point) => {
    const now = performance.now()
    this.#sums.set(point, (this.#sums.get(point) ?? 0) + now - this.#at)
    this.#at = now
  }

  begin(): void {
    this.#sums = new Map()
    this.#at = performance.now()
  }

  perTurn(turns: number): PartTimes {
    const of = (part: Part): number => (this.#sums.get(part) ?? 0) / turns
    // Each part of the table, in its order.
    return Object.fromEntries(Object.keys(PARTS).map((part) => [part, of(part as Part)])) as Record<Part, number>
  }
}

/** A runtime on which such runs are run one after the other. */
export class AgentBox {
  readonly #box: Signalbox
  readonly #worker: WorkerHandle
  readonly #watch: Stopwatch | null
  #script: Script = { turns: 0, chunks: 1 }
  /** How often the tool was called, and how many turns ended. */
  executed = 0
  finished = 0

  constructor(store: Store, timed = false) {
    this.#watch = timed ? new Stopwatch() : null
    const models = createModels({
      env: {},
      prices: loadPrices(),
      models: { [MODEL]: turnModel(() => this.#script) },
    })
    const lookedUp = (): void => {
      this.executed += 1
    }
    this.#box = openBox(store, [desk(lookedUp)], {
      policy: bundle(),
      models,
      ...(this.#watch ? { fault: this.#watch.hook } : {}),
    })
    this.#worker = this.#box.work({ concurrency: 1 })
  }

  /** One run of so many turns, from its request until its result is there; milliseconds. */
  async turns(turns: number): Promise<number> {
    this.#script = { turns, chunks: 1 }
    this.#watch?.begin()
    const from = performance.now()
    const { status } = await this.#box.run({ workflow: 'bench-agent', input: 'go', principal: USER })
    const ms = performance.now() - from
    if (status !== 'completed') throw new Error(`the run ended as ${status}`)
    this.finished += turns
    return ms
  }

  /** Where the time of the last run went. */
  parts(turns: number): PartTimes | null {
    return this.#watch?.perTurn(turns) ?? null
  }

  /** One answer in so many pieces, each read from the run's stream; milliseconds above a run with a single piece. */
  async chunks(chunks: number): Promise<number> {
    const whole = await this.#streamed(chunks)
    return Math.max(0.001, whole - (await this.#streamed(1)))
  }

  async #streamed(chunks: number): Promise<number> {
    this.#script = { turns: 0, chunks }
    const from = performance.now()
    const { runId } = await this.#box.runs.start({ workflow: 'bench-agent', input: 'go', principal: USER })
    let seen = 0
    for await (const item of this.#box.runs.stream(USER.tenant, runId)) if (item.kind === 'delta') seen += 1
    const ms = performance.now() - from
    if (seen !== chunks) throw new Error(`${seen} pieces of ${chunks} were seen`)
    return ms
  }

  async close(): Promise<void> {
    await this.#worker.stop()
    await this.#box.close()
  }
}

/** Name of the model alone in results. */
export const BARE = 'the model alone'

/** Reads the pieces from the model's own stream: what every runtime has to pay. */
export const bareModel: Subject = {
  name: BARE,
  durable: 'nothing: the stream of the model is read and forgotten',
  rate: async (line: Line, _runs: number, each: number) => {
    if (line !== 'chunks') return null
    const from = performance.now()
    let seen = 0
    for await (const part of streamOf(textParts(each))) if (part.type === 'text-delta') seen += 1
    return (seen * 1_000) / (performance.now() - from)
  },
  close: async () => undefined,
}
