import type { JsonObject, JsonValue } from '../base/json.ts'
import type { BudgetLimits, Labels, OwnLimits } from './common.ts'
import type { TerminationSpec } from './ending.ts'
import type { ModelMessage } from './model.ts'
import type { ModelTrouble } from './provider.ts'
import type { OutcomeStatus } from './common.ts'
import type { FallbackOf, UndoneEffect } from './record-base.ts'
import type { AnyTool, Tool, ToolSpec } from './tool.ts'
import type { Way } from './ways.ts'

/** A schema that checks unknown JSON; wraps a zod type. */
export interface Shape {
  /** Parses or throws INPUT_INVALID naming the fields, with `what` in front. */
  parse(value: unknown, what: string): JsonValue
  /** JSON Schema text in canonical form, for signatures and models. */
  readonly json: JsonObject
}

/** How an ask ended, as user code sees it. A union of ends; asking never throws one. */
export interface AskResult {
  readonly status: OutcomeStatus
  /** Set when succeeded. */
  readonly output: JsonValue
  readonly code: string
  /** Plain sentence; empty when succeeded. */
  readonly reason: string
  readonly labels: Labels
  /** Sequence of the outcome record. */
  readonly seq: number
  /** Of a model call that failed: what was wrong with its provider. */
  readonly trouble?: ModelTrouble
}

/** One thing a handler asks of the door. */
export type AskSpec =
  | {
      readonly kind: 'tool'
      readonly tool: string
      readonly args: JsonValue
      /** Labels of the arguments; default: join of all the handler has seen. */
      readonly labels?: Labels
      readonly callId?: string
      readonly modelSeq?: number
      /** Only of a read that a context provider of the agent makes: its name. */
      readonly context?: string
      /** Of a tool that enters a scope: who answers its ports instead of people, by port. */
      readonly answers?: ScopeAnswers
      /** Only of a compensation: the effect that this call undoes. It gives the call its identity. */
      readonly undoes?: UndoneEffect
    }
  | {
      readonly kind: 'model'
      readonly model: string
      readonly maxOutputTokens: number
      /** Tool names shown to the model. */
      readonly tools: readonly string[]
      readonly outputSchema: JsonObject | null
      /**
       * The node's message that this answer would become, or null when the activation goes on after it. Pure. Lets an
       * output be judged before its text is on record.
       */
      readonly finalOf?: (answer: JsonValue) => { readonly message: JsonValue } | null
      /** Shown beside the conversation, after its system messages; part of this call's record, not of the conversation. */
      readonly context?: readonly ModelMessage[]
      /**
       * Shown in place of the conversation: made of it and of `by`, and of nothing else. The record holds `by` and a
       * digest of the messages.
       */
      readonly instead?: { readonly messages: readonly ModelMessage[]; readonly by: JsonObject }
      /** Set when the model is a declared fallback: in whose place it is called, and why. */
      readonly fallbackOf?: FallbackOf
    }
  /** Passes time: so many seconds from when it is asked first, or until a wall time (ISO 8601). */
  | { readonly kind: 'timer'; readonly for: { readonly seconds: number } | { readonly until: string } }
  /** Computes something in this process, once: its result is recorded, and a replay is answered with it. */
  | {
      readonly kind: 'step'
      readonly name: string
      readonly args: JsonValue
      readonly retry: RetryPolicy
      /** Seconds for one attempt. */
      readonly timeoutSeconds: number
      /** May give or throw anything; what it gives must be JSON. */
      readonly run: (ctx: StepCtx) => unknown
    }
  /** Asks a person or a system at one of the node's ports, and waits for the answer. */
  | { readonly kind: 'request'; readonly port: string; readonly payload: JsonValue }

/** What the body of a local step gets. Its clock and its randomness are real: what comes of them is recorded. */
export interface StepCtx {
  readonly runId: string
  readonly tenant: string
  /** Attempt of the step, from 1. */
  readonly attempt: number
  /** Aborted when the time of the attempt is over or the run is broken off. */
  readonly signal: AbortSignal
  now(): Date
  /** A number in [0, 1). */
  random(): number
}

/** A place where a person or a system is asked, as the engine sees it. */
export interface PortSpec {
  readonly request: Shape
  readonly response: Shape
  readonly deadlineSeconds: number
}

