/** Sizes of requests in tokens, computed from their texts alone. */
import type { ModelMessage, ModelRequest } from '../contracts/model.ts'

/**
 * Tokens that a provider adds around each message and each part of one: role marks, separators, a name. The chat
 * formats that are published use three to seven.
 */
const FRAME_TOKENS = 12
/** Tokens of the text that providers put in front of tools; the largest published figure is below 1,000. */
const TOOLS_PREAMBLE_TOKENS = 1_024

const sizes = new WeakMap<ModelMessage, number>()

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

/** Bytes of all texts of a request: its messages, tools and output schema, nothing added. */
export function requestBytes(request: ModelRequest): number {
  const tools = request.tools.reduce((sum, tool) => sum + toolBytes(tool), 0)
  const schema = request.outputSchema === null ? 0 : bytesOf(request.outputSchema)
  return messageBytes(request.messages, 0) + tools + schema
}

function messageBytes(messages: readonly ModelMessage[], frame: number): number {
  let sum = 0
  for (const message of messages) {
    const parts = typeof message.content === 'string' ? 0 : message.content.length
    sum += measuredOnce(message) + frame * (parts + 1)
  }
  return sum
}

function measuredOnce(message: ModelMessage): number {
  const known = sizes.get(message)
  if (known !== undefined) return known
  const bytes = sizeOf(message)
  sizes.set(message, bytes)
  return bytes
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
