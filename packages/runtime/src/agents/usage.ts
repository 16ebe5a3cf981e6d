/** Token usage as the providers tell it, each in its own way, in one form. */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'
import { scaledUp } from '../base/decimal.ts'
import type { Usage } from '../contracts/common.ts'

type Raw = Readonly<Record<string, unknown>>
type Metadata = Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined

/** Names under which providers say that a call was served as usual. */
const STANDARD: ReadonlySet<string> = new Set(['default', 'standard', 'auto', 'on_demand', ''])

/**
 * The usage of an answer. The library sums what the providers tell; what it leaves out is read from their own words:
 *
 * - Anthropic: cache writes kept for an hour apart from the others, searches of the web;
 * - chat completions: usage without either count is no usage; tokens of sound; Gemini and Grok count reasoning outside of
 *   the completion tokens, which shows in a total that is larger than both; DeepSeek names its cached tokens otherwise;
 *   OpenRouter tells what the call cost in US dollars;
 * - Gemini: counts that are left out are none, once the prompt is told; sound by its modality; searches of the web;
 * - all: the service tier, where it is not the standard one.
 */
export function usageOf(usage: LanguageModelV4Usage, metadata?: Metadata): Usage {
  const raw: Raw = usage.raw ?? {}
  const own = 'promptTokenCount' in raw ? geminiUsage(raw, metadata) : chatUsage(usage, raw)
  return {
    input_tokens: count(usage.inputTokens.total),
    cache_read_tokens: count(usage.inputTokens.cacheRead),
    cache_write_tokens: count(usage.inputTokens.cacheWrite),
    output_tokens: count(usage.outputTokens.total),
    reasoning_tokens: count(usage.outputTokens.reasoning),
    ...own,
    ...anthropicExtras(raw),
    ...serviceTier(raw, metadata),
  }
}

/** What Anthropic says at the beginning of a stream: the input, before any output. Null for anything else. */
export function usageAtStart(metadata: Metadata): Usage | null {
  const raw = record(metadata?.anthropic?.usage)
  const input = count(raw?.input_tokens)
  if (!raw || input === null) return null
  const read = count(raw.cache_read_input_tokens) ?? 0
  const write = count(raw.cache_creation_input_tokens) ?? 0
  return {
    input_tokens: input + read + write,
    cache_read_tokens: read,
    cache_write_tokens: write,
    output_tokens: count(raw.output_tokens),
    reasoning_tokens: null,
    ...anthropicExtras(raw),
    ...serviceTier(raw, metadata),
  }
}

function anthropicExtras(raw: Raw): Partial<Usage> {
  const hour = count(record(raw.cache_creation)?.ephemeral_1h_input_tokens)
  const searches = count(record(raw.server_tool_use)?.web_search_requests)
  return {
    ...(hour !== null ? { cache_write_1h_tokens: hour } : {}),
    ...(searches !== null && searches > 0 ? { web_searches: searches } : {}),
  }
}

/** Corrections of usage in the form of chat completions; nothing for the other forms. */
function chatUsage(usage: LanguageModelV4Usage, raw: Raw): Partial<Usage> {
  const told = 'prompt_tokens' in raw || 'completion_tokens' in raw || 'total_tokens' in raw
  const responses = 'input_tokens' in raw || 'output_tokens' in raw
  if (responses || usage.raw === undefined) return {}
  const prompt = count(raw.prompt_tokens)
  const completion = count(raw.completion_tokens)
  if (!told) return { input_tokens: null, output_tokens: null }
  const inputDetails = record(raw.prompt_tokens_details)
  const outputDetails = record(raw.completion_tokens_details)
  const soundIn = count(inputDetails?.audio_tokens) ?? 0
  const soundOut = count(outputDetails?.audio_tokens) ?? 0
  const cost = typeof raw.cost === 'number' ? scaledUp(raw.cost, 9) : null
  const hit = inputDetails?.cached_tokens === undefined ? count(raw.prompt_cache_hit_tokens) : null
  return {
    input_tokens: prompt,
    output_tokens: completion,
    ...(hit !== null ? { cache_read_tokens: hit } : {}),
    ...outsideReasoning(raw, prompt, completion, count(outputDetails?.reasoning_tokens)),
    ...(soundIn > 0 ? { audio_input_tokens: soundIn } : {}),
    ...(soundOut > 0 ? { audio_output_tokens: soundOut } : {}),
    ...(cost !== null ? { told_cost_nano_usd: cost.toString() } : {}),
  }
}

/**
 * What Gemini tells: the prompt with its cached part, the prompts of its own tools, the answer, the thoughts. Cached sound
 * has no rate in a price table, and is counted as sound: the dearer reading.
 */
function geminiUsage(raw: Raw, metadata: Metadata): Partial<Usage> {
  const prompt = count(raw.promptTokenCount)
  const cachedSound = soundIn(raw.cacheTokensDetails)
  const sound = soundIn(raw.promptTokensDetails) + soundIn(raw.toolUsePromptTokensDetails)
  const soundOut = soundIn(raw.candidatesTokensDetails)
  const thoughts = count(raw.thoughtsTokenCount) ?? 0
  const searches = record(metadata?.google?.groundingMetadata)?.webSearchQueries
  return {
    input_tokens: prompt === null ? null : prompt + (count(raw.toolUsePromptTokenCount) ?? 0),
    cache_read_tokens: Math.max(0, (count(raw.cachedContentTokenCount) ?? 0) - cachedSound),
    output_tokens: (count(raw.candidatesTokenCount) ?? 0) + thoughts,
    reasoning_tokens: thoughts,
    ...(sound > 0 ? { audio_input_tokens: sound } : {}),
    ...(soundOut > 0 ? { audio_output_tokens: soundOut } : {}),
    ...(Array.isArray(searches) && searches.length > 0 ? { web_searches: searches.length } : {}),
  }
}

function soundIn(details: unknown): number {
  if (!Array.isArray(details)) return 0
  const counts = details.map(record).filter((each) => each?.modality === 'AUDIO')
  return counts.reduce((sum, each) => sum + (count(each?.tokenCount) ?? 0), 0)
}

/** Where the total is more than input and output together, the rest was reasoning: it is output, and so it is counted. */
function outsideReasoning(
  raw: Raw,
  prompt: number | null,
  completion: number | null,
  reasoning: number | null,
): Partial<Usage> {
  const total = count(raw.total_tokens)
  if (total === null || prompt === null || completion === null || total <= prompt + completion) return {}
  const outside = total - prompt - completion
  return { output_tokens: completion + outside, reasoning_tokens: Math.max(outside, reasoning ?? 0) }
}

function serviceTier(raw: Raw, metadata: Metadata): Partial<Usage> {
  const told = [raw.service_tier, ...Object.values(metadata ?? {}).map((values) => values.serviceTier)]
  const name = told.find((each): each is string => typeof each === 'string')
  const tier = name?.toLowerCase()
  return tier === undefined || STANDARD.has(tier) ? {} : { service_tier: tier }
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function record(value: unknown): Raw | null {
  // Read as unknown fields only.
  return typeof value === 'object' && value !== null ? (value as Raw) : null
}
