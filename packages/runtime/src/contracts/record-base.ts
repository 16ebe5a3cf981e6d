import type { EditedArguments } from './approval.ts'
import type { CheckpointBody } from './checkpoint.ts'
import type { ActivityKind, ContentRef, EffectClass, Labels } from './common.ts'
import type { HiddenTool } from './policy.ts'
import type { ModelTrouble } from './provider.ts'
import type { Way } from './ways.ts'

/** Version of the record format. A store with a higher one is refused (STORE_NEWER). */
export const RECORD_VERSION = 1

/** Fields that every record carries (invariant 9). */
export interface RecordBase {
  readonly v: typeof RECORD_VERSION
  readonly run: string
  /** Gap-free from 1 within the run, over all branches. */
  readonly seq: number
  /** ISO 8601 wall time. */
  readonly at: string
  /** SHA-256 (hex) over the previous record's stored bytes; 64 zeros for the first. */
  readonly prev: string
  readonly branch: number
  readonly segment: number
  /** Sequence of the record that caused this one, or null. */
  readonly cause: number | null
  /** Active runtime of the run in milliseconds so far (invariant 6). */
  readonly active_ms: number
  /** Set on a record that a fork took over from the open superstep of its parent; it tells what happened there. */
  readonly origin?: RecordOrigin
}

/** Where a record that a fork took over was recorded first, and when (ISO 8601). */
export interface RecordOrigin {
  readonly run: string
  readonly seq: number
  readonly at: string
}

/** What the intent of a nested scope opens (ENGINE R20). The scope is called as the key of the ask. */
export interface ScopeOpening {
  readonly workflow: string
  readonly version: string
  readonly signature: string
  readonly checkpoint: CheckpointBody
}

/** Identifies an ask of a handler (ENGINE R1). `key` is the same on every attempt, branch and worker. */
export interface AskRef {
  /** `<activation>/<position>/<ordinal>` and for an activity's own asks `<parent key>/<phase>/<n>`. */
  readonly key: string
  /** `<scope>.<superstep>.<node>.<delivery>`. */
  readonly activation: string
  readonly node: string
  readonly superstep: number
  readonly position: number
  readonly ordinal: number
  /** Attempt of the activation (node retry), from 1. */
  readonly attempt: number
  /** Set for what an activity itself asks. */
  readonly parent: { readonly key: string; readonly phase: Way<'read'> } | null
}

/** The effect that a call undoes: its run, its outcome record, its tool, and its id in the ledger. */
export interface UndoneEffect {
  readonly run: string
  readonly seq: number
  readonly tool: string
  readonly effect_id: string
}

/** What an outcome tells beside how the call ended, so that it can be found again. Earlier versions do not tell it. */
export interface OutcomeLinks {
  /**
   * Keyed digests of the objects that the call was about, whether it happened or was kept back; null when its tool could
   * not name them. Earlier versions tell them only of what may have happened.
   */
  readonly touched?: readonly string[] | null
  /** The provider's own id of a model's answer. */
  readonly response_id?: string
}

/** What is proposed to the door. */
export interface Proposal {
  readonly kind: ActivityKind
  /** Tool name or model id. */
  readonly name: string
  readonly class: string
  readonly effect: EffectClass
  /** The agent whose turn asks, or null for a deterministic node. */
  readonly agent: string | null
  /** The model outcome record that proposed this call, or null for a deterministic node. */
  readonly model_seq: number | null
  /** The model's call id, or null. */
  readonly call_id: string | null
  readonly args: ContentRef
  /** HMAC over the canonical JSON of the arguments under the tenant's digest key. */
  readonly args_digest: string
  readonly labels: Labels
  readonly definition_hash: string
  /** Of a tool that comes from an MCP server: the server. */
  readonly server?: string
  /** Set for a call of a compensation: the effect that it undoes. */
  readonly undoes?: UndoneEffect
  /** Set where a reviewer put other arguments in the place of `args`: these are what is sent. */
  readonly edited?: EditedArguments
  /** Set for a read that an agent's context provider makes for itself: its name. No model asked for it. */
  readonly context?: string
  /** Set for a call of a declared fallback model: in whose place, and why. */
  readonly fallback_of?: FallbackOf
  /** Set when a control changed the arguments: the digest of what was asked for. `args` and its digest are what is done. */
  readonly asked_digest?: string
  /** Of a model call: tools that the model was not shown, and why. */
  readonly hidden?: readonly HiddenTool[]
}

/** The model call in whose place a declared fallback model is called: its model, its trouble, its outcome record. */
export interface FallbackOf {
  readonly model: string
  readonly trouble: ModelTrouble
  readonly seq: number
}
