import type { JsonValue } from '../../base/json.ts'
import type { Principal } from '../../contracts/common.ts'
import type { ModelHandle } from '../../contracts/model.ts'
import type { PolicyPort } from '../../contracts/policy.ts'
import type { PersonRequest } from '../../contracts/runtime.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import type { EngineLimits } from '../../engine/env.ts'
import type { SimRandom } from './random.ts'

/** Starts every simulated run. */
export const REQUESTER: Principal = { id: 'user:rita', kind: 'user', tenant: 'sim', roles: ['requester'] }
/** Answers approvals, questions and ports, and operates runs. */
export const REVIEWER: Principal = {
  id: 'user:olaf',
  kind: 'user',
  tenant: 'sim',
  roles: ['requester', 'approver', 'operator', 'admin'],
}

/** A request as it arrives at the outside system. */
export interface OutsideRequest {
  readonly method: string
  readonly url: URL
  /** The `Idempotency-Key`, or an empty text. */
  readonly key: string
  /** The parsed body; null when there is none. */
  readonly body: JsonValue
}

/** What the outside system answers. */
export interface OutsideAnswer {
  readonly status: number
  readonly body: JsonValue
}

/** One thing that the outside system did, by its own record. */
export interface OutsideEffect {
  /** Which business act it was: the same identity twice is the same act done twice. */
  readonly identity: string
  /** The `Idempotency-Key` under which it was asked for. */
  readonly key: string
}

/** A target outside of all processes. It acts when a request arrives; its own record is the judge of what was done. */
export interface OutsideSystem {
  answer(request: OutsideRequest): OutsideAnswer
  effects(): readonly OutsideEffect[]
}

/** What a pretended person says. Null says nothing, until silence counts. */
export type PersonAnswer =
  | { readonly kind: 'approval'; readonly answer: 'approved' | 'rejected'; readonly afterMs?: number }
  | { readonly kind: 'question'; readonly answer: 'happened' | 'did_not' | 'stop'; readonly afterMs?: number }
  | { readonly kind: 'request'; readonly value: JsonValue; readonly afterMs?: number }
  | null

/** What a pretended operator does, at a time from the start on, in virtual milliseconds. */
export type OperatorAct = {
  /** Which of the scenario's runs, by its place in `runs`. Default: the first. */
  readonly run?: number
  readonly atMs: number
} & (
  | { readonly act: 'cancel' | 'terminate' }
  /** Engages a kill switch that refuses sends of a tool class, and lifts it after so many milliseconds. */
  | { readonly act: 'kill'; readonly toolClass: string; readonly forMs: number }
  /** Restores the run, once it waits or has ended, to one of its checkpoints and save points: 0 the first, 1 the last. */
  | { readonly act: 'restore'; readonly where: number }
  /** Restores the run, or forks it, at any of its records: 0 the first, 1 the last. */
  | { readonly act: 'restore_at' | 'fork_at'; readonly where: number }
)

/** One run that a scenario starts. */
export interface SimRun {
  readonly workflow: string
  readonly input: JsonValue
  /** When it is started. Default: at once. */
  readonly atMs?: number
}

/** Workflows with all that surrounds them, to be run under faults. */
export interface SimScenario {
  readonly name: string
  readonly workflows: readonly (WorkflowSpec | { readonly spec: WorkflowSpec })[]
  /** Default: everything is allowed, with class and effect as the tools say. */
  readonly policy?: PolicyPort
  readonly models?: readonly ModelHandle[]
  /** A fresh outside system for each simulated world. Default: one that answers 404. */
  readonly outside?: () => OutsideSystem
  /** The runs of a seed. Give few different ones: for each, the undisturbed world is simulated once and kept. */
  readonly runs: (random: SimRandom) => readonly SimRun[]
  /**
   * What people say; must not depend on time. Undefined, the default: yes to approvals, nothing to ports, and the truth
   * to questions. Silence is no answer to a question, so null is answered with the truth too.
   */
  readonly people?: (asked: PersonRequest) => PersonAnswer | undefined
  /** What an operator does. It may do it at another moment of the run when faults delay the run. */
  readonly operator?: (random: SimRandom) => readonly OperatorAct[]
  /**
   * What must be equal to the undisturbed world when all runs have ended: `end` (status, output, state, effects), or
   * `none` where limits, people or time decide otherwise under faults; then only the promises are checked.
   */
  readonly compare?: 'end' | 'none'
  readonly limits?: Partial<EngineLimits>
}
