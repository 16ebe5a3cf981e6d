import { afterEach, describe, expect, it } from 'vitest'
import type { PolicyRequest } from '../../contracts/policy.ts'
import { clerkFlow, clerkModel, toolResults } from '../../testing/agent-kit.ts'
import { ANA, benchSet, type BenchBox, PAUL, VERA } from '../../testing/bench-box.ts'
import { approvalPolicy, KIT_TOOLS, oneNode, type PayOptions, payTool, type PayTool } from '../../testing/engine-kit.ts'
import { needsApproval, scriptedPolicy } from '../../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const flow = (pay: PayTool) =>
  oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, { tools: [pay] })

/** Every case is run collected and streamed: what the outside saw is the same. */
const ways = ['collected', 'streamed'] as const
type Way = (typeof ways)[number]

async function endOf(one: BenchBox, runId: string, way: Way) {
  if (way === 'streamed') for await (const _ of one.sb.runs.stream('acme', runId)) await one.host.macrotask()
  return one.ended(runId)
}

async function waiting(options: PayOptions = {}, limits: { approvalSeconds?: number } = {}) {
  const outside = await bank()
  const pay = payTool(outside, options)
  const one = box({ workflows: [flow(pay)], policy: approvalPolicy(), limits })
  one.work()
  const runId = await one.start('one', null)
  const request = await one.asked()
  await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
  return { outside, one, runId, request, pay }
}

describe.each(ways)('an approval, %s', (way) => {
  it('ENG-070: that is given lets the call happen once, and its intent names it', async () => {
    const { outside, one, runId, request } = await waiting()
    expect(outside.requests).toEqual([])
    await one.decide('approved')
    expect((await endOf(one, runId, way)).output).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    expect(await one.of(runId, 'activity.intent')).toMatchObject([{ approval_id: request.id }])
    expect(await one.of(runId, 'approval.decided')).toMatchObject([{ answer: 'approved', by: { id: PAUL.id } }])
  })

  it('ENG-071: that is rejected ends the call as rejected; nothing is sent', async () => {
    const { outside, one, runId } = await waiting()
    await one.decide('rejected')
    expect((await endOf(one, runId, way)).output).toBe('rejected')
    expect(outside.requests).toEqual([])
  })

  it('ENG-072, HOL-010: that nobody answers expires; nothing is sent, and a later answer is refused', async () => {
    const { outside, one, runId, request } = await waiting({}, { approvalSeconds: 60 })
    await one.host.advance(61_000)
    expect((await endOf(one, runId, way)).output).toBe('expired')
    expect(outside.requests).toEqual([])
    await expect(
      one.sb.runs.decide({ approvalId: request.id, answer: 'approved', by: PAUL, reason: 'late', seen: null }),
    ).rejects.toMatchObject({ code: 'APPROVAL_EXPIRED' })
  })

  it('ENG-073, HOL-014: whose target changed meanwhile is void; nothing is sent', async () => {
    let version = 1
    const { outside, one, runId } = await waiting({
      preview: async ({ to }) => ({
        summary: `pay ${to}`,
        target: { type: 'account', id: to, version: String(version) },
        impact: { text: 'some' },
        rollback: 'none',
      }),
    })
    version = 2
    await one.decide('approved')
    expect((await endOf(one, runId, way)).output).toBe('denied')
    expect(await one.of(runId, 'activity.outcome')).toContainEqual(
      expect.objectContaining({ status: 'denied', code: 'APPROVAL_VOID' }),
    )
    expect(outside.requests).toEqual([])
  })

  it.each<[string, (request: PolicyRequest) => ReturnType<typeof needsApproval> | undefined]>([
    ['asks another role', (request) => needsApproval(request, 'auditor')],
    ['no longer asks', () => undefined],
    ['denies now', () => ({ verdict: 'deny', reason_code: 'CLOSED' })],
  ])('ENG-074, HOL-013: under a policy that %s is void; nothing is sent', async (_what, changed) => {
    const { outside, one, runId } = await waiting()
    await one.kill()
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: (request) => (request.action.class === 'payments.write' ? changed(request) : undefined),
    })
    const other = one.another({ policy })
    other.work()
    await one.decide('approved')
    expect((await endOf(other, runId, way)).output).toBe('denied')
    expect(outside.requests).toEqual([])
  })

  it('ENG-075: that was rejected stays so when the policy would no longer ask', async () => {
    const { outside, one, runId } = await waiting()
    await one.kill()
    const other = one.another({ policy: scriptedPolicy({ tools: KIT_TOOLS }) })
    await one.sb.runs.decide({
      approvalId: (await one.asked()).id,
      answer: 'rejected',
      by: PAUL,
      reason: 'not this one',
      seen: null,
    })
    other.work()
    expect((await endOf(other, runId, way)).output).toBe('rejected')
    expect(outside.requests).toEqual([])
  })

  it('ENG-076: without a usable preview is not asked for: the call is denied with PREVIEW_FAILED', async () => {
    const outside = await bank()
    const pay = payTool(outside, { preview: () => Promise.reject(new Error('no preview')) })
    const one = box({ workflows: [flow(pay)], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    expect((await endOf(one, runId, way)).output).toBe('denied')
    expect(await one.of(runId, 'activity.outcome')).toContainEqual(expect.objectContaining({ code: 'PREVIEW_FAILED' }))
    expect(outside.requests).toEqual([])
  })

  it('ENG-077: a denied call has one terminal result with its reason code, and the model goes on', async () => {
    const outside = await bank()
    const { model, seen } = clerkModel([[{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }]])
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: (request) =>
        request.action.name === 'pay.send' ? { verdict: 'deny', reason_code: 'TOO_LATE' } : undefined,
    })
    const one = box({ workflows: [clerkFlow([payTool(outside)])], models: [model], policy })
    one.work()
    const runId = await one.start('clerks', 'go')
    expect((await endOf(one, runId, way)).status).toBe('completed')
    expect(toolResults(seen.at(-1))).toEqual([expect.stringContaining('TOO_LATE')])
    expect((await one.of(runId, 'activity.outcome')).filter((record) => record.status === 'denied')).toHaveLength(1)
    expect(outside.requests).toEqual([])
  })

  it('ENG-078, LIN-015, LIN-016: a tool that the catalogue does not have is denied with TOOL_UNKNOWN', async () => {
    const outside = await bank()
    const one = box({ workflows: [flow(payTool(outside))], policy: scriptedPolicy({ tools: {} }) })
    one.work()
    const runId = await one.start('one', null)
    expect((await endOf(one, runId, way)).output).toBe('denied')
    expect(outside.requests).toEqual([])
  })

  it('ENG-079, HOL-004: a policy that throws parks the run; the model is not told and nothing is sent', async () => {
    const outside = await bank()
    const { model, seen } = clerkModel([[{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }]])
    let broken = true
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: (request) => {
        if (broken && request.action.name === 'pay.send') throw new Error('policy bug')
        return undefined
      },
    })
    const one = box({ workflows: [clerkFlow([payTool(outside)])], models: [model], policy })
    one.work()
    const runId = await one.start('clerks', 'go')
    expect(await one.settled(runId)).toMatchObject({ status: 'parked', reason: { code: 'POLICY_MALFUNCTION' } })
    expect(seen).toHaveLength(1)
    expect(outside.requests).toEqual([])
    broken = false
    await one.sb.runs.resume({ runId, by: PAUL, reason: 'mended' })
    expect((await endOf(one, runId, way)).status).toBe('completed')
    expect(outside.booked).toHaveLength(1)
    expect(seen).toHaveLength(2)
  })
})

