import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { UNLABELLED } from '../contracts/common.ts'
import { jsonSchemaOf, parseWith } from '../contracts/shape.ts'
import type {
  DefiniteFailure,
  Found,
  Listing,
  ListingSpec,
  Preview,
  Tool,
  ToolDef,
  ToolSpec,
  Undo,
  UndoSpec,
} from '../contracts/tool.ts'
import { readHosts } from './hosts.ts'

/**
 * Thrown by a tool that knows that the action did not happen and will not. Anything else that an effect throws after
 * it sent something leaves the effect unknown (invariant 5). The message is shown to the caller and to the model.
 */
export class ToolFailure extends Error implements DefiniteFailure {
  override readonly name = 'ToolFailure'
  readonly definite = true
}

const NAME = /^[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$/
const NAME_LENGTH = 60
const DEFAULT_TIMEOUT_SECONDS = 30
const DEFAULT_SETTLE_SECONDS = 5

/**
 * Declares a tool. Throws CONFIG_INVALID, naming every fault at once, for a name or class that is not of the form
 * `area.verb`, a schema that JSON Schema cannot express, a time that is not positive, a host without a port, or
 * behaviour that contradicts the effect.
 */
export function tool<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType = z.ZodType, U = never>(
  def: ToolDef<I, O, F, U>,
): Tool<z.output<I>, z.output<O>> {
  const faults = faultsOf(def)
  if (faults.length > 0) throw new SignalboxError('CONFIG_INVALID', `tool \`${def.name}\`: ${faults.join('; ')}`)
  return {
    name: def.name,
    class: def.class,
    effect: def.effect,
    spec: specOf(def),
    _io: () => {
      throw new SignalboxError('INTERNAL', 'a tool is called through `ctx.call`, not directly')
    },
  }
}

function faultsOf<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType, U>(
  def: ToolDef<I, O, F, U>,
): string[] {
  const { facts, hosts } = def
  const refused: readonly (readonly [boolean, string])[] = [
    [!isName(def.name), `\`name\` must be of the form area.verb in lower case, at most ${NAME_LENGTH} characters`],
    [!isName(def.class), `\`class\` must be of the form area.verb in lower case, at most ${NAME_LENGTH} characters`],
    [!((def.timeoutSeconds ?? 1) > 0), '`timeoutSeconds` must be positive'],
    [!((def.settleAfterSeconds ?? 0) >= 0), '`settleAfterSeconds` must not be negative'],
    [def.effect === 'none' && !!def.effectKey, '`effectKey` needs an effect other than `none`'],
    [def.effect === 'none' && !!def.reconcile, '`reconcile` needs an effect other than `none`'],
    [def.effect === 'none' && !!def.touches, '`touches` needs an effect other than `none`'],
    [def.lookup === 'authoritative' && !def.reconcile, '`lookup: authoritative` needs `reconcile`'],
    ...undoFaults(def),
    ...listingFaults(def),
  ]
  return [
    ...refused.filter(([wrong]) => wrong).map(([, text]) => text),
    ...attempt(() => jsonSchemaOf(def.input, '`input`')),
    ...attempt(() => jsonSchemaOf(def.output, '`output`')),
    ...(facts ? attempt(() => jsonSchemaOf(facts.schema, '`facts.schema`')) : []),
    ...(hosts && typeof hosts !== 'function' ? attempt(() => readHosts(hosts)) : []),
  ]
}

function undoFaults<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType, U>({
  name,
  effect,
  undo,
}: ToolDef<I, O, F, U>): (readonly [boolean, string])[] {
  if (undo === undefined) return []
  const none: readonly [boolean, string] = [effect === 'none', '`undo` needs an effect other than `none`']
  if (undo === 'impossible') return [none]
  return [
    none,
    [undo.tool.effect === 'none', `\`undo.tool\` \`${undo.tool.name}\` has effect \`none\`: it cannot undo anything`],
    [undo.tool.name === name, '`undo.tool` must be another tool'],
    [!((undo.withinSeconds ?? 1) > 0), '`undo.withinSeconds` must be positive'],
  ]
}

function listingFaults<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType, U>({
  effect,
  listed,
}: ToolDef<I, O, F, U>): (readonly [boolean, string])[] {
  if (listed === undefined) return []
  return [
    [effect === 'none', '`listed` needs an effect other than `none`'],
    [listed.tool.effect !== 'none', `\`listed.tool\` \`${listed.tool.name}\` has an effect: a listing only reads`],
  ]
}

function isName(text: string): boolean {
  return NAME.test(text) && text.length <= NAME_LENGTH
}

function attempt(check: () => unknown): string[] {
  try {
    check()
    return []
  } catch (thrown) {
    return [thrown instanceof Error ? thrown.message : String(thrown)]
  }
}

function specOf<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType, U>(def: ToolDef<I, O, F, U>): ToolSpec {
  const { name, hosts, effectKey, facts, preview, execute, reconcile, undo, touches, listed } = def
  // The engine passes on what parseInput gave, so it has the type that the schema promises.
  const typed = (args: JsonValue): z.output<I> => args as z.output<I>
  const parseOutput = (output: unknown): JsonValue =>
    parseWith(def.output, output, `the output of tool \`${name}\``, 'TOOL_OUTPUT_INVALID')
  const plain = plainOf(def)
  return {
    ...plain,
    definitionHash: definitionHash(def, plain),
    hosts: () => readHosts(typeof hosts === 'function' ? hosts() : (hosts ?? [])),
    parseInput: (args) => parseWith(def.input, args, `the input of tool \`${name}\``, 'TOOL_INPUT_INVALID'),
    parseOutput,
    effectKey: effectKey ? (args) => effectKey(typed(args)) : null,
    facts: facts
      ? async (args, ctx) => {
          const found: unknown = await facts.read(typed(args), ctx)
          return parseWith(facts.schema, found, `the facts of tool \`${name}\``, 'TOOL_OUTPUT_INVALID')
        }
      : null,
    preview: preview ? async (args, ctx) => parsePreview(name, await preview(typed(args), ctx)) : null,
    execute: (args, ctx) => execute(typed(args), ctx),
    reconcile: reconcile ? async (args, ctx) => parseFound(name, await reconcile(typed(args), ctx), parseOutput) : null,
    // What was recorded passed the output schema, so it has the type that it promises.
    ...(touches ? { touches: (args, output) => touches(typed(args), output as z.output<O> | null) } : {}),
    ...(undo ? { undo: undo === 'impossible' ? undo : undoSpec(undo) } : {}),
    ...(listed ? { listed: listingSpec(listed) } : {}),
  }
}

function undoSpec<I, O, U>(undo: Undo<I, O, U>): UndoSpec {
  const { spec } = undo.tool
  return {
    tool: spec,
    withinSeconds: undo.withinSeconds ?? null,
    // What was recorded passed the tool's own schemas, so it has the types that they promise.
    args: (args, output, ctx) => spec.parseInput(undo.args(args as I, output as O, ctx)),
  }
}

function listingSpec<I, O>({ tool: list, expect }: Listing<I, O>): ListingSpec {
  // What was recorded passed the tool's own schemas, so it has the types that they promise.
  return { tool: list.spec, expect: (args, output) => expect(args as I, output as O) }
}

type Plain = Pick<
  ToolSpec,
  | 'name'
  | 'class'
  | 'effect'
  | 'description'
  | 'inputSchema'
  | 'timeoutSeconds'
  | 'repeat'
  | 'lookup'
  | 'settleAfterSeconds'
  | 'labels'
>

function plainOf<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType, U>(def: ToolDef<I, O, F, U>): Plain {
  return {
    name: def.name,
    class: def.class,
    effect: def.effect,
    description: def.description ?? '',
    inputSchema: jsonSchemaOf(def.input, '`input`'),
    timeoutSeconds: def.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
    repeat: def.repeat ?? 'never',
    lookup: def.lookup ?? 'advisory',
    settleAfterSeconds: def.settleAfterSeconds ?? DEFAULT_SETTLE_SECONDS,
    labels: def.labels ?? UNLABELLED,
  }
}

/** SHA-256 over what the tool promises; the bodies of its functions are not part of it. */
function definitionHash<I extends z.ZodType, O extends z.ZodType, F extends z.ZodType, U>(
  def: ToolDef<I, O, F, U>,
  plain: Plain,
): string {
  const promise = {
    ...plain,
    outputSchema: jsonSchemaOf(def.output, '`output`'),
    factsSchema: def.facts ? jsonSchemaOf(def.facts.schema, '`facts.schema`') : null,
    hosts: typeof def.hosts === 'function' ? 'computed' : [...(def.hosts ?? [])].sort(),
    declares: { effectKey: !!def.effectKey, preview: !!def.preview, reconcile: !!def.reconcile },
    ...(def.undo === undefined ? {} : { undo: describeUndo(def.undo) }),
    ...(def.listed === undefined ? {} : { listed: def.listed.tool.spec.definitionHash }),
  }
  return sha256Hex(canonicalJson(promise))
}

function describeUndo<I, O, U>(undo: Undo<I, O, U> | 'impossible'): JsonObject | 'impossible' {
  if (undo === 'impossible') return undo
  return { tool: undo.tool.spec.definitionHash, within_seconds: undo.withinSeconds ?? null }
}

const PREVIEW = z.object({
  summary: z.string().min(1),
  target: z.object({ type: z.string().min(1), id: z.string().min(1), version: z.string().min(1) }),
  impact: z.object({
    money: z.object({ minor: z.int(), currency: z.string().min(1) }).optional(),
    text: z.string().optional(),
  }),
  rollback: z.string().min(1),
})

/** A preview with a missing part fails, and so denies (invariant 7). */
function parsePreview(name: string, preview: unknown): Preview {
  // The schema above is the Preview type field by field.
  return parseWith(PREVIEW, preview, `the preview of tool \`${name}\``, 'PREVIEW_FAILED') as unknown as Preview
}

function parseFound(name: string, found: Found<unknown>, parseOutput: (output: unknown) => JsonValue): Found<unknown> {
  switch (found.answer) {
    case 'happened':
      return { answer: 'happened', output: parseOutput(found.output) }
    case 'did_not':
    case 'cannot_tell':
      return { answer: found.answer }
    default: {
      const other: never = found
      const message = `the look-up of tool \`${name}\` must answer happened, did_not or cannot_tell, not ${String(other)}`
      throw new SignalboxError('TOOL_OUTPUT_INVALID', message)
    }
  }
}
