/** Sizes of requests in tokens, computed from their texts alone. */
import type { ModelMessage, ModelRequest } from '../contracts/model.ts'

/**
 * Tokens that a provider adds around each message and each part of one: role marks, separators, a name. The chat
 * formats that are published use three to seven.
 */
const FRAME_TOKENS = 12
/** Tokens of the text that providers put in front of tools; the largest published figure is below 1,000. */
const TOOLS_PREAMBLE_TOKENS = 1_024

/** What a conversation came to when it was last measured. */
interface Measured {
  readonly messages: readonly ModelMessage[]
  readonly bytes: number
  /** Messages and parts of messages. */
  readonly frames: number
}

const NOTHING: Measured = { messages: [], bytes: 0, frames: 0 }
/** By the first message: a conversation that only grew is measured from where it was. */
const measured = new WeakMap<ModelMessage, Measured>()

/**
 * An upper bound of the input tokens of a request (invariant 6). Tokenizers of language models never make more than
 * one token of one byte of UTF-8 (byte-level pairs, or pieces with byte fallback), so the bytes of all texts bound
 * the tokens of all texts; what the provider adds around them is a constant per message, part and tool. Messages are
 * measured once. Holds for text; files are not part of an agent's conversation.
 */
export function inputUpperBound(request: ModelRequest): number {
  const tools = request.tools.reduce((sum, tool) => sum + toolBytes(tool) + FRAME_TOKENS, 0)
  const schema = request.outputSchema === null ? 0 : bytesOf(request.outputSchema) + FRAME_TOKENS
  const preamble = request.tools.length > 0 || request.outputSchema !== null ? TOOLS_PREAMBLE_TOKENS : FRAME_TOKENS
  return messageBytes(request.messages, FRAME_TOKENS) + tools + schema + preamble
}

/** An upper bound of the tokens of a conversation alone. */
export function conversationUpperBound(messages: readonly ModelMessage[]): number {
  return messageBytes(messages, FRAME_TOKENS)
}

/** Bytes of all texts of a request: its messages, tools and output schema, nothing added. */
export function requestBytes(request: ModelRequest): number {
  const tools = request.tools.reduce((sum, tool) => sum + toolBytes(tool), 0)
  const schema = request.outputSchema === null ? 0 : bytesOf(request.outputSchema)
  return messageBytes(request.messages, 0) + tools + schema
}

function messageBytes(messages: readonly ModelMessage[], frame: number): number {
  const { bytes, frames } = measure(messages)
  return bytes + frame * frames
}

/** Messages are never changed in place, so equal ones need no second look; a turn does not cost its history. */
function measure(messages: readonly ModelMessage[]): Measured {
  const [first] = messages
  if (!first) return NOTHING
  const before = measured.get(first) ?? NOTHING
  const known = before.messages.every((message, i) => message === messages[i]) ? before : NOTHING
  if (known.messages.length === messages.length) return known
  let { bytes, frames } = known
  for (const message of messages.slice(known.messages.length)) {
    bytes += sizeOf(message)
    frames += 1 + (typeof message.content === 'string' ? 0 : message.content.length)
  }
  const now = { messages: [...messages], bytes, frames }
  measured.set(first, now)
  return now
}

function sizeOf(message: ModelMessage): number {
  if (message.role === 'system') return Buffer.byteLength(message.content)
  return message.content.reduce(
    (sum, part) => sum + (part.type === 'text' ? Buffer.byteLength(part.text) : bytesOf(part)),
    0,
  )
}

function toolBytes(tool: ModelRequest['tools'][number]): number {
  return Buffer.byteLength(tool.name) + Buffer.byteLength(tool.description) + bytesOf(tool.inputSchema)
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