describe('who answers', () => {
  it('ENG-080: the requester, a service and a person without the role are refused, and nothing is sent', async () => {
    const { outside, one, request } = await waiting()
    const decide = (by: typeof PAUL) =>
      one.sb.runs.decide({ approvalId: request.id, answer: 'approved', by, reason: 'mine', seen: null })
    await expect(decide({ ...ANA, roles: ['approver'] })).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    await expect(decide({ ...PAUL, roles: [] })).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    await expect(decide({ ...PAUL, kind: 'service' })).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    await expect(decide({ ...PAUL, tenant: 'other' })).rejects.toMatchObject({ code: 'APPROVAL_NOT_FOUND' })
    expect(outside.requests).toEqual([])
    expect((await one.asked()).id).toBe(request.id)
  })

  it('ENG-081: the first answer wins; the second is told APPROVAL_DECIDED with who gave the first', async () => {
    const { outside, one, runId, request } = await waiting()
    await one.kill()
    const other = one.another()
    const decide = (box: BenchBox, by: typeof PAUL, answer: 'approved' | 'rejected') =>
      box.sb.runs.decide({ approvalId: request.id, answer, by, reason: 'weighed', seen: null })
    await decide(one, PAUL, 'rejected')
    await expect(decide(other, VERA, 'approved')).rejects.toMatchObject({
      code: 'APPROVAL_DECIDED',
      details: { decided_by: PAUL.id },
    })
    other.work()
    expect((await one.ended(runId)).output).toBe('rejected')
    await expect(decide(one, VERA, 'approved')).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    expect(outside.requests).toEqual([])
  })
})
