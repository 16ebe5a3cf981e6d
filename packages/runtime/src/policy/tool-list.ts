import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import type { CatalogueTool } from '../contracts/policy.ts'

/** What a list says of one tool: its arguments under the name that its source uses. */
const Entry = z.object({
  name: z.string().regex(/^[A-Za-z][\w./-]{0,127}$/, 'must be letters, digits, dots, slashes, hyphens'),
  inputSchema: z.unknown().optional(),
  parameters: z.unknown().optional(),
})
/** In function calling the tool may stand one level deeper. */
const Wrapped = z.object({ type: z.literal('function'), function: z.record(z.string(), z.unknown()) })
const Lists = z.union([
  z.array(z.unknown()),
  z.object({ tools: z.array(z.unknown()) }).transform(({ tools }) => tools),
  z.object({ result: z.object({ tools: z.array(z.unknown()) }) }).transform(({ result }) => result.tools),
])
const Arguments = z.object({
  type: z.literal('object', 'must be `object`').optional(),
  properties: z.record(z.string(), z.union([z.boolean(), z.record(z.string(), z.unknown())])).default({}),
  required: z.array(z.string()).default([]),
})

/**
 * A draft of a catalogue from a list of tools: an MCP server's answer to `tools/list`, the tools of function calling, or
 * objects with `name` and `parameters`. What a list says of effects is not taken over: each tool is unlabelled, that is,
 * as restricted as can be, until a person has judged it.
 * @throws SignalboxError TOOL_LIST_INVALID naming every fault at once
 */
export function draftCatalogue(list: unknown): JsonObject {
  const read = Lists.safeParse(list)
  if (!read.success || read.data.length === 0) {
    throw invalid(['it must be an array of tools, or an object with `tools`, and hold at least one'])
  }
  const faults: string[] = []
  const tools = read.data.flatMap((item, at) => draftTool(item, `tools[${at}]`, faults))
  const names = tools.map((tool) => tool.name)
  for (const name of new Set(names.filter((one, at) => names.indexOf(one) !== at))) {
    faults.push(`\`${name}\` is listed twice: a policy could not tell the two apart`)
  }
  if (faults.length > 0) throw invalid(faults)
  // Plain data, spread so that it is JSON to the type checker as well.
  return { tools: tools.map((tool) => ({ ...tool })), models: [], workflows: [] }
}

function invalid(faults: readonly string[]): SignalboxError {
  return new SignalboxError('TOOL_LIST_INVALID', `the list of tools cannot be read: ${faults.join('; ')}`, {
    details: { faults: [...faults] },
  })
}

type Draft = Pick<CatalogueTool, 'name' | 'class' | 'effect' | 'owner' | 'blast_radius'> & {
  readonly input: JsonObject
  readonly facts: JsonObject
  readonly output: 'outside'
  readonly reasons: JsonObject
}

function draftTool(item: unknown, place: string, faults: string[]): Draft[] {
  const wrapped = Wrapped.safeParse(item)
  const entry = Entry.safeParse(wrapped.success ? wrapped.data.function : item)
  if (!entry.success) {
    faults.push(`\`${place}\` has no name that a catalogue can hold: ${firstOf(entry.error)}`)
    return []
  }
  const { name, inputSchema, parameters } = entry.data
  const schema = Arguments.safeParse(inputSchema ?? parameters)
  if (!schema.success) {
    faults.push(`the schema of \`${name}\` is not one of an object: ${firstOf(schema.error)}`)
    return []
  }
  const given = Object.keys(schema.data.properties)
  const unknown = schema.data.required.filter((one) => !given.includes(one))
  if (unknown.length > 0) faults.push(`the schema of \`${name}\` requires \`${unknown[0]}\` and does not describe it`)
  return [draftOf(name, given)]
}

function draftOf(name: string, given: readonly string[]): Draft {
  const choice = given.length === 0 ? 'it takes none: write []' : `choose among ${given.join(', ')}`
  return {
    name,
    class: 'unlabelled',
    effect: 'irreversible',
    owner: 'to be written',
    blast_radius: 'to be written: what can go wrong with one wrong call',
    input: {},
    facts: {},
    output: 'outside',
    reasons: {
      class: 'to be written: what it does, and to whom',
      effect: 'to be written: can it be undone, and has nobody outside noticed',
      critical: `to be written: add \`critical\`, whom or what it reaches; ${choice}`.slice(0, 300),
      output: 'to be written: can anybody else write into its outputs',
    },
  }
}

function firstOf(error: z.ZodError): string {
  const [issue] = error.issues
  const path = issue?.path.join('.') ?? ''
  return `${path === '' ? '' : `\`${path}\` `}${issue?.message ?? 'it does not fit'}`
}