/** A new message, or the place of one that is kept. */
export type MessageOrPlace = ModelMessage | number

/**
 * Answers of a workflow to the ports of one nested in it, by port. Pure; undefined passes the request up, to whoever is
 * around it. What is answered is checked by the port's own schema.
 */
export type ScopeAnswers = Readonly<Record<string, (request: JsonValue) => JsonValue | undefined>>

/** The conversation of an agent activation: appended by reference, messages are never rewritten (ENGINE R8). */
export interface ConversationHandle {
  /** All messages, oldest first; of a kept session those of earlier activations too. */
  readonly messages: readonly ModelMessage[]
  /** Appends messages; durable with the next save point. */
  append(messages: readonly ModelMessage[], labels: Labels): void
  /**
   * From now on the conversation is these: kept messages by their place, new ones with the labels. What was there before
   * stays on record. Throws RangeError for a place that there is none of.
   */
  replace(next: readonly MessageOrPlace[], labels: Labels): void
}

/** What the engine gives to a node's handler. One activation, one handle; refused after the activation is over (ENGINE R7). */
export interface HandlerCtx {
  readonly runId: string
  readonly node: string
  /** Snapshot of the last barrier with this activation's own writes (invariant 8). */
  readonly state: JsonObject
  /** Writes fields. Throws STATE_NOT_OWNED. */
  write(values: JsonObject): void
  /** One ask through the door. */
  ask(spec: AskSpec): Promise<AskResult>
  /** Several tool asks as one batch: all decided first, reads run, effects in call order after every approval (ENGINE R6). */
  batch(specs: readonly Extract<AskSpec, { kind: 'tool' }>[]): Promise<readonly AskResult[]>
  /** Position this handler was started from: its state, or null at the beginning. */
  readonly resumedFrom: JsonValue | null
  /** Ends a turn: later asks count from a new position; a resume starts the handler there with this state. */
  savePoint(state: JsonValue): Promise<void>
  readonly conversation: ConversationHandle
  /** Join of the labels of all that this activation has seen: its input, state, conversation and outcomes delivered. */
  readonly seen: Labels
  /** True when the node has a fallback for rejected calls: a rejected or expired call then ends the turn. */
  readonly endsOnRejection: boolean
  /** A sign of life, for the node's idle limit. */
  heartbeat(): void
  /** Deterministic time: of the last outcome delivered, else of the superstep's start. */
  now(): Date
  /** Deterministic random number in [0, 1). */
  random(): number
}

/** How a handler ends. */
export type HandlerEnd =
  | { readonly kind: 'message'; readonly message: JsonValue; readonly labels?: Labels }
  /** A rejected, denied or expired call ended the turn; goes to the node's declared fallback. */
  | {
      readonly kind: 'rejected'
      readonly code: string
      readonly reason: string
      readonly leftUndone: readonly string[]
    }

/** Retry of a node: the whole activation again; effects and approvals are kept (ENGINE R5). */
export interface RetryPolicy {
  /** All attempts, the first included. */
  readonly attempts: number
  /** Wait before the second attempt. Default 1; grows per attempt, with jitter. */
  readonly backoffSeconds: number
  /** By what the wait grows. Default 2. */
  readonly factor?: number
  /** What the wait does not pass. Default 60. */
  readonly maxBackoffSeconds?: number
  /** Codes that are tried again; default all that another attempt can mend. */
  readonly on?: readonly string[]
  /** Codes that are not. */
  readonly except?: readonly string[]
}

/** How long a timer node waits: so many seconds, or until a wall time that it works out once, when it is reached. */
export type TimerSpec =
  | { readonly seconds: number }
  /** Gives milliseconds since 1970. Throws INPUT_INVALID for what is no time. */
  | { readonly until: (message: JsonValue, state: JsonObject) => number }

/** `fresh`: each activation of an agent begins a conversation. `kept`: it goes on with that of the last one in this run. */
export type SessionKind = 'fresh' | 'kept'

