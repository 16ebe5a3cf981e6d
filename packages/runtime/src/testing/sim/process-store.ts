import { SignalboxError } from '../../base/errors.ts'
import type { Store } from '../../contracts/store.ts'
import { aroundStore, type StoreOperation } from '../fault-store.ts'
import type { SimContext } from './context.ts'
import type { SimFault } from './faults.ts'
import { NEVER, type SimProcess } from './machine.ts'

/** Operations that need room on the disk. */
const WRITES: ReadonlySet<StoreOperation> = new Set<StoreOperation>([
  'create',
  'commit',
  'post',
  'commitSwitch',
  'putKey',
])
/** Operations at which every process of a real store waits for others now and then. */
const ALWAYS_WAITS: ReadonlySet<StoreOperation> = new Set<StoreOperation>(['commit', 'claim', 'post'])

/** How long a slow operation takes, in virtual milliseconds. */
const SLOW_MS = 4_000

/**
 * The store as one process sees it: answers take time, faults of the plan happen, and a process that died asks nothing
 * more and hears nothing more. What it had asked for happens or not.
 */
export function processStore(context: SimContext, process: SimProcess, inner: Store): Store {
  const { machine, plan } = context
  const random = context.random.stream(`store/${process.name}`)
  const office = process.name === 'office'

  function delay(op: StoreOperation): number {
    if (ALWAYS_WAITS.has(op)) return random.chance(0.7) ? 0 : random.between(1, 20)
    return random.chance(0.9) ? -1 : random.between(0, 10)
  }

  function call<T>(op: StoreOperation, run: () => Promise<T>, fault: SimFault | null): Promise<T> {
    const before = fault?.kind === 'slow' ? SLOW_MS : delay(op)
    if (before < 0 && fault === null && context.diskFullUntil <= machine.time) return run()
    return new Promise<T>((resolve, reject) => {
      const answer = (end: () => void): void => {
        machine.after(process, random.chance(0.8) ? 0 : random.between(1, 10), end)
      }
      const fail = (code: 'STORE_UNAVAILABLE' | 'STORE_FULL', what: string): void =>
        answer(() => reject(new SignalboxError(code, `simulated fault at \`${op}\`: ${what}`)))
      const happen = (): void => {
        if (!process.alive && random.chance(0.5)) return
        if (WRITES.has(op) && machine.time < context.diskFullUntil) {
          fail('STORE_FULL', 'the disk is full')
          return
        }
        run().then(
          (value) => {
            if (fault?.kind === 'crash') context.strike(fault, process)
            else if (fault?.kind === 'lost_acknowledgement') fail('STORE_UNAVAILABLE', 'it may have happened')
            else answer(() => resolve(value))
          },
          (error: unknown) => answer(() => reject(error)),
        )
      }
      if (fault?.kind === 'torn_write') context.strike(fault, process)
      else if (fault?.kind === 'unavailable') fail('STORE_UNAVAILABLE', 'nothing happened')
      else machine.after(null, Math.max(0, before), happen)
    })
  }

  return aroundStore(inner, <T>(op: StoreOperation, run: () => Promise<T>): Promise<T> => {
    if (!process.alive) return NEVER
    const point = office ? `office.${op}` : `store.${op}`
    const fault = plan.hit(point)
    if (fault?.kind === 'stall') context.strike(fault, process)
    if (fault?.kind === 'disk_full') context.diskFullUntil = machine.time + 8_000
    if (fault?.kind === 'post_twice') return call(op, () => run().then(() => run()), null)
    return call(op, run, fault)
  })
}
