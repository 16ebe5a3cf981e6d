import type { z } from 'zod'
import type { ErrorCode } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { OutcomeStatus } from '../contracts/common.ts'
import type { AnyTool, Tool } from '../contracts/tool.ts'
import type {
  Agent,
  ScopeTool,
  SessionKind,
  Shape,
  StepCtx,
  WorkflowContract,
  WorkflowSpec,
} from '../contracts/workflow.ts'
import type { REJECTION } from './rejection.ts'
import type { TerminationDef } from './termination-types.ts'

/**
 * The types behind the builder. Two type parameters carry everything: `P`, what the workflow declares (input, output,
 * state), and `G`, the nodes declared so far with what each takes and sends.
 */

/** A state field. `Owner` is the node that may write it, or `never` when every node may. */
export interface Field<Owner extends string, Value, Write> {
  readonly kind: 'owned' | 'appended' | 'reduced'
  readonly owner: Owner | null
  readonly schema: z.ZodType
  readonly reduce: ((current: JsonValue | undefined, write: JsonValue) => JsonValue) | null
  /** Only for types: what is read and what is written. */
  readonly _value?: Value
  readonly _write?: (write: Write) => void
}

/** State fields by name. */
export type Fields = Readonly<Record<string, Field<string, unknown, never>>>

type ValueOf<F> = F extends Field<string, infer Value, never> ? Value : never
type WriteOf<F> = F extends Field<string, unknown, infer Write> ? Write : never
type OwnerOf<F> = F extends Field<infer Owner, unknown, never> ? Owner : never

/** The state as a node reads it: the last barrier with the node's own writes (invariant 8). */
export type StateOf<S extends Fields> = { readonly [K in keyof S]: ValueOf<S[K]> }

/** What node `N` may write: its own fields and the shared ones. */
export type WritesOf<S extends Fields, N extends string> = {
  readonly [K in keyof S as [OwnerOf<S[K]>] extends [never] ? K : N extends OwnerOf<S[K]> ? K : never]?: WriteOf<S[K]>
}

/** Every node that owns a field. */
export type OwnersOf<S extends Fields> = { [K in keyof S]: OwnerOf<S[K]> }[keyof S]

/** How a call ended. A union of ends; calling never throws one. */
export type CallEnd<O> =
  | { readonly status: 'succeeded'; readonly output: O }
  | { readonly status: Exclude<OutcomeStatus, 'succeeded'>; readonly code: string; readonly reason: string }

/** What the handler of a function node gets. It belongs to one activation and is refused after it. */
export interface NodeCtx<S extends Fields, N extends string> {
  readonly runId: string
  /** Own writes are visible at once; those of other nodes after the barrier (invariant 8). */
  readonly state: StateOf<S>
  /** Writes own and shared fields; an appended field takes one item. */
  write(values: WritesOf<S, N>): void
  /** One call through the door, any wait for an approval included (invariant 1). */
  call<I, O>(tool: Tool<I, O>, args: NoInfer<I>): Promise<CallEnd<O>>
  /**
   * Computes something in this process, once: the result is recorded, and a replay is answered with it. `args` and result
   * are JSON; the body sees a copy of `args`, by which the step is recognised again. Rejects with STEP_FAILED when the
   * last attempt threw, live as in a replay. The body may read the clock and draw random numbers, and calls nobody.
   */
  step<A, R>(name: string, args: A, body: (args: A, step: StepCtx) => R | Promise<R>, options?: StepOptions): Promise<R>
  /**
   * Asks a person or a system at a port and waits: the node, and with it the superstep, goes on when the answer is there,
   * or with `expired` at the port's deadline. The port must be among the node's `ports`.
   */
  ask<Q, A>(port: Port<Q, A>, request: NoInfer<Q>): Promise<CallEnd<A>>
  /**
   * Lets so many seconds pass, across restarts: the run leaves memory meanwhile, and the time counts in no budget.
   * Rejects with INPUT_INVALID for a number that is negative or above ten years.
   */
  sleep(seconds: number): Promise<void>
  /** The same until a wall time: a `Date`, or ISO 8601 text with its zone. A time that has passed is no wait. */
  sleepUntil(at: Date | string): Promise<void>
  /** A sign of life, for the node's idle limit. */
  heartbeat(): void
  /** Deterministic time (invariant 13). */
  now(): Date
  /** Deterministic random number in [0, 1) (invariant 13). */
  random(): number
}

/** How a local step is tried. */
export interface StepOptions {
  /** Default: one attempt. */
  readonly retry?: RetryOptions
  /** Seconds for one attempt. Default 30. */
  readonly timeoutSeconds?: number
}

