import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Labels } from '../contracts/common.ts'
import { COMPENSATION_WORKFLOW, type CompensationResult } from '../contracts/compensation.ts'
import type { UndoneEffect } from '../contracts/records.ts'
import { shapeOf } from '../contracts/shape.ts'
import type { ToolSpec } from '../contracts/tool.ts'
import {
  type HandlerCtx,
  type HandlerEnd,
  type NodeSpec,
  toolsWithin,
  type WorkflowSpec,
} from '../contracts/workflow.ts'
import { oneNodeSpec } from '../orchestration/index.ts'

/** What a compensation is started with. Only the engine makes it, from the records of the run. */
export interface CompensationInput {
  readonly run: string
  readonly reason: string
  readonly on_failure: 'stop' | 'continue'
  readonly steps: readonly {
    readonly undoes: UndoneEffect
    readonly undo: string
    readonly args: JsonValue
    /** Join of the labels of the effect's arguments and result. */
    readonly labels: Labels
  }[]
  /** What is known from the start not to be undone. */
  readonly left: CompensationResult['left']
}

/** So many undos one compensation can make; a run with more is compensated in parts. */
export const MOST_UNDOS = 1_000

// The engine made it and the seal keeps it: the schema is for the workflow's signature.
const INPUT = shapeOf(
  z.object({
    run: z.string(),
    reason: z.string(),
    on_failure: z.enum(['stop', 'continue']),
    steps: z.array(z.unknown()),
    left: z.array(z.unknown()),
  }),
)

const OUTPUT = shapeOf(z.object({ run: z.string(), compensated: z.array(z.unknown()), left: z.array(z.unknown()) }))

/**
 * The built-in workflow that undoes effects, over the undo tools of all workflows given: an ordinary run, through the
 * same engine and the same door (invariant 1). Null when no tool declares an undo. Throws CONFIG_INVALID when two
 * different tools of one name undo something.
 */
export function compensationWorkflow(workflows: readonly WorkflowSpec[]): WorkflowSpec | null {
  const tools = undoTools(workflows)
  if (tools.size === 0) return null
  const node: NodeSpec = {
    name: 'undo',
    kind: 'function',
    input: INPUT,
    output: OUTPUT,
    retry: { attempts: 1, backoffSeconds: 1 },
    tools: [...tools.keys()],
    agent: null,
    deadlineSeconds: null,
    run: undoAll,
  }
  const budget = {
    max_turns: 1,
    max_tool_calls: MOST_UNDOS,
    max_runtime_seconds: 3_600,
    max_tokens: 1,
    max_cost_nano_usd: '0',
  }
  return oneNodeSpec({ name: COMPENSATION_WORKFLOW, node, tools, budget, maxSupersteps: 2 })
}

function undoTools(workflows: readonly WorkflowSpec[]): Map<string, ToolSpec> {
  const tools = new Map<string, ToolSpec>()
  for (const spec of workflows)
    for (const { undo } of toolsWithin(spec)) {
      if (undo === undefined || undo === 'impossible') continue
      const known = tools.get(undo.tool.name)
      if (known && known.definitionHash !== undo.tool.definitionHash)
        throw new SignalboxError(
          'CONFIG_INVALID',
          `two different tools named \`${undo.tool.name}\` undo something: give one of them another name`,
        )
      tools.set(undo.tool.name, undo.tool)
    }
  return new Map([...tools].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** One undo after another, newest effect first. What does not succeed is left, and stops the chain or not, as was chosen. */
async function undoAll(message: JsonValue, ctx: HandlerCtx): Promise<HandlerEnd> {
  // Sealed by the engine as exactly this.
  const input = message as unknown as CompensationInput
  const compensated: CompensationResult['compensated'][number][] = []
  const left: CompensationResult['left'][number][] = [...input.left]
  let stopped = false
  for (const { undoes, undo, args, labels } of input.steps) {
    const { seq, effect_id, tool } = undoes
    if (stopped) {
      left.push({
        seq,
        effect_id,
        tool,
        why: 'stopped_before',
        code: null,
        reason: 'an undo before it did not succeed',
      })
      continue
    }
    const end = await ctx.ask({ kind: 'tool', tool: undo, args, labels, undoes })
    if (end.status === 'succeeded') compensated.push({ seq, effect_id, tool, undo, undo_seq: end.seq })
    else left.push({ seq, effect_id, tool, why: end.status, code: end.code, reason: end.reason })
    stopped = end.status !== 'succeeded' && input.on_failure === 'stop'
  }
  const output: CompensationResult = { run: input.run, compensated, left }
  // Plain JSON by its type.
  return { kind: 'message', message: output as unknown as JsonValue }
}
