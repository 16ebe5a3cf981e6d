import { z } from 'zod'
import { agent } from '../../../agents/index.ts'
import { type JsonValue, parseJson } from '../../../base/json.ts'
import type { ModelHandle, ModelRequest } from '../../../contracts/model.ts'
import { type Workflow, workflow } from '../../../orchestration/index.ts'
import type { Budget } from '../../../orchestration/types.ts'
import { scriptedModel } from '../../scripted-model.ts'
import { simBank } from '../bank.ts'
import type { SimScenario } from '../scenario.ts'
import { AGAIN, WIDE } from './common.ts'
import { answerByName, asksForApproval } from './people.ts'
import { pay, payApproved, payHarmless, payLookedUp, rate } from './tools.ts'

interface Wanted {
  readonly tool: string
  readonly args: { readonly [name: string]: JsonValue }
}

/** What the clerk wants done, in rounds of calls that are made together. */
const ROUNDS: readonly (readonly Wanted[])[] = [
  [
    { tool: 'rate.get', args: { n: 1 } },
    { tool: 'rate.get', args: { n: 2 } },
    { tool: 'pay.harmless', args: { to: 'clerk-1', amount: 1 } },
  ],
  [
    { tool: 'pay.lookedup', args: { to: 'clerk-2', amount: 2 } },
    { tool: 'pay.approved', args: { to: 'clerk-3-yes', amount: 3 } },
    { tool: 'rate.get', args: { n: 3 } },
  ],
  [{ tool: 'pay.send', args: { to: 'clerk-4', amount: 4 } }],
]

/** Calls of the conversation that succeeded, as text. */
function succeeded(request: ModelRequest): ReadonlySet<string> {
  const calls = new Map<string, string>()
  const good = new Set<string>()
  for (const message of request.messages) {
    if (message.role === 'assistant')
      for (const part of message.content)
        if (part.type === 'tool-call')
          calls.set(part.toolCallId, textOf({ tool: part.toolName, args: inputOf(part.input) }))
    if (message.role === 'tool')
      for (const part of message.content)
        if (part.type === 'tool-result' && !part.output.type.startsWith('error'))
          good.add(calls.get(part.toolCallId) ?? '')
  }
  return good
}

function inputOf(input: unknown): Wanted['args'] {
  const value = typeof input === 'string' ? parseJson(input, 'the call') : input
  return typeof value === 'object' && value !== null ? (value as Wanted['args']) : {}
}

function textOf({ tool, args }: Wanted): string {
  const sorted = Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([tool, sorted])
}

/** Makes the calls of the first round that is not done, those again that failed, and ends when all succeeded. */
function clerkModel(name: string): ModelHandle {
  return scriptedModel(name, (request) => {
    const good = succeeded(request)
    for (const round of ROUNDS) {
      const open = round.filter((wanted) => !good.has(textOf(wanted)))
      if (open.length > 0) return { calls: open }
    }
    return 'all is paid'
  })
}

function clerkFlow(name: string, budget: Budget): Workflow<string, string> {
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'pay what is owed',
    maxOutputTokens: 200,
    tools: [rate, pay, payHarmless, payLookedUp, payApproved],
    input: z.string(),
    output: z.string(),
    maxErrorTurns: 50,
  })
  return workflow({ name, version: '1.0.0', input: z.string(), output: z.string(), budget, state: {} })
    .agent('clerk', clerk, { prompt: (text) => text, retry: AGAIN })
    .start('clerk')
    .output('clerk')
    .build()
}

/** An agent with turns of parallel calls, one of which waits for a person. */
export const clerk: SimScenario = {
  name: 'clerk',
  workflows: [clerkFlow('clerk', WIDE)],
  policy: asksForApproval,
  models: [clerkModel('clerk')],
  outside: simBank,
  people: answerByName,
  runs: () => [{ workflow: 'clerk', input: 'go' }],
}

/** The same with a budget that just covers it when nothing goes wrong: under faults a call may be refused. */
export const tight: SimScenario = {
  ...clerk,
  name: 'tight',
  workflows: [
    clerkFlow('tight', {
      maxTurns: 5,
      maxToolCalls: 8,
      maxRuntimeSeconds: 100_000,
      maxTokens: 6_000,
      maxCostUsd: '0.05',
    }),
  ],
  compare: 'none',
  runs: () => [{ workflow: 'tight', input: 'go' }],
}
