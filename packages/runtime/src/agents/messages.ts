/** From a model's answer to the messages that the next call replays. Control content never gets into them. */
import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { ModelAnswer, ModelMessage } from '../contracts/model.ts'

type Assistant = Extract<ModelMessage, { role: 'assistant' }>
type AssistantPart = Assistant['content'][number]
type ToolPart = Extract<Extract<ModelMessage, { role: 'tool' }>['content'][number], { type: 'tool-result' }>
type ToolOutput = ToolPart['output']
type Content = ModelAnswer['content'][number]
type CallContent = Extract<Content, { type: 'tool-call' }>

/** Arguments as the model wrote them: parsed, or the text when it is not a JSON object. */
export type CallInput =
  | { readonly valid: true; readonly value: JsonValue }
  | { readonly valid: false; readonly value: string }

/** One tool call of an answer, in the order the model gave. */
export interface AnswerCall {
  readonly id: string
  readonly tool: string
  readonly input: CallInput
}

/** A terminal result of one call, before it becomes a part of a message. */
export interface TerminalResult {
  readonly ok: boolean
  readonly value: JsonValue
}

/** Reads a model outcome. Throws MODEL_FAILED when it is no answer at all. */
export function readAnswer(output: JsonValue, model: string): ModelAnswer {
  const readable = output !== null && typeof output === 'object' && 'content' in output && Array.isArray(output.content)
  if (!readable) throw new SignalboxError('MODEL_FAILED', `model \`${model}\` gave no readable answer`)
  // Written by the model port as a ModelAnswer and kept as JSON.
  return output as unknown as ModelAnswer
}

/** The tool calls of an answer. A call without an id gets one from the turn and its place. */
export function callsOf(answer: ModelAnswer, turn: number): AnswerCall[] {
  return answer.content
    .filter((part) => part.type === 'tool-call')
    .map((part, place) => ({
      id: callId(part, turn, place),
      tool: part.toolName,
      input: readInput(part.input),
    }))
}

function callId(part: CallContent, turn: number, place: number): string {
  return part.toolCallId === '' ? `call_${turn}_${place}` : part.toolCallId
}

/** The input is an unvalidated string; nothing at all means a call without arguments. */
function readInput(text: string): CallInput {
  if (text.trim() === '') return { valid: true, value: {} }
  try {
    // JSON.parse gives JSON values only.
    const value = JSON.parse(text) as JsonValue
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return { valid: true, value }
  } catch {
    // Not JSON: the model is told so.
  }
  return { valid: false, value: text }
}

/** The text of an answer, reasoning left out. */
export function textOf(answer: ModelAnswer): string {
  return answer.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** The text of the last message when it is the model's, else nothing. */
export function lastText(messages: readonly ModelMessage[]): string {
  const last = messages.at(-1)
  if (last?.role !== 'assistant') return ''
  return last.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/**
 * The answer as an assistant message: reasoning stays with its calls in the order given, with what the provider needs
 * to accept it again. Null when nothing of it can be replayed.
 */
export function assistantMessage(answer: ModelAnswer, turn: number): ModelMessage | null {
  let place = 0
  const content = answer.content.flatMap((part): AssistantPart[] => {
    const kept = part.type === 'tool-call' ? callPart(part, turn, place++) : plainPart(part)
    return kept ? [withOptions(kept, part.providerMetadata)] : []
  })
  return content.length === 0 ? null : { role: 'assistant', content }
}

function callPart(part: CallContent, turn: number, place: number): AssistantPart {
  const input = readInput(part.input)
  // Providers take an object only, so text that is no object travels inside one.
  const replayed = input.valid ? input.value : { unparsed: input.value }
  return { type: 'tool-call', toolCallId: callId(part, turn, place), toolName: part.toolName, input: replayed }
}

function plainPart(part: Content): AssistantPart | null {
  if (part.type === 'text') return part.text === '' ? null : { type: 'text', text: part.text }
  if (part.type === 'reasoning') return { type: 'reasoning', text: part.text }
  if (part.type === 'custom') return { type: 'custom', kind: part.kind }
  return null
}

function withOptions(part: AssistantPart, metadata: Content['providerMetadata']): AssistantPart {
  return metadata ? { ...part, providerOptions: metadata } : part
}

/** A message from the user side. */
export function userMessage(text: string): ModelMessage {
  return { role: 'user', content: [{ type: 'text', text }] }
}

/** The terminal results of one answer's calls, in call order, one for each call even when ids repeat. */
export function resultMessage(
  results: readonly { readonly call: AnswerCall; readonly output: TerminalResult }[],
): ModelMessage {
  const content = results.map(
    ({ call, output }): ToolPart => ({
      type: 'tool-result',
      toolCallId: call.id,
      toolName: call.tool,
      output: toOutput(output),
    }),
  )
  return { role: 'tool', content }
}

function toOutput(result: TerminalResult): ToolOutput {
  // The provider's interface has the same JSON values without the read-only mark.
  const value = result.value as Extract<ToolOutput, { type: 'json' }>['value']
  if (!result.ok) return { type: 'error-json', value }
  return typeof result.value === 'string' ? { type: 'text', value: result.value } : { type: 'json', value }
}