/** A node as the engine sees it. */
export interface NodeSpec {
  readonly name: string
  readonly kind: Way<'node'>
  readonly input: Shape
  readonly output: Shape
  readonly retry: RetryPolicy
  /** Active seconds that one attempt may take. */
  readonly timeoutSeconds?: number
  /** Active seconds that one attempt may pass without a sign of life. */
  readonly idleTimeoutSeconds?: number
  /** Tools this node may ask for. Null: any registered tool of the workflow. */
  readonly tools: readonly string[] | null
  /** The agent, for kind `agent`. */
  readonly agent: AgentSpec | null
  /** Whether an agent goes on with the conversation of the node's last activation in this run. Absent: `fresh`. */
  readonly session?: SessionKind
  /** Deadline of a port's request in seconds. */
  readonly deadlineSeconds: number | null
  /** How long a timer node holds its message back; only of kind `timer`. */
  readonly timer?: TimerSpec
  /** For kind `workflow`: the tool that enters it. */
  readonly enters?: string
  /** Ports at which the handler itself asks and waits, by name; absent when there are none. */
  readonly ports?: ReadonlyMap<string, PortSpec>
  /** What a save point of the handler holds; absent when it makes none of its own. */
  readonly position?: Shape
  /** Runs the activation. Absent for ports and timers. */
  readonly run: ((input: JsonValue, ctx: HandlerCtx) => Promise<HandlerEnd>) | null
}

/** What is declared of an agent; its loop lives in `agents/`. */
export interface AgentSpec {
  readonly name: string
  readonly model: string
  /** Models called in its place, in this order, when its provider is in trouble. Absent: none. */
  readonly fallback?: readonly string[]
  readonly instructions: string
  readonly maxOutputTokens: number
  readonly tools: readonly string[]
  /** Tools that the agent's context is read with, not shown to the model. Absent: none. */
  readonly reads?: readonly string[]
  /** SHA-256 hex over the instructions, for lineage. */
  readonly promptHash: string
}

/** A declared agent: its loop as a handler, with the input and output types of the node that it becomes. */
export interface Agent<in I, out O> {
  readonly name: string
  readonly spec: AgentSpec
  readonly input: Shape
  readonly output: Shape
  readonly tools: readonly AnyTool[]
  /**
   * Runs the tool loop with a prompt. With `output` the final answer must fit that instead of the agent's own output.
   * Throws SignalboxError when the loop cannot end in an output.
   */
  readonly run: (prompt: string, ctx: HandlerCtx, output?: Shape) => Promise<HandlerEnd>
  /** Only for types: what it takes and gives; calling it throws. */
  readonly _io: (input: I) => O
}

/** How messages travel. Edges of one source fire in declaration order. */
export type EdgeSpec =
  | {
      readonly kind: 'direct'
      readonly id: string
      readonly from: string
      readonly to: string
      readonly when: ((message: JsonValue) => boolean) | null
    }
  | {
      readonly kind: 'switch'
      readonly id: string
      readonly from: string
      readonly cases: readonly { readonly when: ((message: JsonValue) => boolean) | null; readonly to: string }[]
    }
  | { readonly kind: 'fan_out'; readonly id: string; readonly from: string; readonly to: readonly string[] }
  /** Sends a message to those of its targets that `select` names. */
  | {
      readonly kind: 'multi_selection'
      readonly id: string
      readonly from: string
      readonly to: readonly string[]
      readonly select: (message: JsonValue) => readonly string[]
    }
  /** Holds messages until every source has sent one; then the target gets all of them as one list, in source order. */
  | { readonly kind: 'fan_in'; readonly id: string; readonly from: readonly string[]; readonly to: string }

/** The nodes that send over an edge. */
export function sourcesOf(edge: { readonly from: string | readonly string[] }): readonly string[] {
  return typeof edge.from === 'string' ? [edge.from] : edge.from
}

/** One state field. */
export interface FieldSpec {
  readonly name: string
  /** `owned`: one node writes, last write of that node counts. `appended`: any node appends. `reduced`: any node writes, folded. */
  readonly kind: 'owned' | 'appended' | 'reduced'
  readonly owner: string | null
  readonly shape: Shape
  readonly reduce: ((current: JsonValue | undefined, write: JsonValue) => JsonValue) | null
}

