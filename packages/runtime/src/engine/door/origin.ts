import { canonicalJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Labels } from '../../contracts/common.ts'
import type { ModelMessage } from '../../contracts/model.ts'
import type { CatalogueTool } from '../../contracts/policy.ts'
import type { ToolSpec } from '../../contracts/tool.ts'
import { givenArguments, type OriginSource, unprovenArguments } from '../../policy/index.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * Finds out where the critical arguments of a call come from: the user's own input, outputs of tools that cannot carry
 * outside text, or anywhere. Nothing that a model says counts. What the catalogue does not label stays unknown.
 */
export async function readOrigin(ask: Ask): Promise<Ended | null> {
  if (ask.spec.kind !== 'tool') return null
  const { policy } = ask.run.env
  const critical = policy.tool(ask.name)?.critical
  if (critical === undefined) return null
  const args = asObject(ask.args)
  const given = givenArguments(args, critical)
  const sources =
    given.length > 0
      ? [...(await userInput(ask)), ...insideOutputs(ask.owner.conversation(), (name) => policy.tool(name))]
      : []
  ask.origin = { given, unproven: unprovenArguments(args, given, sources) }
  return null
}

/** Labels of an output: the catalogue rules over what the tool says of itself. */
export function outputLabels(ask: Ask, tool: ToolSpec): Labels {
  switch (ask.run.env.policy.tool(ask.name)?.output) {
    case 'inside':
      return { ...tool.labels, integrity: 2 }
    case 'outside':
      return { ...tool.labels, integrity: 0 }
    default:
      return tool.labels
  }
}

async function userInput({ run }: Ask): Promise<OriginSource[]> {
  if (!run.env.policy.isUserInput?.(run.spec.name)) return []
  return [{ text: textOf(await run.contents.read(run.fold.started.input)), given: null }]
}

/** What tools answered in this conversation, without failures: an error message may say anything. */
function insideOutputs(
  messages: readonly ModelMessage[],
  tool: (name: string) => CatalogueTool | null,
): OriginSource[] {
  const given = new Map<string, string>()
  const found: OriginSource[] = []
  for (const message of messages) {
    if (message.role !== 'assistant' && message.role !== 'tool') continue
    for (const part of message.content) {
      if (part.type === 'tool-call') given.set(part.toolCallId, textOf(part.input as JsonValue)) // parsed from JSON
      if (message.role !== 'tool' || part.type !== 'tool-result') continue
      const { output } = part
      if (output.type !== 'json' && output.type !== 'text') continue
      if (tool(part.toolName)?.output !== 'inside') continue
      const args = given.get(part.toolCallId)
      // The type of the package says `unknown`; it is the JSON that the tool gave.
      if (args !== undefined) found.push({ text: textOf(output.value as JsonValue), given: args })
    }
  }
  return found
}

/** All texts and numbers inside, one a line. */
function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return canonicalJson(value)
  return Object.values(value).map(textOf).join('\n')
}

function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}
