import { z } from 'zod'
import { sha256Hex } from '../../src/base/hash.ts'
import { systemHost } from '../../src/base/host.ts'
import type { Store } from '../../src/contracts/store.ts'
import type { AnyTool } from '../../src/contracts/tool.ts'
import { tool } from '../../src/tools/index.ts'
import { BenchBox } from '../../src/testing/bench-box.ts'
import { SimRandom } from '../../src/testing/sim/random.ts'
import { storePrefix } from '../../src/testing/store-prefix.ts'
import { workflowOf } from './build.ts'
import { type Observed, type OutsideBook, observe } from './observe.ts'
import type { GraphPlan } from './plan.ts'

/** Decides which of the calls that wait is answered next. Null: each at once. */
type Gate = { readonly turn: () => Promise<void>; readonly drive: (until: Promise<unknown>) => Promise<void> } | null

/** Quiet turns of the event loop after which nothing more can come before a call is answered. */
const QUIET_TURNS = 12

/** Holds calls until nothing else goes on, then answers one of them that the seed picks. */
function seededGate(seed: number): NonNullable<Gate> {
  const random = new SimRandom(`gate ${seed}`)
  const waiting: (() => void)[] = []
  return {
    turn: () => new Promise((resolve) => waiting.push(resolve)),
    drive: async (until) => {
      let over = false
      const end = until.finally(() => {
        over = true
      })
      for (let quiet = 0, seen = 0; !over; quiet = waiting.length === seen ? quiet + 1 : 0, seen = waiting.length) {
        await systemHost.macrotask()
        if (quiet < QUIET_TURNS || waiting.length === 0) continue
        waiting.splice(random.between(0, waiting.length - 1), 1)[0]?.()
        quiet = 0
      }
      await end
    },
  }
}

function toolsOf(book: OutsideBook, gate: Gate): { readonly read: AnyTool; readonly pay: AnyTool } {
  const answer = (key: string): number => Number.parseInt(sha256Hex(key).slice(0, 6), 16)
  const found = (key: string): { answer: 'happened'; output: number } | { answer: 'did_not' } =>
    book.paid.has(key) ? { answer: 'happened', output: answer(key) } : { answer: 'did_not' }
  const pay = tool({
    name: 'graph.pay',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({ to: z.string(), amount: z.number() }),
    output: z.number(),
    settleAfterSeconds: 1,
    timeoutSeconds: 5,
    lookup: 'authoritative',
    preview: async ({ to }) => ({ summary: to, target: { type: 'a', id: to, version: '1' }, impact: {}, rollback: '' }),
    execute: async (args, { idempotencyKey }) => {
      await gate?.turn()
      book.sends += 1
      book.paid.set(idempotencyKey, JSON.stringify(args))
      return answer(idempotencyKey)
    },
    reconcile: async (_args, { idempotencyKey }) => found(idempotencyKey),
  })
  const read = tool({
    name: 'graph.read',
    class: 'records.read',
    effect: 'none',
    input: z.object({ n: z.number() }),
    output: z.number(),
    execute: async ({ n }) => {
      await gate?.turn()
      return answer(String(n))
    },
  })
  return { read, pay }
}

/** A graph with one run that nobody has taken up yet. */
export interface Started {
  readonly plan: GraphPlan
  readonly runId: string
  readonly store: Store
  readonly close: () => Promise<void>
}

/** Starts a run of the plan's graph; no worker looks at it. */
export async function startGraph(plan: GraphPlan): Promise<Started> {
  const tools = toolsOf({ paid: new Map(), sends: 0 }, null)
  const box = new BenchBox({ workflows: [workflowOf(plan, tools)] })
  const runId = await box.start('random', 1)
  return { plan, runId, store: box.store, close: () => box.sb.close() }
}

/** A whole run: what it came to, and its store, from which it can be broken off after any record. */
export interface Whole {
  readonly seen: Observed
  readonly store: Store
  readonly book: OutsideBook
}

/** Runs it from its first record in a fresh process, with its calls answered in the order of the seed. */
export async function runInOrder({ plan, runId, store }: Started, seed: number): Promise<Whole> {
  const book: OutsideBook = { paid: new Map(), sends: 0 }
  const gate = seededGate(seed)
  const flow = workflowOf(plan, toolsOf(book, gate))
  const box = new BenchBox({ workflows: [flow], store: await storePrefix(store, runId, 1) })
  try {
    box.work()
    await gate.drive(box.ended(runId))
    const seen = await observe(box, flow.spec, runId, book)
    return { seen, store: box.store, book }
  } finally {
    await box.kill()
  }
}

/** Breaks a whole run off after one of its records, and lets a fresh process bring it to its end. */
export async function runAfterCrash({ plan, runId }: Started, whole: Whole, record: number): Promise<Observed> {
  // What was sent by then has happened: an intent on record may have been carried out.
  const book: OutsideBook = { paid: new Map(whole.book.paid), sends: 0 }
  const flow = workflowOf(plan, toolsOf(book, null))
  const box = new BenchBox({ workflows: [flow], store: await storePrefix(whole.store, runId, record) })
  try {
    box.work()
    // Time goes on only where the run waits for it: a call that is under way must not come too late because of the test.
    await box.until(async () => (await isOver(box, runId)) ?? (await waited(box, runId)), 'the end of a broken-off run')
    return await observe(box, flow.spec, runId, book)
  } finally {
    await box.kill()
  }
}

async function waited(box: BenchBox, runId: string): Promise<null> {
  const { status, wakeAt } = await box.row(runId)
  const left = (wakeAt ?? 0) - box.host.now()
  if (status === 'waiting' && left > 0) await box.host.advance(left + 1)
  return null
}

async function isOver(box: BenchBox, runId: string): Promise<true | null> {
  const { status } = await box.row(runId)
  return status === 'completed' || status === 'stopped' ? true : null
}
