import type { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { shapeOf } from '../contracts/shape.ts'
import type { AnyTool } from '../contracts/tool.ts'
import type { Agent } from '../contracts/workflow.ts'
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
}

const NAME = /^[a-z][a-z0-9-]*$/
const MODEL = /^[a-z][a-z0-9-]*\/\S+$/
const DEFAULT_ERROR_TURNS = 5

/** Declares an agent. Throws CONFIG_INVALID naming every fault at once. */
export function agent<I extends z.ZodType, O extends z.ZodType>(def: AgentDef<I, O>): Agent<z.output<I>, z.output<O>> {
  const faults = faultsOf(def)
  if (faults.length > 0) throw new SignalboxError('CONFIG_INVALID', `agent \`${def.name}\`: ${faults.join('; ')}`)
  const { name, model, fallback = [], instructions, maxOutputTokens, maxErrorTurns = DEFAULT_ERROR_TURNS } = def
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
      promptHash: sha256Hex(instructions),
    },
    input: shapeOf(def.input),
    output,
    tools: def.tools,
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
  ]
  return [
    ...refused.filter(([wrong]) => wrong).map(([, text]) => text),
    ...[...twice].map((name) => `tool \`${name}\` is listed twice`),
    ...fallbackFaults(def.model, def.fallback ?? []),
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
