import { z } from 'zod'
import { parseJson } from '../../../base/json.ts'
import type { PersonRequest } from '../../../contracts/runtime.ts'
import { owned, port, Rejection, workflow } from '../../../orchestration/index.ts'
import { needsApproval, scriptedPolicy } from '../../scripted-policy.ts'
import { simBank } from '../bank.ts'
import type { PersonAnswer, SimScenario } from '../scenario.ts'
import { AGAIN, done, WIDE } from './common.ts'
import { pay, payApproved, payLookedUp } from './tools.ts'

const PAYMENT = { class: 'payments.write', effect: 'irreversible' } as const

/** Asks a person for every payment by `pay.approved`. */
export const asksForApproval = scriptedPolicy({
  tools: {
    'pay.send': PAYMENT,
    'pay.harmless': PAYMENT,
    'pay.lookedup': PAYMENT,
    'pay.approved': PAYMENT,
    'rate.get': { class: 'records.read', effect: 'none' },
  },
  decide: (request) => (request.action.name === 'pay.approved' ? needsApproval(request, 'approver') : undefined),
})

/** Yes, no or nothing, as the receiver's name says; the same at every time it is asked. */
export function answerByName({ row, packet }: PersonRequest): PersonAnswer | undefined {
  if (row.kind !== 'approval' || !packet) return undefined
  const args = parseJson(packet.arguments, 'the arguments')
  const to = typeof args === 'object' && args !== null && 'to' in args ? String(args.to) : ''
  if (to.endsWith('silent')) return null
  return { kind: 'approval', answer: to.endsWith('no') ? 'rejected' : 'approved' }
}

/** Ends that a person decided, and that trying again would not change. */
const DECIDED = new Set(['rejected', 'expired'])

const approvalFlow = workflow({
  name: 'approvals',
  version: '1.0.0',
  input: z.array(z.string()),
  output: z.string(),
  budget: WIDE,
  state: { paid: owned('ask', z.array(z.string())) },
  tools: [payApproved, payLookedUp],
})
  .node('ask', {
    input: z.array(z.string()),
    output: z.string(),
    retry: AGAIN,
    run: async (receivers, ctx) => {
      const ends = await Promise.all(receivers.map((to) => ctx.call(payApproved, { to, amount: 5 })))
      const words = ends.map((end) => (DECIDED.has(end.status) ? end.status : `receipt ${done(end).receipt}`))
      ctx.write({ paid: words })
      return words.join()
    },
  })
  .start('ask')
  .output('ask')
  .build()

/** Several approvals at once: given, refused, and left without an answer. */
export const approvals: SimScenario = {
  name: 'approvals',
  workflows: [approvalFlow],
  policy: asksForApproval,
  outside: simBank,
  people: answerByName,
  runs: (random) => [
    {
      workflow: 'approvals',
      input: random.pick([
        ['1-yes', '2-no', '3-yes'],
        ['4-yes', '5-silent'],
        ['6-yes', '7-yes'],
      ]),
    },
  ],
}

const review = port({ name: 'review', request: z.string(), response: z.boolean(), deadlineSeconds: 60 })

const portFlow = workflow({
  name: 'ports',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: WIDE,
  state: { side: owned('aside', z.number()) },
  tools: [pay, payLookedUp],
})
  .node('open', { input: z.string(), output: z.string(), run: (id) => id })
  .port('review', review)
  .node('aside', {
    input: z.string(),
    output: z.string(),
    retry: AGAIN,
    run: async (id, ctx) => {
      ctx.write({ side: done(await ctx.call(payLookedUp, { to: `${id}-aside`, amount: 2 })).receipt })
      return 'aside'
    },
  })
  .node('close', {
    input: z.boolean(),
    output: z.string(),
    retry: AGAIN,
    run: async (ok, ctx) => {
      if (ok) done(await ctx.call(pay, { to: 'closed', amount: 3 }))
      return ok ? 'closed' : 'refused'
    },
  })
  .node('late', { input: Rejection, output: z.string(), run: ({ code }) => code })
  .node('end', { input: z.string(), output: z.string(), run: (text) => text })
  .start('open')
  .fanOut('open', ['review', 'aside'])
  .edge('review', 'close')
  .edge('close', 'end')
  .onRejected('review', 'late')
  .edge('late', 'end')
  .output('aside')
  .output('end')
  .build()

/** A port that is answered, refused or left to its deadline, while other work goes on. */
export const ports: SimScenario = {
  name: 'ports',
  workflows: [portFlow],
  outside: simBank,
  people: ({ row }) => (row.kind === 'request' ? { kind: 'request', value: true } : undefined),
  runs: () => [{ workflow: 'ports', input: 'p' }],
}

/** The same without any answer: the declared fallback takes over at the deadline. */
export const unanswered: SimScenario = {
  ...ports,
  name: 'unanswered',
  people: ({ row }) => (row.kind === 'request' ? null : undefined),
}
