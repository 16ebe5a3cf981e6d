import type { z } from 'zod'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { EffectClass, Labels, Principal } from './common.ts'
import type { ToolCredential } from './credential.ts'
import type { ListingPage, ListingRequest } from './reconcile.ts'

/**
 * Where a call stands in the trace of its run, for a client of the tool's own; `ctx.fetch` sends it by itself. The span is
 * the one that the exported telemetry holds for the call (ENGINE R18).
 */
export interface TraceContext {
  /** 32 hex digits, of the run. */
  readonly traceId: string
  /** 16 hex digits, of this call. A read for facts or a preview comes before its call's span and has an id of its own. */
  readonly spanId: string
  /** The W3C header of both. */
  readonly traceparent: string
  /** The W3C `baggage` header with the run, or null for a `host:port` that is not trusted with it. */
  baggageFor(host: string): string | null
}

/** What a tool gets that may only read. */
export interface ReadCtx {
  /**
   * Fetch with run id, traceparent and Idempotency-Key set, the tool's host list enforced (EGRESS_REFUSED), and unsafe
   * methods refused when the tool's effect is `none` or when only reading is allowed.
   */
  readonly fetch: typeof fetch
  readonly runId: string
  /** For clients of the tool's own: see `traceMeta` and `traceEnv`. */
  readonly trace: TraceContext
  readonly tenant: string
  readonly principal: Principal
  /**
   * The tool's own credential. `ctx.fetch` sends it by itself to the hosts that it is for; ask for it only where a target
   * wants it elsewhere. What a result or an error holds of it is taken out and recorded.
   */
  readonly credential: ToolCredential
  /** Aborts on cancel, lost lease, run time limit and the tool's own time limit. */
  readonly signal: AbortSignal
  /** A sign of life of a long call, for the idle limit of its node. */
  heartbeat(): void
  /** State of the run at the last barrier, as JSON; fields never written are absent. */
  readonly state: JsonObject
}

/** What `execute` and `reconcile` get. */
export interface ActCtx extends ReadCtx {
  /** Independent of attempt, branch and worker (invariant 4). */
  readonly idempotencyKey: string
}

/** What a reviewer sees of one proposed action. Its texts are untrusted. */
export interface Preview {
  readonly summary: string
  readonly target: { readonly type: string; readonly id: string; readonly version: string }
  readonly impact: { readonly money?: { readonly minor: number; readonly currency: string }; readonly text?: string }
  readonly rollback: string
}

/** What a look-up found about an effect with an unknown outcome (invariant 5). */
export type Found<O> =
  | { readonly answer: 'happened'; readonly output: O }
  | { readonly answer: 'did_not' }
  | { readonly answer: 'cannot_tell' }

/** What is known of the effect that is to be undone. */
export interface UndoCtx {
  /** The run in which it happened. */
  readonly runId: string
  readonly tenant: string
  /** The key under which the target saw it. */
  readonly idempotencyKey: string
  /** ISO 8601: when its outcome was recorded. */
  readonly at: string
}

/** How an effect of a tool is undone: by another tool, with arguments made from what was done. */
export interface Undo<I, O, U> {
  /** Goes through policy, approval and budget like any other. */
  readonly tool: Tool<U, unknown>
  /** Arguments of that tool. Pure; called when the undoing is planned. It throws where this one cannot be undone. */
  readonly args: (args: I, output: O, ctx: UndoCtx) => NoInfer<U>
  /** Later than this after the effect it is too late. Default: never too late. */
  readonly withinSeconds?: number
}

/** How the outside copies of a tool's effects are listed. Several tools of one target name the same listing. */
export interface Listing<I, O> {
  /** Only reads. Goes through policy and budget like any other. */
  readonly tool: Tool<ListingRequest, ListingPage>
  /** What the outside must hold of a call that succeeded, field by field as in `what` of an entry. Pure. */
  readonly expect: (args: I, output: O) => JsonObject
}

/** A listing as the engine sees it. */
export interface ListingSpec {
  readonly tool: ToolSpec
  readonly expect: (args: unknown, output: unknown) => JsonObject
}

