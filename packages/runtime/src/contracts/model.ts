import type { LanguageModelV4CallOptions, LanguageModelV4Content, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { JsonObject } from '../base/json.ts'
import type { Usage } from './common.ts'
import type { ModelPermit, ModelRetry, ProviderHealth } from './provider.ts'

/** A message of a conversation as the AI SDK's language-model interface has it, plain JSON. */
export type ModelMessage = LanguageModelV4CallOptions['prompt'][number]

/** A tool as it is shown to the model. */
export interface ModelTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: JsonObject
}

/** One model call. */
export interface ModelRequest {
  readonly messages: readonly ModelMessage[]
  readonly tools: readonly ModelTool[]
  readonly maxOutputTokens: number
  /** JSON Schema the answer must fit when it makes no tool call, or null for text. */
  readonly outputSchema: JsonObject | null
}

/** A finished model call. */
export interface ModelAnswer {
  readonly content: readonly LanguageModelV4Content[]
  readonly finishReason: string
  readonly usage: Usage
  readonly responseId: string | null
  readonly responseModel: string | null
}

/** A provisional part of a running model call (ENGINE R17). */
export type ModelDelta = Extract<
  LanguageModelV4StreamPart,
  { type: 'text-delta' | 'reasoning-delta' | 'tool-input-delta' }
>

/** Prices of one model, per million tokens, in nano-USD; from a dated price file. */
export interface ModelPrice {
  /** `<table id>#<model>`, recorded with each cost. */
  readonly id: string
  readonly inputPerMillion: bigint
  readonly cacheReadPerMillion: bigint
  readonly cacheWritePerMillion: bigint
  /** Reasoning tokens are priced as output. */
  readonly outputPerMillion: bigint
}

/** A model that can be called. */
export interface ModelHandle {
  /** `provider/model`, as declared. */
  readonly id: string
  readonly provider: string
  /** True when the answers come from a script and not from a language model; shown wherever its name is. */
  readonly scripted: boolean
  /** Throws PRICE_UNKNOWN when there is no price and none may be assumed. */
  readonly price: ModelPrice
  /** How often a call in trouble is tried again; absent: never. */
  readonly retry?: ModelRetry
  /** An upper bound of the input tokens of a request (invariant 6). */
  inputUpperBound(request: ModelRequest): number
  /**
   * Waits until the provider may be called; absent: at once. Throws MODEL_FAILED with the trouble `circuit_open` or
   * `queue_full`, or the signal's reason; nothing was sent then.
   */
  readonly admit?: (call: { runId: string; signal: AbortSignal }) => Promise<ModelPermit>
  /**
   * One provider call. `onDelta` sees provisional parts. Throws MODEL_FAILED, its provider's text readable through
   * `errorContentOf` alone, or the signal's reason when aborted; never retries by itself. Details of an error:
   * `trouble` (a ModelTrouble), `charged` (false when it certainly cost nothing), `retry_after_seconds`.
   */
  call(
    request: ModelRequest,
    options: { signal: AbortSignal; headers: Readonly<Record<string, string>>; onDelta: (delta: ModelDelta) => void },
  ): Promise<ModelAnswer>
}

/** Finds models by id. */
export interface ModelPort {
  /** Throws MODEL_UNKNOWN or KEY_MISSING with the fix. */
  resolve(id: string): ModelHandle
  /** How the providers do that were called from this process. */
  health?(): readonly ProviderHealth[]
}

/** What an outside party said in an error: content, to be sealed and never logged. Null when it said nothing. */
export function errorContentOf(error: unknown): string | null {
  const content = error instanceof Error && 'content' in error ? error.content : null
  return typeof content === 'string' ? content : null
}
