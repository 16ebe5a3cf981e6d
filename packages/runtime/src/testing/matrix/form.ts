import type { JsonValue } from '../../base/json.ts'
import type { ModelHandle } from '../../contracts/model.ts'
import type { Workflow } from '../../orchestration/index.ts'
import type { Pay, World } from './world.ts'

/** Where in a workflow the payment is asked for. */
export interface Form {
  readonly name: string
  /** True where a model asks for it, so that the points around models and agents are on the way. */
  readonly hasAgent: boolean
  /** True where the node that asks for it is tried again after a failure. */
  readonly retries: boolean
  /** True where the payment is what undoes another: it comes with the compensation of a run that has ended. */
  readonly isUndone: boolean
  readonly build: (world: World, pay: Pay) => Built
}

/** A form with the tool put in. */
export interface Built {
  readonly workflow: Workflow<never, unknown>
  readonly models: readonly ModelHandle[]
  readonly input: JsonValue
}
