/** Durable supersteps a second: one node a superstep, 1 KB message, 4 KB state written anew each time. */
import { DatabaseSync } from 'node:sqlite'
import { owned, type Signalbox, type Store, workflow } from 'signalbox'
import { z } from 'zod'
import { messageOf, stateOf } from '../peers/src/payload.ts'
import { ended, openBox, USER } from './box.ts'

const Message = z.object({ left: z.int(), step: z.int(), text: z.string() })
const State = z.object({ step: z.int(), text: z.string() })

const steps = workflow({
  name: 'bench-steps',
  version: '1.0.0',
  input: Message,
  output: z.object({ step: z.int() }),
  budget: { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 600, maxTokens: 1, maxCostUsd: '1' },
  maxSupersteps: 1_000_000,
  state: { work: owned('step', State) },
})
  .node('step', {
    input: Message,
    output: Message,
    run: async ({ left, step }, ctx) => {
      ctx.write({ work: { step: step + 1, text: stateOf(step + 1) } })
      return { left: left - 1, step: step + 1, text: messageOf(step) }
    },
  })
  .node('end', { input: Message, output: z.object({ step: z.int() }), run: async ({ step }) => ({ step }) })
  .start('step')
  .edge('step', 'step', ({ left }) => left > 0)
  .edge('step', 'end', ({ left }) => left <= 0)
  .output('end')
  .build()

/** One round of supersteps. */
export interface StepsRound {
  readonly supersteps: number
  /** Supersteps a second, from the start of the first run to the end of the last. */
  readonly rate: number
  /** Transactions that the store committed in that time. */
  readonly commits: number
}

/** A store on which rounds of supersteps are run, so that each finds it as the round before left it. */
export class StepsBox {
  readonly #box: Signalbox
  #rounds = 0

  constructor(store: Store) {
    this.#box = openBox(store, [steps])
  }

  /**
   * Runs `runs` concurrent runs of `each` supersteps; the last superstep of each is its end. Timed from the moment at
   * which a worker begins to claim them.
   */
  async round(runs: number, each: number): Promise<StepsRound> {
    this.#rounds += 1
    const { store } = this.#box
    const input = { left: each - 1, step: 0, text: messageOf(0) }
    for (let i = 0; i < runs; i++)
      await this.#box.runs.start({
        workflow: 'bench-steps',
        input,
        principal: USER,
        requestId: `round-${this.#rounds}-${i}`,
      })
    const done = ended(this.#box, runs)
    const before = (await store.stats()).commits
    const from = performance.now()
    const worker = this.#box.work({ concurrency: runs })
    await done
    const ms = performance.now() - from
    const commits = (await store.stats()).commits - before
    await worker.stop()
    return { supersteps: runs * each, rate: (runs * each * 1_000) / ms, commits }
  }

  close(): Promise<void> {
    return this.#box.close()
  }
}

/** What the file holds after the store was closed, read without any of our code. */
export interface OnRecord {
  /** Barriers on record. */
  readonly supersteps: number
  /** Bytes of one barrier: record, hash, type and sealed contents. */
  readonly bytesEach: number
}

/** Reads barriers from a closed file. */
export function readBarriers(path: string): OnRecord {
  const db = new DatabaseSync(path, { readOnly: true })
  const row = db
    .prepare(
      `SELECT count(*) AS n,
        avg(length(CAST(body AS BLOB)) + length(hash) + length(type) + coalesce(length(sealed), 0)) AS bytes
       FROM records WHERE type = 'superstep.completed'`,
    )
    .get()
  db.close()
  return { supersteps: Number(row?.n), bytesEach: Math.round(Number(row?.bytes)) }
}
