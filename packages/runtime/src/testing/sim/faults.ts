import { FAULT_POINTS } from '../../engine/env.ts'
import type { SimRandom } from './random.ts'

/**
 * What can go wrong:
 * - `crash`: the process dies at this point and another one starts later; at `store.commit` after the commit happened
 *   and before its answer came, at `wire.request` after the request left;
 * - `power_cut`: all processes die at once;
 * - `stall`: the process stands still for longer than its lease, and goes on as if nothing had happened;
 * - `torn_write`: the process dies within a commit, of which nothing is there afterwards;
 * - `lost_acknowledgement`: it happened, and the caller gets an error;
 * - `unavailable`: nothing happened, and the caller gets an error;
 * - `disk_full`: for a while nothing can be written;
 * - `slow`: it takes some seconds;
 * - `request_lost`, `answer_lost`, `answer_slow`: a connection breaks before or after the outside system acted, or the
 *   answer comes later than the tool waits;
 * - `model_failure`: a model call fails;
 * - `clock_forward`, `clock_back`: the wall clock of the machine jumps by an hour;
 * - `wake_lost`, `wake_twice`, `post_twice`: a wake or an inbox row comes not at all or twice.
 */
export const SIM_FAULTS = [
  'crash',
  'power_cut',
  'stall',
  'torn_write',
  'lost_acknowledgement',
  'unavailable',
  'disk_full',
  'slow',
  'request_lost',
  'answer_lost',
  'answer_slow',
  'model_failure',
  'clock_forward',
  'clock_back',
  'wake_lost',
  'wake_twice',
  'post_twice',
] as const

/** One kind of fault. */
export type SimFaultKind = (typeof SIM_FAULTS)[number]

/** One planned fault: its kind, and the `n`th time (from 1) that this point is reached. */
export interface SimFault {
  readonly kind: SimFaultKind
  readonly point: string
  readonly n: number
}

/** `crash at intent_durable, time 3`. */
export function faultText({ kind, point, n }: SimFault): string {
  return `${kind} at ${point}, time ${n}`
}

const AT_ENGINE: readonly SimFaultKind[] = ['crash', 'crash', 'crash', 'power_cut', 'stall', 'stall']
const AT_CLOCK: readonly SimFaultKind[] = ['clock_forward', 'clock_back']
const AT_COMMIT: readonly SimFaultKind[] = [
  'crash',
  'torn_write',
  'lost_acknowledgement',
  'unavailable',
  'disk_full',
  'slow',
  'stall',
]
const AT_READ: readonly SimFaultKind[] = ['unavailable', 'slow', 'stall', 'crash']
const AT: Readonly<Record<string, readonly SimFaultKind[]>> = {
  'store.commit': AT_COMMIT,
  'store.claim': ['unavailable', 'slow', 'lost_acknowledgement', 'stall', 'crash'],
  'store.heartbeat': ['unavailable', 'slow', 'lost_acknowledgement', 'stall'],
  'office.post': ['post_twice', 'post_twice', 'lost_acknowledgement', 'unavailable', 'slow'],
  'wire.request': ['request_lost', 'answer_lost', 'answer_slow', 'crash'],
  'model.call': ['model_failure', 'model_failure', 'crash', 'stall'],
  wake: ['wake_lost', 'wake_twice'],
}

/** The kinds of fault that can be planned at a point. */
export function kindsAt(point: string): readonly SimFaultKind[] {
  if (FAULT_POINTS.some((one) => one === point)) return AT_ENGINE
  if (point === 'clock') return AT_CLOCK
  return AT[point] ?? (point.startsWith('store.') ? AT_READ : [])
}

/** How often each group of points is chosen, and which points are in it. */
const GROUPS: readonly { readonly weight: number; readonly has: (point: string) => boolean }[] = [
  { weight: 34, has: (point) => FAULT_POINTS.some((one) => one === point) },
  { weight: 22, has: (point) => point === 'store.commit' },
  { weight: 16, has: (point) => point === 'wire.request' },
  { weight: 12, has: (point) => point.startsWith('store.') && point !== 'store.commit' },
  { weight: 12, has: (point) => point === 'model.call' },
  { weight: 5, has: (point) => point === 'clock' },
  { weight: 4, has: (point) => point === 'wake' },
  { weight: 16, has: (point) => point === 'office.post' },
]

/** How many faults a seed has: the chance of none, one, two and so on, in per cent. */
const COUNTS = [4, 34, 30, 20, 8, 4]

/**
 * The faults of a seed, chosen among the points that an undisturbed run passes. `hits` says how often it passed each;
 * `allowed` limits the kinds.
 */
export function planFaults(
  random: SimRandom,
  hits: ReadonlyMap<string, number>,
  allowed: readonly SimFaultKind[] = SIM_FAULTS,
): readonly SimFault[] {
  const open = [...hits].filter(([point]) => kindsAt(point).some((kind) => allowed.includes(kind)))
  const planned: SimFault[] = []
  for (let left = countOf(random); left > 0 && open.length > 0; left--) {
    const [point, times] = pickPoint(random, open)
    const kind = random.pick(kindsAt(point).filter((one) => allowed.includes(one)))
    const n = random.between(1, times)
    if (!planned.some((one) => one.point === point && one.n === n)) planned.push({ kind, point, n })
  }
  return planned
}

function countOf(random: SimRandom): number {
  let draw = random.between(1, 100)
  for (const [count, share] of COUNTS.entries()) {
    if (draw <= share) return count
    draw -= share
  }
  return 1
}

function pickPoint(random: SimRandom, open: readonly (readonly [string, number])[]): readonly [string, number] {
  const groups = GROUPS.map(({ weight, has }) => ({ weight, points: open.filter(([point]) => has(point)) }))
  const usable = groups.filter(({ points }) => points.length > 0)
  let draw = random.next() * usable.reduce((sum, { weight }) => sum + weight, 0)
  for (const { weight, points } of usable) {
    if (draw < weight) return random.pick(points)
    draw -= weight
  }
  return random.pick(open)
}

/** The faults of one simulated world: counts how often each point is reached, and says what goes wrong there. */
export class FaultPlan {
  readonly hits = new Map<string, number>()
  /** The planned faults that came about. */
  readonly fired: SimFault[] = []
  private readonly planned: ReadonlyMap<string, SimFault>

  constructor(faults: readonly SimFault[]) {
    this.planned = new Map(faults.map((fault) => [`${fault.point}#${fault.n}`, fault]))
  }

  /** A point is reached: the fault planned for it, or null. */
  hit(point: string): SimFault | null {
    const n = (this.hits.get(point) ?? 0) + 1
    this.hits.set(point, n)
    const fault = this.planned.get(`${point}#${n}`) ?? null
    if (fault) this.fired.push(fault)
    return fault
  }
}