/** What may be done with an agent's final answer: read and write state, nothing else. */
export type DoneCtx<S extends Fields, N extends string> = Pick<NodeCtx<S, N>, 'runId' | 'state' | 'write' | 'now'>

/** Retry of a node. */
export interface RetryOptions {
  /** All attempts, the first included. */
  readonly attempts: number
  /** Seconds before the second attempt, with a jitter of half. Default 1. */
  readonly backoffSeconds?: number
  /** By what the wait grows with each attempt. Default 2. */
  readonly factor?: number
  /** Seconds that the wait does not pass. Default 60. */
  readonly maxBackoffSeconds?: number
  /** Error codes that are tried again. Default: all that another attempt can mend. */
  readonly on?: readonly ErrorCode[]
  /** Error codes that are not. */
  readonly except?: readonly ErrorCode[]
}

/** Time limits of a node, for each attempt. Waits for people and timers do not count. */
export interface TimeLimits {
  /** Active seconds that one attempt may take; then it fails with NODE_TIMEOUT. */
  readonly timeoutSeconds?: number
  /**
   * Active seconds without a sign of life (a call that begins or ends, a part of a model's answer, `heartbeat`); then the
   * attempt fails with NODE_IDLE.
   */
  readonly idleTimeoutSeconds?: number
}

/** How a function node is declared. */
export interface NodeDef<S extends Fields, N extends string, I extends z.ZodType, O extends z.ZodType>
  extends TimeLimits {
  readonly input: I
  readonly output: O
  readonly retry?: RetryOptions
  /** Tools that this node may call. Default: every tool of the workflow. */
  readonly tools?: readonly AnyTool[]
  /** Ports at which this node may ask and wait. */
  readonly ports?: readonly AnyPort[]
  /** What it returns is the message to the nodes after it. */
  readonly run: (input: z.output<I>, ctx: NodeCtx<S, N>) => z.input<O> | Promise<z.input<O>>
}

/** How an agent becomes a node. */
export interface AgentWiring<S extends Fields, N extends string, I, O> extends TimeLimits {
  readonly prompt: (input: I, state: StateOf<S>) => string
  /** Called once with the final answer, before it is sent on. */
  readonly done?: (output: O, ctx: DoneCtx<S, N>) => void
  readonly retry?: RetryOptions
  /** `kept`: the conversation goes on from the node's last activation in this run. Default `fresh`. */
  readonly session?: SessionKind
}

/** How a workflow becomes a node of another: a nested scope of the run (ENGINE R20). */
export interface WorkflowWiring<S extends Fields, N extends string, I, O, M extends z.ZodType> extends TimeLimits {
  /** What the node takes, where it is not what the nested workflow takes. */
  readonly takes?: M
  /** The nested workflow's input. Pure. Default: the message as it is. */
  readonly input?: (message: z.output<M>, state: StateOf<S>) => I
  /** Called once with the nested workflow's output, before it is sent on. */
  readonly done?: (output: O, ctx: DoneCtx<S, N>) => void
  /**
   * Answers to the nested workflow's ports, by port node. Pure: request and state in, answer out; undefined passes the
   * request up to people. Default: all are passed up.
   */
  readonly answers?: Readonly<Record<string, (request: never, state: StateOf<S>) => unknown>>
  /** The nested workflow again from its start; its effects and approvals are kept. */
  readonly retry?: RetryOptions
}

/** A place where the workflow asks a person or a system and goes on with the answer as a later message. */
export interface Port<in Q, out A> {
  readonly name: string
  readonly request: Shape
  readonly response: Shape
  readonly deadlineSeconds: number
  /** Only for types. */
  readonly _io?: (request: Q) => A
}

/** A node that holds each message back for some time; the same message travels on. It holds no barrier. */
export type TimerDef<S extends Fields, M extends z.ZodType> = { readonly message: M } & (
  | { readonly seconds: number; readonly until?: undefined }
  /** A wall time (ISO 8601 text with its zone, or a `Date`), worked out once, when the message arrives. A pure function. */
  | { readonly until: (message: z.output<M>, state: StateOf<S>) => Date | string; readonly seconds?: undefined }
)

/** A port of any type. */
export type AnyPort = Port<never, unknown>

/** Hard limits of a run (invariant 6). All are required and positive. */
export interface Budget {
  readonly maxTurns: number
  readonly maxToolCalls: number
  /** Active time: waiting for people and downtime do not count. */
  readonly maxRuntimeSeconds: number
  readonly maxTokens: number
  /** Decimal US dollars such as `0.50`. */
  readonly maxCostUsd: string
  /** Parts of each limit, in per cent, at which people are told once, such as `[50, 80, 95]`. Default: none. */
  readonly warnAtPercent?: readonly number[]
}

