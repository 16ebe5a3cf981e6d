/** Contents as the messages that the GenAI conventions describe: a role, and parts of a type. */
import type { JsonValue } from '../base/json.ts'

/** Turns stored messages, model answers and plain values into a list of messages. `what` is the role of a plain value. */
export function genAiMessages(all: readonly { readonly value: JsonValue; readonly what: string }[]): JsonValue {
  return all.map(({ value, what }) => {
    if (!isRecord(value)) return { role: what, parts: partsOf(value) }
    const { role, content, finishReason } = value
    if (content === undefined) return { role: what === 'message' ? 'user' : what, parts: partsOf(value) }
    const parts = partsOf(content)
    const told = typeof role === 'string' ? role : what === 'message' ? 'user' : what
    return { role: told, parts, ...(finishReason === undefined ? {} : { finish_reason: finishReason }) }
  })
}

function partsOf(content: JsonValue): JsonValue {
  if (Array.isArray(content)) return content.map(partOf)
  return [{ type: 'text', content: typeof content === 'string' ? content : JSON.stringify(content) }]
}

function partOf(part: JsonValue): JsonValue {
  if (!isRecord(part)) return { type: 'text', content: JSON.stringify(part) }
  const { type, text, toolCallId, toolName, input, args, output, result } = part
  if (type === 'text' || type === 'reasoning') return { type, content: text ?? '' }
  const id = { id: toolCallId ?? null, name: toolName ?? null }
  if (type === 'tool-call') return { type: 'tool_call', ...id, arguments: input ?? args ?? null }
  if (type === 'tool-result') return { type: 'tool_call_response', ...id, response: output ?? result ?? null }
  return part
}

function isRecord(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
