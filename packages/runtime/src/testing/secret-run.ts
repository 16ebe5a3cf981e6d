/** A run with a known secret in every place where content can be: for tests of what leaves and what is found. */
import { z } from 'zod'
import { systemHost } from '../base/host.ts'
import { agent } from '../agents/index.ts'
import type { Principal } from '../contracts/common.ts'
import type { PolicyRequest } from '../contracts/policy.ts'
import type { Store } from '../contracts/store.ts'
import { appended, workflow } from '../orchestration/index.ts'
import { createSignalbox, type Signalbox } from '../runtime.ts'
import { keyVault } from '../stores/index.ts'
import { tool } from '../tools/index.ts'
import { scriptedModel } from './scripted-model.ts'
import { needsApproval, scriptedPolicy } from './scripted-policy.ts'

/** The secrets by the place in which each is planted; every one is in one place only. */
export const PLANTED_SECRETS = {
  prompt: 'plum-orchard-7731-input',
  result: 'quartz-harbour-2284-result',
  argument: 'amber-lantern-9012-argument',
  error: 'cobalt-meadow-3345-error',
  node_error: 'violet-canyon-6108-failure',
  preview: 'silver-thicket-4471-preview',
  question: 'copper-glacier-5529-question',
  comment: 'marble-willow-1187-comment',
  edit: 'indigo-prairie-8830-edit',
  reason: 'scarlet-summit-2046-reason',
  answer: 'golden-estuary-9953-answer',
  state: 'jasper-hollow-6672-state',
} as const

/** A place of a planted secret. */
export type PlantedPlace = keyof typeof PLANTED_SECRETS

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const paul: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] }
const S = PLANTED_SECRETS

const look = tool({
  name: 'records.look',
  class: 'records.read',
  effect: 'none',
  input: z.object({ id: z.string() }),
  output: z.object({ note: z.string() }),
  execute: async () => ({ note: S.result }),
})
const broken = tool({
  name: 'records.broken',
  class: 'records.read',
  effect: 'none',
  input: z.object({}),
  output: z.object({}),
  execute: async () => {
    throw new Error(`the peer said ${S.error}`)
  },
})
const pay = tool({
  name: 'pay.send',
  class: 'payments.write',
  effect: 'irreversible',
  input: z.object({ to: z.string() }),
  output: z.object({ id: z.string() }),
  preview: async () => ({
    summary: `Pay, as ${S.preview} says`,
    target: { type: 'account', id: 'a-1', version: '1' },
    impact: { text: 'one payment' },
    rollback: 'Ask for it back',
  }),
  execute: async () => ({ id: 'p-1' }),
})

/** Runs whose first attempt failed. */
const tried = new Set<string>()

function desk() {
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'Pay what was asked for.',
    maxOutputTokens: 200,
    tools: [pay],
    input: z.string(),
    output: z.object({ done: z.string() }),
  })
  return workflow({
    name: 'desk',
    version: '1.0.0',
    input: z.string(),
    output: z.object({ done: z.string() }),
    budget: { maxTurns: 6, maxToolCalls: 9, maxRuntimeSeconds: 60, maxTokens: 50_000, maxCostUsd: '1' },
    state: { notes: appended(z.string()) },
    tools: [look, broken],
  })
    .node('look', {
      input: z.string(),
      output: z.string(),
      retry: { attempts: 2, backoffSeconds: 0.01 },
      run: async (text, ctx) => {
        await ctx.call(look, { id: '1' })
        await ctx.call(broken, {})
        if (!tried.has(text + ctx.runId) && tried.add(text + ctx.runId))
          throw new Error(`could not read ${S.node_error}`)
        ctx.write({ notes: S.state })
        return text
      },
    })
    .agent('decide', clerk, { prompt: (text) => text })
    .start('look')
    .edge('look', 'decide')
    .output('decide')
    .build()
}

/** A Signalbox over the store with the run's workflow. The master key is of 32 zero bytes. */
export function secretBox(store: Store): Signalbox {
  const clerk = scriptedModel('clerk', ({ messages }) => {
    const turn = messages.filter((message) => message.role === 'assistant').length
    return turn === 0 ? { calls: [{ tool: 'pay.send', args: { to: S.argument } }] } : JSON.stringify({ done: S.answer })
  })
  const policy = scriptedPolicy({
    tools: {
      'pay.send': { class: 'payments.write', effect: 'irreversible' },
      'records.look': { class: 'records.read', effect: 'none' },
      'records.broken': { class: 'records.read', effect: 'none' },
    },
    decide: (request: PolicyRequest) =>
      request.action.name === 'pay.send' ? needsApproval(request, 'approver') : undefined,
  })
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
  return createSignalbox({ store, vault, policy, models: { resolve: () => clerk }, workflows: [desk()] })
}

/** Runs it to its end: a failed attempt, a failed call, a question, an answer, an edit, and its output. */
export async function secretRun(
  box: Signalbox,
  options: { readonly streamed: boolean; readonly subject?: string } = { streamed: false },
): Promise<string> {
  const worker = box.work({ pollMs: 5 })
  try {
    const start = { workflow: 'desk', input: S.prompt, principal: ana }
    const request = options.subject === undefined ? start : { ...start, subject: options.subject }
    const { runId } = await box.runs.start(request)
    const watching = options.streamed ? drained(box, runId) : null
    const approvalId = await approvalOf(box, runId)
    await box.runs.askInformation({ approvalId, by: paul, text: S.question })
    await box.runs.giveInformation({ approvalId, by: ana, text: S.comment })
    const { packetHash } = await box.runs.request('acme', approvalId)
    await box.runs.edit({ approvalId, by: paul, args: { to: S.edit }, reason: S.reason, seen: packetHash })
    await (watching ?? drained(box, runId))
    const { status } = await box.runs.get('acme', runId)
    if (status !== 'completed') throw new Error(`the run is ${status}`)
    return runId
  } finally {
    await worker.stop()
  }
}

async function approvalOf(box: Signalbox, runId: string): Promise<string> {
  for await (const item of box.runs.stream('acme', runId))
    if (item.kind === 'record' && item.record.type === 'approval.requested') return item.record.approval_id
  throw new Error('nobody was asked')
}

async function drained(box: Signalbox, runId: string): Promise<void> {
  for await (const _item of box.runs.stream('acme', runId));
}