/** The contract that a review board reads. */
export interface WorkflowContract {
  readonly objective: string
  readonly qualityMetric: string
  readonly acceptedBy: string
  readonly escalation: string
  /** What may go wrong at worst when one decision is wrong, and why that is acceptable. */
  readonly blastRadius: string
  /** Mostly deterministic or mostly adaptive, and why. Production wants it, like the three after it. */
  readonly adaptivity?: string
  /** Which steps run at the same time, and why their state does not conflict. */
  readonly parallelSteps?: string
  /** Which actions have side effects, and who approves them. */
  readonly sideEffects?: string
  /** What stops a run when the quality of the model drops in the middle of it. */
  readonly qualityStop?: string
}

/**
 * Carries a run that waits at a barrier from one version to the next (invariant 11). The functions are pure: they get
 * values as JSON and give new ones, which are checked before anything is recorded.
 */
export interface UpgradeStep {
  readonly from: string
  readonly to: string
  /** New name by old name, for nodes that are called otherwise now. */
  readonly nodes: ReadonlyMap<string, string>
  /** Checks the state that the step starts from; null takes any. */
  readonly was: Shape | null
  /** The whole new state by field; null keeps every field. */
  readonly state: ((old: JsonObject) => unknown) | null
  /** New message by new node name, for messages that wait for that node; others stay as they are. */
  readonly messages: ReadonlyMap<string, (old: JsonValue) => unknown>
  /** Checks the state of a version in between; null where `to` is the workflow itself, whose fields check it. */
  readonly expect: Shape | null
}

/** A built workflow: plain, validated, immutable. */
export interface WorkflowSpec {
  readonly name: string
  readonly version: string
  /** SHA-256 hex over the graph: nodes, edges, ports, tools, agents (names, schemas, models, prompts, limits). */
  readonly signature: string
  /** SHA-256 hex over the state fields and their schemas, separately: a changed shape is told apart from a changed graph. */
  readonly shape: string
  /** SHA-256 hex over name, version, graph and state: which definition a run is with, and by which workers claim. */
  readonly definition: string
  /** Steps from earlier versions; each chain of them ends at this version. */
  readonly upgrades: readonly UpgradeStep[]
  /** Canonical description behind signature and shape, to show a readable difference. */
  readonly description: JsonObject
  readonly input: Shape
  readonly output: Shape
  readonly budget: BudgetLimits
  /** As a nested scope: what it may use of the run's budget. Absent: as much as the run has. */
  readonly ownBudget?: OwnLimits
  readonly maxSupersteps: number
  readonly termination: TerminationSpec
  readonly contract: WorkflowContract | null
  readonly nodes: ReadonlyMap<string, NodeSpec>
  readonly edges: readonly EdgeSpec[]
  readonly fields: ReadonlyMap<string, FieldSpec>
  readonly start: string
  readonly outputs: readonly string[]
  /** Fallback node by node name. */
  readonly rejected: ReadonlyMap<string, string>
  /** The node that a failed node's failure goes to, by node name. */
  readonly failed: ReadonlyMap<string, string>
  readonly tools: ReadonlyMap<string, ToolSpec>
  /** Nested workflows by the name of the tool that enters them; each is in `tools` too, as what policy decides on. */
  readonly scopes: ReadonlyMap<string, WorkflowSpec>
}

/** A tool that enters a nested scope: a workflow, or an agent as a workflow of one node (ENGINE R20). */
export interface ScopeTool<in I, out O> extends Tool<I, O> {
  readonly workflow: WorkflowSpec
}

/** True for a tool that enters a nested scope. */
export function isScopeTool(tool: AnyTool): tool is ScopeTool<never, unknown> {
  return 'workflow' in tool
}

/** Every tool that a run of the workflow may call, those of nested workflows included. */
export function toolsWithin(spec: Pick<WorkflowSpec, 'tools' | 'scopes'>): readonly ToolSpec[] {
  return [...new Set([...spec.tools.values(), ...[...spec.scopes.values()].flatMap(toolsWithin)])]
}

/** The place of that name where a person or a system is asked: a port node, or a port at which a node asks itself. */
export function portNamed(spec: Pick<WorkflowSpec, 'nodes'>, name: string): PortSpec | null {
  const node = spec.nodes.get(name)
  if (node?.kind === 'port')
    return { request: node.input, response: node.output, deadlineSeconds: node.deadlineSeconds ?? 0 }
  for (const { ports } of spec.nodes.values()) {
    const port = ports?.get(name)
    if (port) return port
  }
  return null
}
