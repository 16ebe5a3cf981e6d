/** A ModelRequest as call options of the provider interface, and tool names that every provider accepts. */
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelAnswer, ModelMessage, ModelRequest } from '../contracts/model.ts'

type Options = LanguageModelV4CallOptions
type Schema = NonNullable<Options['tools']>[number] extends infer T
  ? T extends { inputSchema: infer S }
    ? S
    : never
  : never

/** Tool names in both directions for one request. */
export interface WireNames {
  toWire(name: string): string
  fromWire(name: string): string
}

/** Providers take letters, digits, `_` and `-` only. Two names of one request never become one. */
export function wireNames(names: readonly string[]): WireNames {
  const out = new Map<string, string>()
  const back = new Map<string, string>()
  for (const name of names) {
    const base = plain(name)
    let wire = base
    for (let n = 2; back.has(wire); n++) wire = `${base}_${n}`
    out.set(name, wire)
    back.set(wire, name)
  }
  return { toWire: (name) => out.get(name) ?? plain(name), fromWire: (wire) => back.get(wire) ?? wire }
}

function plain(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 62) || '_'
}

/** What is the same for all providers; no retries, no sampling settings. */
export function callOptions(request: ModelRequest, names: WireNames): Options {
  const options: Options = {
    prompt: request.messages.map((message) => toWire(message, names)),
    maxOutputTokens: request.maxOutputTokens,
  }
  if (request.tools.length > 0)
    options.tools = request.tools.map((tool) => ({
      type: 'function',
      name: names.toWire(tool.name),
      description: tool.description,
      inputSchema: schemaOf(tool.inputSchema),
    }))
  if (request.outputSchema !== null)
    options.responseFormat = { type: 'json', name: 'answer', schema: schemaOf(request.outputSchema) }
  return options
}

function schemaOf(schema: ModelRequest['outputSchema'] & object): Schema {
  // Our JSON Schemas are made by zod; the interface names the same with mutable types.
  return schema as unknown as Schema
}

function toWire(message: ModelMessage, names: WireNames): ModelMessage {
  if (message.role !== 'assistant' && message.role !== 'tool') return message
  const renamed = <P extends { type: string }>(part: P): P =>
    'toolName' in part && typeof part.toolName === 'string' ? { ...part, toolName: names.toWire(part.toolName) } : part
  if (message.role === 'tool') return { ...message, content: message.content.map(renamed) }
  return { ...message, content: message.content.map(renamed) }
}

/** The answer with the tools' own names. */
export function fromWire(answer: ModelAnswer, names: WireNames): ModelAnswer {
  const content = answer.content.map((part) =>
    part.type === 'tool-call' ? { ...part, toolName: names.fromWire(part.toolName) } : part,
  )
  return { ...answer, content }
}
