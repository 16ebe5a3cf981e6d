/** What the driver of the kill tests tells its worker processes. */
import type { FaultPoint } from 'signalbox'
import type { PlantedFault } from 'signalbox/testing'

/** End the process at the `nth` time that this run reaches the point with a name that starts like this. */
export interface KillOrder {
  readonly id: string
  readonly runId: string
  readonly point: FaultPoint
  /** Beginning of a tool's name, a model's id, or a superstep's number; empty for all. */
  readonly name: string
  readonly nth: number
  /** SIGKILL when not given. */
  readonly signal?: 'SIGSTOP'
}

/** The argument of a worker process. */
export interface WorkerStart {
  readonly folder: string
  readonly worldUrl: string
  readonly worker: string
  readonly planted?: PlantedFault | null
  readonly syncOff?: boolean
  readonly tellCommits?: boolean
}

/** The message that sets a worker going. */
export interface WorkerTold {
  readonly orders: readonly KillOrder[]
}