/** How a workflow is declared. */
export interface WorkflowDef<I extends z.ZodType, O extends z.ZodType, S extends Fields> {
  readonly name: string
  readonly version: string
  readonly input: I
  readonly output: O
  readonly budget: Budget
  readonly state?: S
  /** Tools that function nodes may call, besides those of the agents. */
  readonly tools?: readonly AnyTool[]
  /** What a review board reads. Optional in development. */
  readonly contract?: WorkflowContract
  /** Rounds after which the run ends with SUPERSTEP_LIMIT. Default 100. */
  readonly maxSupersteps?: number
  /** What ends a run besides its output, its budget and people. */
  readonly termination?: TerminationDef<StateOf<NoInfer<S>>>
}

/** A built workflow. */
export interface Workflow<in I, out O> {
  readonly name: string
  readonly version: string
  readonly spec: WorkflowSpec
  /** Only for types. */
  readonly _io?: (input: I) => O
}

/** What a validation found, in plain sentences. */
export interface Validation {
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

/** What a workflow declares, as types. */
export interface Declared {
  readonly in: unknown
  readonly out: unknown
  readonly state: Fields
}

/** What a node takes and sends. */
export interface Io {
  readonly in: unknown
  readonly out: unknown
}

/** The nodes declared so far. */
export type Graph = Record<string, Io>

type Rejected = z.output<typeof REJECTION>
type Name<G> = keyof G & string
type New<G, N extends string> = N extends keyof G ? { readonly 'node already declared': N } : N
type Fit<From, To, N> = [From] extends [To] ? N : { readonly 'message does not fit': { from: From; to: To } }
type Takers<G extends Graph, M> = { [K in keyof G]: [M] extends [G[K]['in']] ? K : never }[keyof G] & string

/** One case of a switch. */
export interface Case<M, To extends string> {
  readonly when: (message: M) => boolean
  readonly to: To
}

/** State as JSON, when a step does not say what it was. */
type AnyState = z.ZodType<JsonObject>

/** How runs of an earlier version are carried over to this one, or to one in between (ENGINE R14). */
export interface UpgradeDef<W extends z.ZodType, State> {
  /** The version that the step starts from. */
  readonly from: string
  /** Checks and types the state before the step. Default: any JSON. */
  readonly was?: W
  /** The whole new state; a field that is left out was never written. A pure function. Default: every field stays. */
  readonly state?: (old: z.output<W>) => State
  /** New name by old name, for nodes that are called otherwise now. */
  readonly nodes?: Readonly<Record<string, string>>
  /** New message by new node name, for messages that wait there. Pure functions. Default: messages stay. */
  readonly messages?: Readonly<Record<string, (old: JsonValue) => unknown>>
}

/** The state that a step gives: fields that were never written are left out. */
type Upgraded<S extends Fields> = { readonly [K in keyof S]?: ValueOf<S[K]> }

/**
 * A workflow under construction. Each call returns a new builder; the types check edges, start, outputs and owners, and
 * `build` checks the rest.
 */
export interface Builder<P extends Declared, G extends Graph> {
  /** Adds a node that runs a function. */
  node<const N extends string, I extends z.ZodType, O extends z.ZodType>(
    name: N & New<G, N>,
    def: NodeDef<P['state'], N, I, O>,
  ): Builder<P, G & Record<N, { in: z.output<I>; out: z.output<O> }>>
  /** Adds a node that runs an agent. */
  agent<const N extends string, I, O>(
    name: N & New<G, N>,
    agent: Agent<I, O>,
    wiring: AgentWiring<P['state'], N, I, O>,
  ): Builder<P, G & Record<N, { in: I; out: O }>>
  /** Adds a node that asks outside: its input is the request, its message the response. It holds no barrier. */
  port<const N extends string, Q, A>(
    name: N & New<G, N>,
    port: Port<Q, A>,
  ): Builder<P, G & Record<N, { in: Q; out: A }>>
  /** Adds a node that passes a message on after some time. It holds no barrier, and the wait is no active time. */
  timer<const N extends string, M extends z.ZodType>(
    name: N & New<G, N>,
    def: TimerDef<P['state'], M>,
  ): Builder<P, G & Record<N, { in: z.output<M>; out: z.output<M> }>>
  /**
   * Adds a node that runs another workflow as a nested scope: with a state of its own, fresh for each message, and the
   * run's budget. Its requests hold this node, not the nodes beside it after the superstep.
   */
  workflow<const N extends string, I, O>(
    name: N & New<G, N>,
    nested: Workflow<I, O> | ScopeTool<I, O>,
    wiring?: WorkflowWiring<P['state'], N, I, O, z.ZodType<I>> & { readonly takes?: undefined },
  ): Builder<P, G & Record<N, { in: I; out: O }>>
  /** The same with a message of another type, from which `input` makes what the nested workflow takes. */
  workflow<const N extends string, I, O, M extends z.ZodType>(
    name: N & New<G, N>,
    nested: Workflow<I, O> | ScopeTool<I, O>,
    wiring: WorkflowWiring<P['state'], N, I, O, M> & {
      readonly takes: M
      readonly input: (message: z.output<M>, state: StateOf<P['state']>) => I
    },
  ): Builder<P, G & Record<N, { in: z.output<M>; out: O }>>
  /** Names the node that gets the run's input. */
  start<N extends Name<G>>(name: N & Fit<P['in'], G[N]['in'], N>): Builder<P, G>
  /** With a type guard as condition, the target needs to take only what the guard lets through. */
  edge<F extends Name<G>, T extends Name<G>, M extends G[F]['out'] & G[T]['in']>(
    from: F,
    to: T,
    when: (message: G[F]['out']) => message is M,
  ): Builder<P, G>
  /** Sends each message of `from` to `to`; with `when`, only those for which it returns true. */
  edge<F extends Name<G>, T extends Name<G>>(
    from: F,
    to: T & Fit<G[F]['out'], G[T]['in'], T>,
    when?: (message: G[F]['out']) => boolean,
  ): Builder<P, G>
  /** Sends each message of `from` to the first case that holds, else to `otherwise`. */
  switch<F extends Name<G>>(
    from: F,
    cases: readonly Case<G[F]['out'], Takers<G, G[F]['out']>>[],
    otherwise: Takers<G, G[F]['out']>,
  ): Builder<P, G>
  /** Sends each message of `from` to all targets, which then run in one superstep. */
  fanOut<F extends Name<G>>(from: F, to: readonly Takers<G, G[F]['out']>[]): Builder<P, G>
  /** Sends each message of `from` to the targets that `select` names; naming another node fails the run. */
  multiSelection<F extends Name<G>, T extends Takers<G, G[F]['out']>>(
    from: F,
    to: readonly T[],
    select: (message: G[F]['out']) => readonly NoInfer<T>[],
  ): Builder<P, G>
  /**
   * Holds the messages of `from` until each of them has sent at least one; then `to` gets one list with all that was
   * held, in the order of `from`. What is held is part of each checkpoint.
   */
  fanIn<F extends Name<G>, T extends Name<G>>(
    from: readonly F[],
    to: T & Fit<G[F]['out'][], G[T]['in'], T>,
  ): Builder<P, G>
  /** Where an agent's rejected call or a port's passed deadline goes; without it the model continues, the run stops. */
  onRejected<F extends Name<G>, T extends Name<G>>(from: F, to: T & Fit<Rejected, G[T]['in'], T>): Builder<P, G>
  /**
   * Where the failure of a node goes after its last attempt, instead of ending the run; nothing that the node wrote
   * reaches the state. Budgets, kill switches, cancelling and calls beside the door end the run all the same.
   */
  onFailed<F extends Name<G>, T extends Name<G>>(from: F, to: T & Fit<Rejected, G[T]['in'], T>): Builder<P, G>
  /** Names a node whose message is an output of the run. */
  output<N extends Name<G>>(name: N & Fit<G[N]['out'], P['out'], N>): Builder<P, G>
  /** Carries waiting runs of an earlier version over to this one. */
  upgrade<W extends z.ZodType = AnyState>(
    step: UpgradeDef<W, Upgraded<P['state']>> & { readonly to?: undefined },
  ): Builder<P, G>
  /** Carries them to a version in between, whose state `expect` checks; another step goes on from there. */
  upgrade<W extends z.ZodType = AnyState>(
    step: UpgradeDef<W, unknown> & { readonly to: string; readonly expect: z.ZodType },
  ): Builder<P, G>
  /** What `build` would find wrong or doubtful. */
  validate(): Validation
  /** The workflow. Throws WORKFLOW_INVALID with every error at once. */
  build(
    ...missing: [OwnersOf<P['state']>] extends [keyof G]
      ? []
      : [{ 'state owner is not a node': Exclude<OwnersOf<P['state']>, keyof G> }]
  ): Workflow<P['in'], P['out']>
}