/** How a tool is declared. `U` is what the tool that undoes it takes. */
export interface ToolDef<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType = z.ZodType, U = never> {
  readonly name: string
  /** What policy speaks about, such as `payments.write`. */
  readonly class: string
  readonly effect: EffectClass
  readonly description?: string
  readonly input: I
  readonly output: O
  /** Hosts (`host:port`, or a function that reads configuration at call time) that `ctx.fetch` may reach. */
  readonly hosts?: readonly string[] | (() => readonly string[])
  readonly timeoutSeconds?: number
  /** `same_key_is_harmless`: the target makes repeats under one idempotency key harmless. Default `never`. */
  readonly repeat?: 'same_key_is_harmless' | 'never'
  /** `authoritative`: after `settleAfterSeconds` a `did_not` of the look-up is final. Default `advisory`. */
  readonly lookup?: 'authoritative' | 'advisory'
  /** How long after the last possible send the target may still apply it. Default 5. */
  readonly settleAfterSeconds?: number
  /** Business identity of the effect: the same identity happens once in its scope. */
  readonly effectKey?: (args: z.output<I>) => { readonly scope: 'run' | 'workflow' | 'tenant'; readonly key: string }
  /** Journaled read that policy needs; its result is what policy sees as `context.facts`. */
  readonly facts?: { readonly schema: F; readonly read: (args: z.output<I>, ctx: ReadCtx) => Promise<z.output<F>> }
  /** What the reviewer sees. A preview that fails denies (invariant 7). */
  readonly preview?: (args: z.output<I>, ctx: ReadCtx) => Promise<Preview>
  readonly execute: (args: z.output<I>, ctx: ActCtx) => Promise<z.output<O>>
  readonly reconcile?: (args: z.output<I>, ctx: ActCtx) => Promise<Found<z.output<O>>>
  /**
   * Names what a call is about, such as `invoice:4711`, and as `ref:...` what the target calls it: people find the effect
   * by these names, and by the part behind the colon alone; a call that was denied or not sent too. Pure. `output` is null
   * where there is none, or nobody knows it.
   */
  readonly touches?: (args: z.output<I>, output: z.output<O> | null) => readonly string[]
  /** Labels of the output. Default: most restrictive. */
  readonly labels?: Labels
  /** How its effects are undone; `impossible` says that nothing can. Not told: nobody has thought about it. */
  readonly undo?: Undo<z.output<I>, z.output<O>, U> | 'impossible'
  /** How the outside's own list of these effects is read, so that the ledger can be compared with it. */
  readonly listed?: Listing<z.output<I>, z.output<O>>
}

/** A declared tool. The type parameters are its input and output as user code sees them. */
export interface Tool<in I, out O> {
  readonly name: string
  readonly class: string
  readonly effect: EffectClass
  /** What the engine uses of it. */
  readonly spec: ToolSpec
  /** Only for types: what it takes and gives; calling it throws. */
  readonly _io: (input: I) => O
}

/** Any tool, whatever it takes. */
export type AnyTool = Tool<never, unknown>

/** How an effect is undone, as the engine sees it. */
export interface UndoSpec {
  readonly tool: ToolSpec
  readonly args: (args: JsonValue, output: JsonValue, ctx: UndoCtx) => JsonValue
  /** Null: never too late. */
  readonly withinSeconds: number | null
}

/** A tool as the engine sees it: untyped at the edges, validated by its own schemas. */
export interface ToolSpec {
  readonly name: string
  readonly class: string
  readonly effect: EffectClass
  readonly description: string
  /** JSON Schema of the input, for the model. */
  readonly inputSchema: JsonObject
  /** SHA-256 hex over the canonical JSON of name, class, effect, description, schemas and declared behaviour. */
  readonly definitionHash: string
  readonly hosts: () => readonly string[]
  /** MCP server that it comes from; absent for a tool of one's own. */
  readonly server?: string
  readonly timeoutSeconds: number
  readonly repeat: 'same_key_is_harmless' | 'never'
  readonly lookup: 'authoritative' | 'advisory'
  readonly settleAfterSeconds: number
  readonly labels: Labels
  /** Throws TOOL_INPUT_INVALID naming the fields. */
  readonly parseInput: (args: unknown) => JsonValue
  /** Throws TOOL_OUTPUT_INVALID. */
  readonly parseOutput: (output: unknown) => JsonValue
  readonly effectKey:
    | ((args: JsonValue) => { readonly scope: 'run' | 'workflow' | 'tenant'; readonly key: string })
    | null
  readonly facts: ((args: JsonValue, ctx: ReadCtx) => Promise<JsonValue>) | null
  readonly preview: ((args: JsonValue, ctx: ReadCtx) => Promise<Preview>) | null
  readonly execute: (args: JsonValue, ctx: ActCtx) => Promise<unknown>
  readonly reconcile: ((args: JsonValue, ctx: ActCtx) => Promise<Found<unknown>>) | null
  /** Absent: it names nothing. */
  readonly touches?: (args: JsonValue, output: JsonValue | null) => readonly string[]
  /** Absent: nothing was said about undoing it. */
  readonly undo?: UndoSpec | 'impossible'
  /** Absent: the outside's list of these effects cannot be read. */
  readonly listed?: ListingSpec
}

/** Thrown by a tool to say that the action certainly did not happen; its message is shown to the caller and the model. */
export interface DefiniteFailure {
  readonly definite: true
}
