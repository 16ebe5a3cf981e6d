/** Models whose answers come from a function: for tests, and where no provider is configured. */
import type { JsonValue } from '../base/json.ts'
import type { Usage } from '../contracts/common.ts'
import type { ModelAnswer, ModelDelta, ModelHandle, ModelPrice, ModelRequest } from '../contracts/model.ts'
import { inputUpperBound, requestBytes } from './bound.ts'
import { cutTo } from './compact.ts'

/** What a script answers; a text alone is an answer without calls. */
export type ScriptedAnswer =
  | string
  | {
      readonly text?: string
      readonly reasoning?: string
      readonly calls?: readonly ScriptedCall[]
      /** Default: `tool-calls` with calls, `length` when cut at the output limit, else `stop`. */
      readonly finishReason?: string
      /** Overrides what is computed from the lengths of the texts. */
      readonly usage?: Partial<Usage>
    }

/** One tool call of a scripted answer. */
export interface ScriptedCall {
  readonly tool: string
  /** Arguments, or `raw` text that need not be JSON. */
  readonly args?: JsonValue
  readonly raw?: string
  /** Default: made of the number of messages and the place of the call. */
  readonly id?: string
}

/** Computes an answer from what the model is shown, and from nothing else. */
export type Script = (request: ModelRequest, signal: AbortSignal) => ScriptedAnswer | Promise<ScriptedAnswer>

/** Texts of four bytes count as one token. */
const BYTES_PER_TOKEN = 4
const DEFAULT_CHUNK = 32

/**
 * A model that answers by a script: deterministic, usage computed from text lengths at four bytes a token, text sent
 * in provisional parts of `chunk` characters, cut at `maxOutputTokens` like a real one. Labelled `scripted`.
 */
export function scriptedHandle(id: string, script: Script, price: ModelPrice, chunk = DEFAULT_CHUNK): ModelHandle {
  return {
    id,
    provider: 'scripted',
    scripted: true,
    price,
    inputUpperBound,
    call: async (request, { signal, onDelta }) => {
      signal.throwIfAborted()
      const scripted = await script(request, signal)
      signal.throwIfAborted()
      const answer = toAnswer(id, request, typeof scripted === 'string' ? { text: scripted } : scripted)
      for (const delta of deltasOf(answer, chunk)) {
        onDelta(delta)
        await Promise.resolve()
        signal.throwIfAborted()
      }
      return answer
    },
  }
}

function toAnswer(id: string, request: ModelRequest, scripted: Exclude<ScriptedAnswer, string>): ModelAnswer {
  const calls = scripted.calls ?? []
  const limit = request.maxOutputTokens * BYTES_PER_TOKEN
  const text = cutTo(scripted.text ?? '', limit)
  const cut = text !== (scripted.text ?? '')
  const content: ModelAnswer['content'][number][] = []
  if (scripted.reasoning) content.push({ type: 'reasoning', text: scripted.reasoning })
  if (text !== '') content.push({ type: 'text', text })
  calls.forEach((call, place) => {
    const toolCallId = call.id ?? `call_${request.messages.length}_${place}`
    const input = call.raw ?? JSON.stringify(call.args ?? {})
    content.push({ type: 'tool-call', toolCallId, toolName: call.tool, input })
  })
  const finishReason = scripted.finishReason ?? (cut ? 'length' : calls.length > 0 ? 'tool-calls' : 'stop')
  const usage = { ...usageOf(request, content), ...scripted.usage }
  return { content, finishReason, usage, responseId: null, responseModel: id }
}

function usageOf(request: ModelRequest, content: ModelAnswer['content']): Usage {
  const reasoning = content.reduce((sum, part) => sum + (part.type === 'reasoning' ? tokens(part.text) : 0), 0)
  const rest = content.reduce((sum, part) => sum + visibleTokens(part), 0)
  return {
    input_tokens: Math.ceil(requestBytes(request) / BYTES_PER_TOKEN),
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: reasoning + rest,
    reasoning_tokens: reasoning,
  }
}

function visibleTokens(part: ModelAnswer['content'][number]): number {
  if (part.type === 'text') return tokens(part.text)
  return part.type === 'tool-call' ? tokens(part.toolName + part.input) : 0
}

function tokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}

function* deltasOf(answer: ModelAnswer, chunk: number): Generator<ModelDelta> {
  for (const [place, part] of answer.content.entries()) {
    if (part.type !== 'text' && part.type !== 'reasoning') continue
    const type = part.type === 'text' ? 'text-delta' : 'reasoning-delta'
    const characters = [...part.text]
    for (let at = 0; at < characters.length; at += chunk)
      yield { type, id: String(place), delta: characters.slice(at, at + chunk).join('') }
  }
}
