import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { ModelHandle } from '../contracts/model.ts'
import type { ModelRequest } from '../contracts/model.ts'
import type { AnyTool } from '../contracts/tool.ts'
import { type Workflow, workflow } from '../orchestration/index.ts'
import type { Budget, RetryOptions, TimeLimits } from '../orchestration/types.ts'
import { WIDE_BUDGET } from './bench-box.ts'
import { scriptedModel } from './scripted-model.ts'

/** A tool call that the scripted clerk makes. */
export interface ClerkCall {
  readonly tool: string
  readonly args: Record<string, string | number>
}

/** A workflow of one agent, `clerk`, over a scripted model. */
export function clerkFlow(
  tools: readonly AnyTool[],
  options: {
    budget?: Partial<Budget>
    retry?: RetryOptions
    limits?: TimeLimits
    maxOutputTokens?: number
    version?: string
    instructions?: string
    /** The version from which a step is declared that changes nothing stored. */
    upgradeFrom?: string
  } = {},
): Workflow<string, string> {
  const {
    budget = {},
    retry,
    limits,
    maxOutputTokens = 100,
    version = '1.0.0',
    instructions = 'pay what is owed',
  } = options
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions,
    maxOutputTokens,
    tools,
    input: z.string(),
    output: z.string(),
    maxErrorTurns: 50,
  })
  const built = workflow({
    name: 'clerks',
    version,
    input: z.string(),
    output: z.string(),
    budget: { ...WIDE_BUDGET, ...budget },
    state: {},
  })
    .agent('clerk', clerk, { prompt: (text) => text, ...limits, ...(retry ? { retry } : {}) })
    .start('clerk')
    .output('clerk')
  return (options.upgradeFrom === undefined ? built : built.upgrade({ from: options.upgradeFrom })).build()
}

/** A scripted clerk: the calls of each turn, then a last answer; and every request that the model got. */
export function clerkModel(
  turns: readonly (readonly ClerkCall[])[],
  last = 'done',
): {
  readonly model: ModelHandle
  readonly seen: readonly ModelRequest[]
} {
  const seen: ModelRequest[] = []
  const model = scriptedModel('clerk', (request) => {
    seen.push(request)
    const turn = request.messages.filter((message) => message.role === 'assistant').length
    const calls = turns[turn]
    return calls ? { calls } : last
  })
  return { model, seen }
}

/** What the model was told of its tool calls, in order, as text. */
export function toolResults(request: ModelRequest | undefined): readonly string[] {
  return (request?.messages ?? []).flatMap((message) =>
    message.role === 'tool'
      ? message.content.flatMap((part) => (part.type === 'tool-result' ? [JSON.stringify(part.output)] : []))
      : [],
  )
}
