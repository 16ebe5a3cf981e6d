import type { Host } from '../../base/host.ts'
import type { SimRandom } from './random.ts'

/** Where the wall clock of every simulation starts. */
const WALL_START = Date.parse('2026-01-01T00:00:00.000Z')

/** What code of a dead process waits for. */
export const NEVER: Promise<never> = new Promise(() => undefined)

interface Task {
  due: number
  readonly order: number
  readonly serial: number
  readonly process: SimProcess | null
  run: (() => void) | null
}

/** Why `run` came back. */
export type MachineEnd = 'done' | 'too_long' | 'too_many_steps' | 'nothing_left'

/**
 * Virtual time for everything that waits. Tasks run one at a time, in the order of their time; the seed orders those of
 * equal time. After each, all microtasks are drained before the next, so that the seed alone decides what happens.
 */
export class Machine {
  /** Milliseconds since the start; never goes back. */
  time = 0
  /** What the wall clock shows beyond the time that has passed. */
  wallOffset = 0
  steps = 0
  private readonly heap: Task[] = []
  private serial = 0
  private readonly random: SimRandom

  constructor(random: SimRandom) {
    this.random = random
  }

  /** What every process sees as wall time, in milliseconds since 1970. */
  wall(): number {
    return WALL_START + this.time + this.wallOffset
  }

  /** Runs `run` after so many milliseconds, unless its process has died by then. The returned function cancels it. */
  after(process: SimProcess | null, ms: number, run: () => void): () => void {
    const due = this.time + Math.max(0, Number.isFinite(ms) ? ms : 0)
    const task: Task = { due, order: this.random.bits(), serial: this.serial++, process, run }
    this.push(task)
    return () => {
      task.run = null
    }
  }

  /** Runs tasks until `done` holds after one of them, or a limit is reached. */
  run(done: () => boolean, limits: { readonly untilMs: number; readonly steps: number }): Promise<MachineEnd> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (done()) resolve('done')
          else if (this.steps >= limits.steps) resolve('too_many_steps')
          else {
            const task = this.next()
            if (task === null) resolve('nothing_left')
            else if (task.due > limits.untilMs) {
              this.push(task)
              resolve('too_long')
            } else {
              this.execute(task)
              drained(step)
            }
          }
        } catch (thrown) {
          reject(thrown)
        }
      }
      drained(step)
    })
  }

  private execute(task: Task): void {
    this.time = Math.max(this.time, task.due)
    this.steps += 1
    const { run } = task
    task.run = null
    run?.()
  }

  /** The earliest task that is neither cancelled, nor of a dead process, nor of one that stands still. */
  private next(): Task | null {
    for (let task = this.pop(); task !== null; task = this.pop()) {
      const { process, run } = task
      if (run === null || process?.alive === false) continue
      if (!process || process.stalledUntil <= task.due) return task
      task.due = process.stalledUntil
      this.push(task)
    }
    return null
  }

  private push(task: Task): void {
    const { heap } = this
    let at = heap.length
    heap.push(task)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (!parent || before(parent, task)) break
      heap[at] = parent
      at = up
    }
    heap[at] = task
  }

  private pop(): Task | null {
    const { heap } = this
    const top = heap[0]
    const last = heap.pop()
    if (!top || !last) return null
    if (heap.length > 0) this.sink(last)
    return top
  }

  private sink(task: Task): void {
    const { heap } = this
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const first = heap[left]
      if (!first) break
      const second = heap[left + 1]
      const [child, place] = second && before(second, first) ? [second, left + 1] : [first, left]
      if (before(task, child)) break
      heap[at] = child
      at = place
    }
    heap[at] = task
  }
}

function before(a: Task, b: Task): boolean {
  if (a.due !== b.due) return a.due < b.due
  return a.order !== b.order ? a.order < b.order : a.serial < b.serial
}

/** Calls back when every microtask has run: Node empties that queue before the next tick. Twice, for ticks of others. */
function drained(fn: () => void): void {
  queueMicrotask(() => process.nextTick(() => queueMicrotask(() => process.nextTick(fn))))
}

/**
 * One pretended process: the host of everything that runs in it. When it dies, nothing of it ever goes on: its timers
 * are dropped, what it waits for never comes, and what it asks of others is not asked.
 */
export class SimProcess implements Host {
  readonly name: string
  alive = true
  /** Virtual time until which nothing of it runs. */
  stalledUntil = 0
  private readonly machine: Machine
  private readonly random: SimRandom

  constructor(name: string, machine: Machine, random: SimRandom) {
    this.name = name
    this.machine = machine
    this.random = random
  }

  now(): number {
    return this.machine.wall()
  }

  monotonicMs(): number {
    return this.machine.time
  }

  randomBytes(length: number): Uint8Array {
    return this.random.bytes(length)
  }

  macrotask(): Promise<void> {
    return this.wait(0)
  }

  after(ms: number, fn: () => void): () => void {
    return this.machine.after(this, ms, fn)
  }

  /** Resolves after so many milliseconds; never when the process dies meanwhile. */
  wait(ms: number): Promise<void> {
    return this.alive ? new Promise((resolve) => this.machine.after(this, ms, resolve)) : NEVER
  }
}
