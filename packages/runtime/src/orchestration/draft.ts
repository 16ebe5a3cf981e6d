import type { z } from 'zod'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { AnyTool } from '../contracts/tool.ts'
import type { Agent, ScopeTool, SessionKind, WorkflowContract } from '../contracts/workflow.ts'
import type { TerminationDef } from './termination-types.ts'
import type { AnyPort, Budget, Field, NodeCtx, Port, RetryOptions, TimeLimits } from './types.ts'

/**
 * What the builder collected, as data. The builder's types have checked what they can; here the type parameters are
 * gone, and messages are JSON.
 */

/** A condition on a message. */
export type Condition = (message: JsonValue) => boolean

/** The context of a function node without its type parameters. */
export type AnyNodeCtx = Omit<NodeCtx<Record<string, never>, string>, 'state' | 'write' | 'call' | 'ask'> & {
  readonly state: Readonly<Record<string, JsonValue | undefined>>
  write(values: Readonly<Record<string, unknown>>): void
  call(tool: AnyTool, args: unknown): Promise<unknown>
  ask(port: AnyPort, request: unknown): Promise<unknown>
  /** State of the save point that the handler was started from, or null. */
  readonly from: unknown
  /** Ends a stretch: the handler is started from here with this state. */
  checkpoint(state: unknown): Promise<void>
}

/** How long a timer node waits, as declared. */
export type WaitDraft =
  | { readonly seconds: number }
  | { readonly until: (message: JsonValue, state: AnyNodeCtx['state']) => unknown }

/** A declared node. */
export type NodeDraft = { readonly name: string; readonly retry: RetryOptions | null; readonly limits?: TimeLimits } & (
  | {
      readonly kind: 'function'
      readonly input: z.ZodType
      readonly output: z.ZodType
      readonly tools: readonly AnyTool[] | null
      readonly ports: readonly AnyPort[]
      /** What its own save points hold; null when it makes none. */
      readonly position: z.ZodType | null
      readonly run: (input: JsonValue, ctx: AnyNodeCtx) => unknown
    }
  | {
      readonly kind: 'agent'
      readonly agent: Agent<never, unknown>
      readonly prompt: (input: JsonValue, state: AnyNodeCtx['state']) => string
      readonly done: ((output: JsonValue, ctx: AnyNodeCtx) => void) | null
      readonly session: SessionKind
    }
  | { readonly kind: 'port'; readonly port: Port<never, unknown> }
  | { readonly kind: 'timer'; readonly message: z.ZodType; readonly wait: WaitDraft }
  | {
      readonly kind: 'workflow'
      readonly tool: ScopeTool<never, unknown>
      readonly input: ((message: JsonValue, state: AnyNodeCtx['state']) => unknown) | null
      readonly takes: z.ZodType | null
      readonly done: ((output: JsonValue, ctx: AnyNodeCtx) => void) | null
      readonly answers: Readonly<Record<string, (request: JsonValue, state: AnyNodeCtx['state']) => unknown>>
    }
)

/** A declared edge. */
export type EdgeDraft =
  | { readonly kind: 'direct'; readonly from: string; readonly to: string; readonly when: Condition | null }
  | {
      readonly kind: 'switch'
      readonly from: string
      readonly cases: readonly { readonly when: Condition; readonly to: string }[]
      readonly otherwise: string | null
    }
  | { readonly kind: 'fan_out'; readonly from: string; readonly to: readonly string[] }
  | {
      readonly kind: 'multi_selection'
      readonly from: string
      readonly to: readonly string[]
      readonly select: (message: JsonValue) => readonly string[]
    }
  | { readonly kind: 'fan_in'; readonly from: readonly string[]; readonly to: string }

/** A declared termination contract: its functions see the state as JSON. */
export type TerminationDraft = TerminationDef<JsonObject>

/** A declared upgrade step. */
export interface UpgradeDraft {
  readonly from: string
  readonly to: string
  readonly was: z.ZodType | null
  readonly expect: z.ZodType | null
  readonly state: ((old: JsonObject) => unknown) | null
  readonly nodes: Readonly<Record<string, string>>
  readonly messages: Readonly<Record<string, (old: JsonValue) => unknown>>
}

/** Everything declared, in order. */
export interface Draft {
  readonly name: string
  readonly version: string
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly budget: Budget
  readonly fields: Readonly<Record<string, Field<string, unknown, never>>>
  readonly tools: readonly AnyTool[]
  readonly contract: WorkflowContract | null
  readonly maxSupersteps: number
  readonly termination: TerminationDraft
  readonly nodes: readonly NodeDraft[]
  readonly edges: readonly EdgeDraft[]
  readonly starts: readonly string[]
  readonly outputs: readonly string[]
  readonly rejected: readonly { readonly from: string; readonly to: string }[]
  readonly failed: readonly { readonly from: string; readonly to: string }[]
  readonly upgrades: readonly UpgradeDraft[]
  /** What the caller found wrong with what it made the draft of. */
  readonly faults: readonly string[]
}

/** The nodes that an edge can reach, each once, in declaration order. */
export function targetsOf(edge: EdgeDraft): readonly string[] {
  if (edge.kind === 'direct' || edge.kind === 'fan_in') return [edge.to]
  if (edge.kind !== 'switch') return [...new Set(edge.to)]
  const all = edge.cases.map((one) => one.to)
  if (edge.otherwise !== null) all.push(edge.otherwise)
  return [...new Set(all)]
}
