import type { Principal } from '../contracts/common.ts'
import { loadBundle, type PolicyBundle } from '../policy/index.ts'
import type { BenchBox, BenchSet } from './bench-box.ts'
import { oneNode, payTool } from './engine-kit.ts'
import type { OutsideBank } from './outside-bank.ts'

/** A bundle with one policy that asks, and another for large amounts where `large` has annotations. */
export function askingBundle(
  notes: string,
  extra: { large?: string; approvals?: object; standing?: boolean } = {},
): PolicyBundle {
  const asks = (id: string, beside: string, role: string, when: string): string => `
@id("${id}") @owner("treasury") @effect("require_approval") @approvers("role:${role}") @reason("NEEDS_APPROVAL") ${beside}
forbid (principal is Signalbox::Run, action in Signalbox::Action::"class:payments.write", resource is Signalbox::Target)
${when}
unless { context has approval && context.approval.bound && context.approval.fresh &&
  context.approval.approver in Signalbox::Role::"${role}" && context.approval.approver != principal.user };`
  const [role = '', ...beside] = (extra.large ?? '').split(' ')
  const large = extra.large ? asks('pay.large', beside.join(' '), role, 'when { context.input.amount > 100 }') : ''
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 'desk',
      version: '1.0.0',
      owner: 'treasury',
      roles: ['requester', 'approver', 'treasury', 'deputy'],
      reasons: { NEEDS_APPROVAL: 'a person has to look', TOO_MUCH: 'nobody may pay that much' },
      ...(extra.approvals ? { approvals: extra.approvals } : {}),
    }),
    'catalogue.json': JSON.stringify({
      tools: [
        {
          ...{ name: 'pay.send', class: 'payments.write', effect: 'irreversible', owner: 'treasury' },
          ...{ blast_radius: 'one payment', input: { to: 'String', amount: 'Long' }, facts: {} },
          ...(extra.standing === undefined ? {} : { standing: extra.standing }),
        },
      ],
      models: [],
      workflows: [{ name: 'one', owner: 'desk', roles: ['requester'] }],
    }),
    'desk.cedar': `
@id("pay.permit") @owner("treasury")
permit (principal is Signalbox::Run, action in Signalbox::Action::"class:payments.write", resource is Signalbox::Target);
@id("pay.limit") @owner("treasury") @reason("TOO_MUCH")
forbid (principal is Signalbox::Run, action in Signalbox::Action::"class:payments.write", resource is Signalbox::Target)
when { context.input.amount > 1000 };
${asks('pay.asks', notes, 'approver', '')}${large}`,
  })
}

/** A run whose payment waits for people. */
export interface Made {
  readonly one: BenchBox
  readonly outside: OutsideBank
  readonly runId: string
  readonly id: string
}

/** Runs on a bench whose payment, made once or more often, waits for people. */
export function waitingOn({ bank, box }: BenchSet) {
  return async (policy: ReturnType<typeof askingBundle>, amount = 5, times = 1): Promise<Made> => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(
      async (_input, ctx) => {
        const ends: string[] = []
        for (let n = 0; n < times; n++) {
          const end = await ctx.call(pay, { to: 'bob', amount })
          ends.push('code' in end ? `${end.status} ${end.code}` : end.status)
        }
        return ends.join(', ')
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [flow], policy })
    one.work()
    const runId = await one.start('one', null)
    const { id } = await one.asked()
    return { one, outside, runId, id }
  }
}

/** A yes of somebody. */
export const yes = (one: BenchBox, id: string, by: Principal, onBehalf = 'looked at it') =>
  one.sb.runs.decide({ approvalId: id, answer: 'approved', by, reason: onBehalf, seen: null })
/** A no of somebody. */
export const no = (one: BenchBox, id: string, by: Principal) =>
  one.sb.runs.decide({ approvalId: id, answer: 'rejected', by, reason: 'not this one', seen: null })
/** Waiting counts in no budget once the run has left memory. */
export const resting = (one: BenchBox, runId: string) =>
  one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
/** What happened to the approvals of a run, in order. */
export const changes = async (one: BenchBox, runId: string) =>
  (await one.of(runId, 'approval.changed')).map((record) => record.change.what)

/** Every case is run collected and streamed: what the outside saw is the same. */
export const ways = ['collected', 'streamed'] as const

/** The output of a run once it ended. */
export async function endOf(one: BenchBox, runId: string, way: (typeof ways)[number] = 'collected') {
  if (way === 'streamed') for await (const _ of one.sb.runs.stream('acme', runId)) await one.host.macrotask()
  return (await one.ended(runId)).output
}
