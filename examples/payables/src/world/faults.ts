/**
 * Faults on order, so that a test decides what happens between two systems instead of hoping for it. One fault is used
 * up by one request. Hits tell how far each request came, and can be awaited.
 */
import { z } from 'zod'
import { delay } from './clock.ts'

/** What can go wrong with a request. `before` and `after` speak of the moment when the request takes effect. */
export const FaultMode = z.enum([
  'hang_before_booking',
  'book_then_hang',
  'book_then_reset',
  'error_500_before',
  'error_500_after',
  'delay_ms',
])
/** What can go wrong with a request. */
export type FaultMode = z.infer<typeof FaultMode>

/** An order for faults on the next `count` requests of a path (and of a method, where one is named). */
export const FaultOrder = z.strictObject({
  path: z.string().startsWith('/'),
  method: z.enum(['GET', 'POST', 'DELETE']).optional(),
  mode: FaultMode,
  count: z.int().min(1).max(10_000).default(1),
  delay_ms: z.int().min(0).max(60_000).default(0),
})
/** An order for faults. */
export type FaultOrder = z.input<typeof FaultOrder>

/** How far a request came: arrived, took effect, was answered. A held request stays where it is. */
export const HIT_STAGES = ['arrived', 'took_effect', 'answered'] as const
/** How far a request came. */
export type HitStage = (typeof HIT_STAGES)[number]

/** One request, its fault where it had one, and how far it came. */
export interface Hit {
  readonly hit_id: number
  readonly method: string
  readonly path: string
  readonly run_id: string | null
  readonly mode: FaultMode | null
  readonly stage: HitStage
}

/** Which hits a caller waits for: at least `count` that came at least as far as `stage`. */
export interface HitQuery {
  readonly path?: string | undefined
  readonly mode?: FaultMode | undefined
  readonly stage: HitStage
  readonly count: number
  readonly timeoutMs: number
}

/** A request on its way through the desk. */
export interface Passage {
  readonly mode: FaultMode | null
  readonly delayMs: number
  reach(stage: HitStage): void
  /** Waits until somebody releases the held requests. */
  held(): Promise<void>
}

/** The desk that takes orders and watches requests. */
export interface FaultDesk {
  order(order: FaultOrder): void
  /** Forgets orders that were not used; held requests stay held. */
  clear(): void
  enter(method: string, path: string, runId: string | null): Passage
  /** The hits that fit; waits until there are enough or the time is over, then gives what there is. */
  hits(query: HitQuery): Promise<Hit[]>
  /** Lets every held request go on, as a network does that delivers late. Gives how many there were. */
  release(): number
}

/** Makes a desk without orders. */
export function makeFaultDesk(): FaultDesk {
  let orders: z.output<typeof FaultOrder>[] = []
  let held: (() => void)[] = []
  const hits: Hit[] = []
  const watchers = new Set<() => void>()
  const changed = (): void => {
    for (const watcher of [...watchers]) watcher()
  }
  const take = (method: string, path: string) => {
    const found = orders.find((each) => each.path === path && (each.method ?? method) === method)
    if (found === undefined) return undefined
    found.count -= 1
    orders = orders.filter((each) => each.count > 0)
    return found
  }
  return {
    order: (order) => {
      orders.push({ ...FaultOrder.parse(order) })
    },
    clear: () => {
      orders = []
    },
    enter: (method, path, runId) => {
      const fault = take(method, path)
      const at = hits.length
      const hit: Hit = { hit_id: at + 1, method, path, run_id: runId, mode: fault?.mode ?? null, stage: 'arrived' }
      hits.push(hit)
      changed()
      return {
        mode: hit.mode,
        delayMs: fault?.delay_ms ?? 0,
        reach: (stage) => {
          hits[at] = { ...hit, stage }
          changed()
        },
        held: () => new Promise((resolve) => held.push(resolve)),
      }
    },
    hits: async (query) => {
      const fitting = () => hits.filter((hit) => fits(hit, query))
      if (fitting().length < query.count) {
        const timer = delay(query.timeoutMs)
        const watcher = (): void => {
          if (fitting().length >= query.count) timer.cancel()
        }
        watchers.add(watcher)
        await timer.done
        watchers.delete(watcher)
      }
      return fitting()
    },
    release: () => {
      const waiting = held
      held = []
      for (const go of waiting) go()
      return waiting.length
    },
  }
}

function fits(hit: Hit, query: HitQuery): boolean {
  const far = HIT_STAGES.indexOf(hit.stage) >= HIT_STAGES.indexOf(query.stage)
  return far && (query.path ?? hit.path) === hit.path && (query.mode ?? hit.mode) === hit.mode
}
