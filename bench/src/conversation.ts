/** Time and bytes of one turn, early and late in a conversation: one model call and one read a turn. */
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { agent, type ModelMessage, type ModelPort, type Store, tool, workflow } from 'signalbox'
import { scriptedModel } from 'signalbox/testing'
import { z } from 'zod'
import { ended, openBox, USER } from './box.ts'

const ROW_BYTES = 400

const read = tool({
  name: 'bench.read',
  class: 'records.read',
  effect: 'none',
  input: z.object({ row: z.int() }),
  output: z.object({ text: z.string() }),
  execute: async ({ row }) => ({ text: `${row} `.repeat(ROW_BYTES).slice(0, ROW_BYTES) }),
})

const reader = agent({
  name: 'reader',
  model: 'scripted/reader',
  instructions: 'Read one row after the other.',
  maxOutputTokens: 200,
  tools: [read],
  input: z.object({ turns: z.int() }),
  output: z.string(),
})

const talk = workflow({
  name: 'bench-talk',
  version: '1.0.0',
  input: z.object({ turns: z.int() }),
  output: z.string(),
  budget: {
    maxTurns: 100_000,
    maxToolCalls: 100_000,
    maxRuntimeSeconds: 3_000,
    maxTokens: 1_000_000_000_000,
    maxCostUsd: '100000000',
  },
  state: {},
})
  .agent('reader', reader, { prompt: ({ turns }) => String(turns) })
  .start('reader')
  .output('reader')
  .build()

/** Turns in one measured block, so that a block around turn 10 and one from turn 495 are compared. */
const BLOCK = 10
const EARLY = 5
const LATE = 495

/** Called by the model when the given turn of a conversation of `turns` begins; what it waits for holds the turn. */
type OnTurn = (turn: number, turns: number) => void | Promise<void>

/** A conversation is told apart by its length, which is its prompt. */
function model(onTurn: OnTurn): ModelPort {
  const handle = scriptedModel('reader', async ({ messages }) => {
    const turn = (messages.length - 2) / 2 + 1
    const turns = Number(textOf(messages[1]))
    if (turn > turns) return 'read'
    await onTurn(turn, turns)
    return { calls: [{ tool: 'bench.read', args: { row: turn } }] }
  })
  return { resolve: () => handle }
}

function textOf(message: ModelMessage | undefined): string {
  const part = message?.role === 'user' ? message.content[0] : undefined
  return part?.type === 'text' ? part.text : ''
}

/** Holds a conversation between two turns. */
class Hold {
  #arrive: (() => void) | null = null
  #go: (() => void) | null = null

  /** The conversation is there; resolves when it may go on. */
  here(): Promise<void> {
    this.#arrive?.()
    return new Promise((resolve) => {
      this.#go = resolve
    })
  }

  /** Lets it go on and resolves when it is back. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrive = resolve
      this.go()
    })
  }

  /** Lets it go on. */
  go(): void {
    this.#go?.()
  }
}

/** Milliseconds a turn of one pair of blocks. */
export interface TurnPair {
  readonly early: number
  readonly late: number
}

/**
 * Times blocks of turns in pairs: a new conversation at turn 10, then the long one at turn 500 and after, on one store
 * and under the same load of the machine.
 */
export async function measureTurnTime(store: Store, pairs: number): Promise<readonly TurnPair[]> {
  const hold = new Hold()
  const long = LATE + pairs * BLOCK
  const short = EARLY + BLOCK + 1
  let marks: number[] = []
  const box = openBox(
    store,
    [talk],
    model((turn, turns) => {
      if (turns === long && turn >= LATE && (turn - LATE) % BLOCK === 0) return hold.here()
      if (turns === short && (turn === EARLY || turn === EARLY + BLOCK)) marks.push(performance.now())
      return undefined
    }),
  )
  const worker = box.work()
  const arrived = hold.next()
  await box.runs.start({ workflow: 'bench-talk', input: { turns: long }, principal: USER })
  await arrived
  const found: TurnPair[] = []
  for (let i = 0; i < pairs; i++) {
    marks = []
    const done = ended(box, 1)
    await box.runs.start({ workflow: 'bench-talk', input: { turns: short }, principal: USER })
    await done
    const from = performance.now()
    await hold.next()
    const late = (performance.now() - from) / BLOCK
    found.push({ early: ((marks[1] ?? 0) - (marks[0] ?? 0)) / BLOCK, late })
  }
  const done = ended(box, 1)
  hold.go()
  await done
  await worker.stop()
  await box.close()
  return found
}

/** Bytes a turn. */
export interface TurnBytes {
  readonly early: number
  readonly late: number
}

/**
 * Growth of the data file and its log a turn. A reader keeps the log from being emptied meanwhile, so that the growth
 * of both files is all that was written.
 */
export async function measureTurnBytes(store: Store, path: string): Promise<TurnBytes> {
  const reader = new DatabaseSync(path, { readOnly: true })
  reader.exec('BEGIN; SELECT count(*) FROM records')
  const marks = new Map<number, number>()
  const turns = LATE + BLOCK
  const box = openBox(
    store,
    [talk],
    model((turn) => {
      if (turn === EARLY || turn === LATE || turn === EARLY + BLOCK || turn === LATE + BLOCK)
        marks.set(turn, statSync(path).size + statSync(`${path}-wal`).size)
    }),
  )
  const worker = box.work()
  const done = ended(box, 1)
  await box.runs.start({ workflow: 'bench-talk', input: { turns }, principal: USER })
  await done
  await worker.stop()
  reader.close()
  await box.close()
  const block = (from: number): number => ((marks.get(from + BLOCK) ?? 0) - (marks.get(from) ?? 0)) / BLOCK
  return { early: block(EARLY), late: block(LATE) }
}
