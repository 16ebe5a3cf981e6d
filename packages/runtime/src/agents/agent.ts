import type { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { shapeOf } from '../contracts/shape.ts'
import type { AnyTool } from '../contracts/tool.ts'
import type { Agent } from '../contracts/workflow.ts'
import { compactionFaults } from './compaction.ts'
import type { Compaction } from './compact.ts'
import { type ContextProvider, contextFaults } from './context.ts'
import { type LoopDef, runLoop } from './loop.ts'

/** How an agent is declared. */
export interface AgentDef<I extends z.ZodType, O extends z.ZodType> {
  readonly name: string
  /** `provider/model`, such as `scripted/clerk` or `openai/gpt-5.2`. */
  readonly model: string
  /**
   * Models that are called in its place, in this order, when its provider is in trouble. Each is another model: decided
   * by the policy, priced and reserved for itself, and on record with the reason.
   */
  readonly fallback?: readonly string[]
  readonly instructions: string
  /** Upper limit of one answer, reasoning included; reserved before each call (invariant 6). */
  readonly maxOutputTokens: number
  readonly tools: readonly AnyTool[]
  readonly input: I
  /** What the final answer must fit. `z.string()` takes the text as it is. */
  readonly output: O
  /** The agent fails after so many turns in a row without a tool call that succeeded. Default 5. */
  readonly maxErrorTurns?: number
  /** Calls of one answer that are made; the others are told that they were not. Default 32. */
  readonly maxCallsPerTurn?: number
  /**
   * How often one call with the same arguments is made in a row. The next one is told so and not made; with one more the
   * agent fails with LOOP_FOUND. Default 10.
   */
  readonly maxRepeatedCalls?: number
  /** What the model is shown beside the conversation. */
  readonly context?: readonly ContextProvider[]
  /** How a long conversation is made shorter. Default: never. */
  readonly compaction?: Compaction
}

const NAME = /^[a-z][a-z0-9-]*$/
const MODEL = /^[a-z][a-z0-9-]*\/\S+$/
const DEFAULT_ERROR_TURNS = 5

/** Declares an agent. Throws CONFIG_INVALID naming every fault at once. */
export function agent<I extends z.ZodType, O extends z.ZodType>(def: AgentDef<I, O>): Agent<z.output<I>, z.output<O>> {
  const faults = faultsOf(def)
  if (faults.length > 0) throw new SignalboxError('CONFIG_INVALID', `agent \`${def.name}\`: ${faults.join('; ')}`)
  const { name, model, fallback = [], instructions, maxOutputTokens, context = [], compaction = null } = def
  const { maxErrorTurns = DEFAULT_ERROR_TURNS, maxCallsPerTurn = 32, maxRepeatedCalls = 10 } = def
  const reads = context.flatMap((provider) => (provider.reads ? [provider.reads.tool] : []))
  const readNames = [...new Set(reads.map((tool) => tool.name))].filter(
    (tool) => !def.tools.some((one) => one.name === tool),
  )
  const tools = def.tools.map((tool) => tool.name)
  const output = shapeOf(def.output)
  const loop: LoopDef = {
    name,
    models: [model, ...fallback],
    instructions,
    maxOutputTokens,
    tools,
    output,
    maxErrorTurns,
    maxCallsPerTurn,
    maxRepeatedCalls,
    context,
    compaction,
  }
  return {
    name,
    spec: {
      name,
      model,
      ...(fallback.length > 0 ? { fallback } : {}),
      instructions,
      maxOutputTokens,
      tools,
      ...(readNames.length > 0 ? { reads: readNames } : {}),
      promptHash: sha256Hex(instructions),
    },
    input: shapeOf(def.input),
    output,
    tools: [...def.tools, ...reads.filter((tool, i) => readNames.includes(tool.name) && reads.indexOf(tool) === i)],
    run: (prompt, ctx, asked = output) => runLoop({ ...loop, output: asked }, prompt, ctx),
    _io: () => {
      throw new SignalboxError('INTERNAL', 'an agent runs as a node of a workflow, not directly')
    },
  }
}

function faultsOf<I extends z.ZodType, O extends z.ZodType>(def: AgentDef<I, O>): string[] {
  const names = def.tools.map((tool) => tool.name)
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i))
  const refused: readonly (readonly [boolean, string])[] = [
    [!NAME.test(def.name), '`name` must be lower-case letters, digits and -'],
    [!MODEL.test(def.model), '`model` must be of the form provider/model'],
    [def.instructions.trim() === '', '`instructions` must not be empty'],
    [!isCount(def.maxOutputTokens), '`maxOutputTokens` must be a positive integer'],
    [!isCount(def.maxErrorTurns ?? 1), '`maxErrorTurns` must be a positive integer'],
    [!isCount(def.maxCallsPerTurn ?? 1), '`maxCallsPerTurn` must be a positive integer'],
    [!isCount(def.maxRepeatedCalls ?? 1), '`maxRepeatedCalls` must be a positive integer'],
  ]
  return [
    ...refused.filter(([wrong]) => wrong).map(([, text]) => text),
    ...[...twice].map((name) => `tool \`${name}\` is listed twice`),
    ...fallbackFaults(def.model, def.fallback ?? []),
    ...contextFaults(def.context ?? []),
    ...(def.compaction ? compactionFaults(def.compaction) : []),
  ]
}

function fallbackFaults(model: string, fallback: readonly string[]): string[] {
  const wrong = fallback
    .filter((one) => !MODEL.test(one))
    .map((one) => `fallback \`${one}\` must be of the form provider/model`)
  const all = [model, ...fallback]
  return new Set(all).size === all.length ? wrong : [...wrong, 'a model of `fallback` is named twice']
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1
}
