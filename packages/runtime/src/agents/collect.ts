/** From the parts of a model's answer, streamed or not, to one ModelAnswer: the same code for both. */
import type { LanguageModelV4GenerateResult, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { SignalboxError } from '../base/errors.ts'
import type { Usage } from '../contracts/common.ts'
import type { ModelAnswer, ModelDelta } from '../contracts/model.ts'
import { usageAtStart, usageOf } from './usage.ts'

type Part = LanguageModelV4StreamPart
type Content = ModelAnswer['content'][number]
type Metadata = Content['providerMetadata']

/** Content that only a stream has: what it says stands in usage and response id as well. */
const TRANSPORT_KINDS: ReadonlySet<string> = new Set(['anthropic.message_start'])

/** A text or reasoning that is still growing, at its place in the content. */
interface Growing {
  readonly type: 'text' | 'reasoning'
  text: string
  metadata: Metadata
}

/** A provider's error part, kept apart from errors of our own until it is mapped. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
}

/** The parts that the answer of a call without streaming would have had. */
export async function* partsOf(result: LanguageModelV4GenerateResult): AsyncGenerator<Part> {
  for (const [place, content] of result.content.entries()) {
    const id = String(place)
    const metadata = content.providerMetadata ? { providerMetadata: content.providerMetadata } : {}
    if (content.type === 'text') {
      yield { type: 'text-start', id }
      if (content.text !== '') yield { type: 'text-delta', id, delta: content.text }
      yield { type: 'text-end', id, ...metadata }
    } else if (content.type === 'reasoning') {
      yield { type: 'reasoning-start', id }
      if (content.text !== '') yield { type: 'reasoning-delta', id, delta: content.text }
      yield { type: 'reasoning-end', id, ...metadata }
    } else yield content
  }
  if (result.response) yield { type: 'response-metadata', ...result.response }
  const metadata = result.providerMetadata ? { providerMetadata: result.providerMetadata } : {}
  yield { type: 'finish', usage: result.usage, finishReason: result.finishReason, ...metadata }
}

/**
 * Reads all parts. Growing texts keep the place where they began. Throws MODEL_FAILED when the parts end without a
 * finish, and StreamError for an error part: half an answer is never an answer. `received` is set once a part came from
 * the provider: not for the first one, which the library makes itself, nor for an error. `onUsage` is told what the
 * provider says was used before the end.
 */
export async function collect(
  parts: AsyncIterable<Part>,
  onDelta: (delta: ModelDelta) => void,
  received: { any: boolean } = { any: false },
  onUsage: (usage: Usage) => void = () => undefined,
): Promise<ModelAnswer> {
  const content: (Content | Growing)[] = []
  const open = new Map<string, Growing>()
  let finish: Extract<Part, { type: 'finish' }> | null = null
  let responseId: string | null = null
  let responseModel: string | null = null
  for await (const part of parts) {
    if (!received.any) received.any = part.type !== 'stream-start' && part.type !== 'error'
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start': {
        const type = part.type === 'text-start' ? 'text' : 'reasoning'
        const growing: Growing = { type, text: '', metadata: part.providerMetadata }
        open.set(`${type}:${part.id}`, growing)
        content.push(growing)
        break
      }
      case 'text-delta':
      case 'reasoning-delta':
        grow(open, part.type === 'text-delta' ? 'text' : 'reasoning', part)
        onDelta(part)
        break
      case 'text-end':
      case 'reasoning-end':
        grow(open, part.type === 'text-end' ? 'text' : 'reasoning', { ...part, delta: '' })
        break
      case 'tool-input-delta':
        onDelta(part)
        break
      case 'response-metadata':
        responseId = part.id ?? responseId
        responseModel = part.modelId ?? responseModel
        break
      case 'finish':
        finish = part
        break
      case 'error':
        throw new StreamError('the provider reported an error', { cause: part.error })
      case 'custom': {
        const usage = TRANSPORT_KINDS.has(part.kind) ? usageAtStart(part.providerMetadata) : null
        if (usage) onUsage(usage)
        if (!TRANSPORT_KINDS.has(part.kind)) content.push(part)
        break
      }
      case 'tool-input-start':
      case 'tool-input-end':
      case 'stream-start':
      case 'ping':
      case 'raw':
        break
      default:
        content.push(part)
    }
  }
  if (finish === null || finish.finishReason.unified === 'interrupted')
    throw new SignalboxError('MODEL_FAILED', 'the answer of the model ended before it was finished')
  return {
    content: content.flatMap(settle),
    finishReason: finish.finishReason.unified,
    usage: usageOf(finish.usage, finish.providerMetadata),
    responseId,
    responseModel,
  }
}

function grow(
  open: ReadonlyMap<string, Growing>,
  type: Growing['type'],
  part: { readonly id: string; readonly delta: string; readonly providerMetadata?: Metadata },
): void {
  const growing = open.get(`${type}:${part.id}`)
  if (!growing) throw new StreamError('the provider sent a part of a text that it had not begun')
  growing.text += part.delta
  growing.metadata = merge(growing.metadata, part.providerMetadata)
}

function merge(before: Metadata, after: Metadata): Metadata {
  if (!before || !after) return after ?? before
  const merged = { ...before }
  for (const [provider, values] of Object.entries(after)) merged[provider] = { ...merged[provider], ...values }
  return merged
}

/** A finished part as plain content; a text that stayed empty and carries nothing is left out. */
function settle(part: Content | Growing): Content[] {
  if (!('metadata' in part)) return [part]
  const { type, text, metadata } = part
  if (text === '' && !metadata) return []
  return [metadata ? { type, text, providerMetadata: metadata } : { type, text }]
}
