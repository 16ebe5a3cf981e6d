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

/** Rates per million tokens in nano-USD. What is not there is priced at the rate that its comment names. */
export interface ModelRates {
  readonly inputPerMillion: bigint
  readonly cacheReadPerMillion: bigint
  readonly cacheWritePerMillion: bigint
  readonly outputPerMillion: bigint
  /** Cache writes that are kept for an hour; else as other cache writes. */
  readonly cacheWrite1hPerMillion?: bigint
  /** Reasoning tokens; else as output. */
  readonly reasoningPerMillion?: bigint
  /** Input tokens of sound; else as input. */
  readonly audioInputPerMillion?: bigint
  /** Output tokens of sound; else as output. */
  readonly audioOutputPerMillion?: bigint
}

/** Rates of a whole call whose input tokens, cached ones included, are more than a bound. */
export interface TierRates extends ModelRates {
  readonly aboveInputTokens: number
}

/** What a call costs at one service level. Tiers by ascending bound. */
export interface LevelRates extends ModelRates {
  readonly tiers?: readonly TierRates[]
}

/** Prices of one model from a dated table. */
export interface ModelPrice extends LevelRates {
  /** `<table id>#<model>`, recorded with each cost. */
  readonly id: string
  /** `<overlay id>#<row>` of the tenant's own prices that changed it, recorded with each cost. */
  readonly overlay?: string
  /** A fee of each call, in nano-USD. */
  readonly perRequest?: bigint
  /** A fee of each search of the web that the provider makes, in nano-USD. */
  readonly perWebSearch?: bigint
  /** Rates of service levels such as `priority` and `flex`, by the name that the provider answers with. */
  readonly levels?: Readonly<Record<string, LevelRates>>
  /** True when what the provider says that a call cost is taken for its cost. */
  readonly providerTells?: boolean
}

/** When and for whom a call is made: what decides which prices count. */
export interface PriceMoment {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly tenant: string
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
  /** The price of a call made then for that tenant; absent: `price`, always. Throws PRICE_UNKNOWN as `price` does. */
  readonly priceFor?: (moment: PriceMoment) => ModelPrice
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
    options: {
      signal: AbortSignal
      headers: Readonly<Record<string, string>>
      onDelta: (delta: ModelDelta) => void
      /** Told each time the provider says what was used so far; the answer may still break off after it. */
      onUsage?: (usage: Usage) => void
    },
  ): Promise<ModelAnswer>
}

/** Finds models by id. */
export interface ModelPort {
  /** Throws MODEL_UNKNOWN or KEY_MISSING with the fix. */
  resolve(id: string): ModelHandle
  /** How the providers do that were called from this process. */
  health?(): readonly ProviderHealth[]
  /** What a tenant paid at a moment where others pay the listed prices. Absent: the listed prices. */
  ownPrice?(model: string, moment: PriceMoment, listed: (model: string) => ModelPrice): ModelPrice
}

/** What an outside party said in an error: content, to be sealed and never logged. Null when it said nothing. */
export function errorContentOf(error: unknown): string | null {
  const content = error instanceof Error && 'content' in error ? error.content : null
  return typeof content === 'string' ? content : null
}
