import type { FaultPlan, SimFault } from './faults.ts'
import type { Machine, SimProcess } from './machine.ts'
import type { SimRandom } from './random.ts'
import type { OutsideSystem } from './scenario.ts'
import type { Watch } from './watch.ts'

/** What the parts of one simulated world share. */
export interface SimContext {
  readonly machine: Machine
  readonly plan: FaultPlan
  readonly random: SimRandom
  readonly watch: Watch
  readonly outside: OutsideSystem
  /** Virtual time until which nothing can be written. */
  diskFullUntil: number
  /** A request is on the wire for so long, whoever sent it. A jump of the clock does not overtake it. */
  inFlight(ms: number, arrive: () => void): void
  /** One line of what happened, for the trace. */
  note(line: string): void
  /** The fault strikes this process (or all): it dies, stands still, or the clock jumps. True when the process is gone. */
  strike(fault: SimFault, process: SimProcess): boolean
}
