import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { ModelHandle } from '../contracts/model.ts'
import { appended, reduced, type Workflow, workflow } from '../orchestration/index.ts'
import { tool } from '../tools/index.ts'
import { WIDE_BUDGET } from './bench-box.ts'
import { scriptedModel } from './scripted-model.ts'

/**
 * What a new build may do otherwise without anybody meaning it (invariant 17). Each is found by a replay of a run of the
 * first build, as the difference that it is.
 */
export const BUILD_FAULTS = [
  'prompt',
  'condition',
  'reducer',
  'tool_schema',
  'default',
  'ask_removed',
  'ask_added',
  'ask_changed',
  'write',
  'message',
  'outside_call',
  'throws',
] as const
/** One of them. */
export type BuildFault = (typeof BUILD_FAULTS)[number]

const Claim = z.object({ id: z.string(), amount: z.int() })
const Settled = z.object({ id: z.string(), end: z.string() })

/** What the tools of a build did. */
export type Done = string[]

function toolsOf(fault: BuildFault | null, done: Done) {
  const look = tool({
    name: 'claims.look',
    class: 'records.read',
    effect: 'none',
    input: z.object({ id: z.string() }),
    output: z.object({ open: z.boolean() }),
    execute: async ({ id }) => {
      done.push(`look ${id}`)
      return { open: true }
    },
  })
  const pay = tool({
    name: 'claims.pay',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({
      id: z.string(),
      amount: fault === 'tool_schema' ? z.int().max(20) : z.int(),
      currency: z.string().default(fault === 'default' ? 'USD' : 'EUR'),
    }),
    output: z.object({ receipt: z.string() }),
    execute: async ({ id }) => {
      done.push(`pay ${id}`)
      return { receipt: `of ${id}` }
    },
  })
  return { look, pay }
}

/**
 * A workflow with a node that reads, a condition, a reducer, and an agent that pays: the first build of it, or one with a
 * fault. `outside` is where the fault `outside_call` goes.
 */
export function claimsFlow(
  options: {
    readonly fault?: BuildFault
    readonly done?: Done
    readonly version?: string
    readonly outside?: string
    readonly upgradeFrom?: string
  } = {},
): Workflow<z.input<typeof Claim>, z.output<typeof Settled>> {
  const { fault = null, done = [], version = '1.0.0', outside = '', upgradeFrom } = options
  const { look, pay } = toolsOf(fault, done)
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/claims-clerk',
    instructions: fault === 'prompt' ? 'Pay the claim quickly.' : 'Pay the claim.',
    maxOutputTokens: 200,
    tools: [pay],
    input: Claim,
    output: Settled,
  })
  const built = workflow({
    name: 'claims',
    version,
    input: Claim,
    output: Settled,
    budget: WIDE_BUDGET,
    state: {
      seen: reduced(z.int(), (now, more) => (now ?? 0) + more * (fault === 'reducer' ? 2 : 1)),
      notes: appended(z.string()),
    },
    tools: [look],
  })
    .node('intake', {
      input: Claim,
      output: Claim,
      retry: { attempts: 2, backoffSeconds: 1 },
      run: async (claim, ctx) => {
        if (fault === 'outside_call') await fetch(outside)
        if (fault !== 'ask_removed') await ctx.call(look, { id: claim.id })
        await ctx.call(look, { id: fault === 'ask_changed' ? 'other' : `${claim.id}/again` })
        if (fault === 'ask_added') await ctx.call(look, { id: `${claim.id}/more` })
        if (fault === 'throws') throw new Error('the new build does not like it')
        ctx.write({ seen: claim.amount, notes: fault === 'write' ? 'looked at' : 'looked up' })
        return claim
      },
    })
    .agent('clerk', clerk, { prompt: (claim) => JSON.stringify(claim) })
    .node('small', { input: Claim, output: Settled, run: ({ id }) => ({ id, end: 'too small' }) })
    .node('close', {
      input: Settled,
      output: Settled,
      run: (settled) => (fault === 'message' ? { ...settled, end: 'closed' } : settled),
    })
    .start('intake')
    .edge('intake', 'clerk', ({ amount }) => amount > (fault === 'condition' ? 1_000 : 10))
    .edge('intake', 'small', ({ amount }) => amount <= (fault === 'condition' ? 1_000 : 10))
    .edge('clerk', 'close')
    .edge('small', 'close')
    .output('close')
  return (upgradeFrom === undefined ? built : built.upgrade({ from: upgradeFrom })).build()
}

/** The clerk of the claims: pays, then answers. `called` counts the requests that it got. */
export function claimsClerk(): { readonly model: ModelHandle; readonly called: () => number } {
  let called = 0
  const model = scriptedModel('claims-clerk', ({ messages }) => {
    called += 1
    const text = JSON.stringify(messages)
    const id = /\\"id\\":\\"([^\\]+)\\"/.exec(text)?.[1] ?? '?'
    const amount = Number(/\\"amount\\":(\d+)/.exec(text)?.[1] ?? 0)
    if (messages.some((message) => message.role === 'tool')) return JSON.stringify({ id, end: 'paid' })
    return { calls: [{ tool: 'claims.pay', args: { id, amount } }] }
  })
  return { model, called: () => called }
}
