import { afterEach, describe, expect, it } from 'vitest'
import type { Control, ControlAnswer, ControlDef, ControlRequest } from '../contracts/control.ts'
import type { InterventionPoint } from '../contracts/policy.ts'
import { control } from '../policy/index.ts'
import { clerkFlow, clerkModel, toolResults } from '../testing/agent-kit.ts'
import { ANA, benchSet, type BenchBox, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, KIT_TOOLS, oneNode, payTool, readTool } from '../testing/engine-kit.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const ways = ['collected', 'streamed'] as const
type Way = (typeof ways)[number]

async function endOf(one: BenchBox, runId: string, way: Way) {
  if (way === 'streamed') {
    const settled = one.settled(runId)
    const view = (async () => {
      for await (const _ of one.sb.runs.stream('acme', runId)) await one.host.macrotask()
    })()
    await Promise.race([settled, view])
  }
  return one.settled(runId)
}

/** A control that counts what it is asked, at one point. */
function checks(
  point: InterventionPoint,
  decide: (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>,
  over: Partial<ControlDef> = {},
): Control & { readonly asked: ControlRequest[] } {
  const asked: ControlRequest[] = []
  const made = control({
    name: 'checks',
    version: '1.0.0',
    owner: 'tests',
    points: [point],
    reasons: { SAID_SO: 'the control says so' },
    decide: (request) => {
      asked.push(request)
      return decide(request)
    },
    ...over,
  })
  return { ...made, asked }
}

const says = (verdict: 'warn' | 'deny'): ControlAnswer => ({ verdict, reason: 'SAID_SO' })
const changedTo = (value: ControlRequest['value']): ControlAnswer => ({
  verdict: 'transform',
  reason: 'SAID_SO',
  value,
})

const pays = [[{ tool: 'pay.send', args: { to: 'bob', amount: 5 } }]]

/** A clerk who pays 5 to bob, under these controls. */
async function clerk(controls: readonly Control[], policy = scriptedPolicy({ tools: KIT_TOOLS })) {
  const outside = await bank()
  const { model, seen } = clerkModel(pays)
  const one = box({ workflows: [clerkFlow([payTool(outside)])], models: [model], controls, policy })
  one.work()
  return { outside, one, seen }
}

describe.each(ways)('the chain before a tool call, %s', (way) => {
  it.each<[string, ControlAnswer, string, number]>([
    ['allow', { verdict: 'allow' }, 'allow', 1],
    ['warn', says('warn'), 'warn', 1],
    ['deny', says('deny'), 'deny', 0],
  ])('CHN-003, CHN-004: a control that says %s', async (_name, answer, verdict, booked) => {
    const { outside, one, seen } = await clerk([checks('pre_tool_call', () => answer)])
    const runId = await one.start('clerks', 'go')
    expect((await endOf(one, runId, way)).status).toBe('completed')
    expect(outside.booked).toHaveLength(booked)
    const [first] = [...(await one.of(runId, 'activity.intent')), ...(await one.of(runId, 'activity.outcome'))].filter(
      (record) => ('proposal' in record ? record.proposal?.name : null) === 'pay.send',
    )
    expect(first?.decision).toMatchObject({
      verdict,
      elements: [
        { element: 'cedar', verdict: 'allow' },
        { element: 'control:checks@1.0.0', verdict, reason_code: verdict === 'allow' ? 'PERMITTED' : 'SAID_SO' },
      ],
    })
    if (verdict === 'deny') expect(toolResults(seen[1])[0]).toContain('SAID_SO')
  })

  it('CHN-003: what the bundle denies no control is asked about, and none lets it pass', async () => {
    const asked = checks('pre_tool_call', () => ({ verdict: 'allow' }))
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: ({ action }) => (action.name === 'pay.send' ? { verdict: 'deny', reason_code: 'CLOSED' } : undefined),
    })
    const { outside, one } = await clerk([asked], policy)
    await endOf(one, await one.start('clerks', 'go'), way)
    expect([outside.requests, asked.asked]).toEqual([[], []])
  })

  it('CHN-020, CHN-025: what it changes is decided, recorded and sent; what was asked for is not', async () => {
    const amounts: unknown[] = []
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: ({ action, input, labels }) => {
        if (action.name === 'pay.send') amounts.push([input.amount, labels])
        return undefined
      },
    })
    const half = checks('pre_tool_call', () => ({
      ...changedTo({ to: 'bob', amount: 2 }),
      labels: { integrity: 3, marks: ['halved'] },
    }))
    const { outside, one } = await clerk([half], policy)
    const runId = await one.start('clerks', 'go')
    expect((await endOf(one, runId, way)).status).toBe('completed')
    expect(outside.booked).toMatchObject([{ to: 'bob', amount: 2 }])
    expect(amounts).toEqual([
      [5, { integrity: 0, marks: [] }],
      [2, { integrity: 0, marks: ['halved'] }],
    ])
    const [intent] = (await one.of(runId, 'activity.intent')).filter(({ proposal }) => proposal.name === 'pay.send')
    expect(intent?.decision).toMatchObject({ verdict: 'transform', reason_code: 'SAID_SO' })
    expect(intent?.decision.elements?.map(({ element }) => element)).toEqual(['cedar', 'control:checks@1.0.0', 'cedar'])
    expect(intent?.proposal.labels).toEqual({ integrity: 0, marks: ['halved'] })
    const contents = await one.sb.runs.contents('acme', runId)
    expect(intent && (await contents.read(intent.proposal.args))).toEqual({ to: 'bob', amount: 2 })
  })

  it('CHN-021: a bundle that denies what comes of a change denies it', async () => {
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: ({ input }) => (input.to === 'eve' ? { verdict: 'deny', reason_code: 'NOT_EVE' } : undefined),
    })
    const { outside, one, seen } = await clerk(
      [checks('pre_tool_call', () => changedTo({ to: 'eve', amount: 5 }))],
      policy,
    )
    await endOf(one, await one.start('clerks', 'go'), way)
    expect(outside.requests).toEqual([])
    expect(toolResults(seen[1])[0]).toContain('NOT_EVE')
  })

  it('CHN-021: a change does not spare the person whom the bundle asked for before it', async () => {
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: (request) => (Number(request.input.amount) > 3 ? needsApproval(request, 'approver') : undefined),
    })
    const { outside, one } = await clerk([checks('pre_tool_call', () => changedTo({ to: 'bob', amount: 2 }))], policy)
    const runId = await one.start('clerks', 'go')
    await one.asked()
    expect(outside.requests).toEqual([])
    const [asked] = await one.of(runId, 'approval.requested')
    const packet = asked && (await (await one.sb.runs.contents('acme', runId)).read(asked.packet))
    expect(packet).toMatchObject({ arguments: '{"amount":2,"to":"bob"}' })
    await one.decide('approved')
    expect((await endOf(one, runId, way)).status).toBe('completed')
    expect(outside.booked).toMatchObject([{ amount: 2 }])
  })

  it.each<[string, Partial<ControlDef>]>([
    ['throws', { decide: () => Promise.reject(new TypeError('broken')) }],
    ['gives nothing', { decide: () => undefined as unknown as ControlAnswer }],
    ['gives a verdict that there is none of', { decide: () => ({ verdict: 'maybe' }) as unknown as ControlAnswer }],
    ['gives a reason that it does not declare', { decide: () => ({ verdict: 'deny', reason: 'OTHER' }) }],
    ['gives arguments that do not fit', { decide: () => changedTo({ to: 'bob', amount: 'much' }) }],
    ['asks for nobody', { decide: () => ({ verdict: 'require_approval', reason: 'SAID_SO', approvers: [] }) }],
  ])('CHN-005: a control that %s parks the run, and it goes on once that is mended', async (_name, over) => {
    const { outside, one, seen } = await clerk([checks('pre_tool_call', () => ({ verdict: 'allow' }), over)])
    const runId = await one.start('clerks', 'go')
    expect(await endOf(one, runId, way)).toMatchObject({ status: 'parked', reason: { code: 'POLICY_MALFUNCTION' } })
    expect([outside.requests, seen.length]).toEqual([[], 1])
    await one.kill()
    const mended = one.another({ controls: [checks('pre_tool_call', () => ({ verdict: 'allow' }))] })
    mended.work()
    await mended.sb.runs.resume({ runId, by: PAUL, reason: 'mended' })
    await mended.until(async () => ((await mended.row(runId)).status === 'completed' ? true : null), 'the end')
    expect(outside.booked).toHaveLength(1)
  })

  it('CHN-005, HOL-005: a control that takes too long parks the run', async () => {
    const never = checks('pre_tool_call', () => new Promise(() => undefined), { timeoutMs: 500 })
    const { outside, one } = await clerk([never])
    const runId = await one.start('clerks', 'go')
    await one.until(() => (never.asked.length > 0 ? true : null), 'the control')
    await one.host.advance(600)
    expect(await endOf(one, runId, way)).toMatchObject({ status: 'parked', reason: { code: 'POLICY_MALFUNCTION' } })
    expect(outside.requests).toEqual([])
  })

  it('CHN-006: a control that asks for a person is answered by one with its role, and asked for nothing twice', async () => {
    const asks = checks('pre_tool_call', () => ({
      verdict: 'require_approval',
      reason: 'SAID_SO',
      approvers: ['approver'],
    }))
    const { outside, one } = await clerk([asks])
    const runId = await one.start('clerks', 'go')
    const request = await one.asked()
    expect([request.approvers, outside.requests]).toEqual([[['approver']], []])
    await expect(
      one.sb.runs.decide({ approvalId: request.id, answer: 'approved', by: ANA, reason: 'mine', seen: null }),
    ).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    await one.decide('approved')
    expect((await endOf(one, runId, way)).status).toBe('completed')
    expect([outside.booked.length, asks.asked.length]).toEqual([1, 1])
  })

  it('CHN-006, CHN-007: after a crash in the wait the same version is not asked again, another voids the approval', async () => {
    for (const version of ['1.0.0', '1.0.1']) {
      const asks = (v: string) =>
        checks('pre_tool_call', () => ({ verdict: 'require_approval', reason: 'SAID_SO', approvers: ['approver'] }), {
          version: v,
        })
      const { outside, one } = await clerk([asks('1.0.0')])
      const runId = await one.start('clerks', 'go')
      await one.asked()
      await one.killAndExpire()
      const later = asks(version)
      const other = one.another({ controls: [later] })
      other.work()
      await other.decide('approved')
      expect((await endOf(other, runId, way)).status).toBe('completed')
      const same = version === '1.0.0'
      expect([outside.booked.length, later.asked.length]).toEqual([same ? 1 : 0, same ? 0 : 1])
      if (same) continue
      const outcomes = await other.of(runId, 'activity.outcome')
      expect(outcomes).toContainEqual(expect.objectContaining({ code: 'APPROVAL_VOID' }))
    }
  })

  it('CHN-007, CHN-020: what a control changed before a crash is what is sent, though it would answer otherwise now', async () => {
    const outside = await bank()
    const { model } = clerkModel(pays)
    const answers = [2, 4]
    const counts = checks('pre_tool_call', () => changedTo({ to: 'bob', amount: answers.shift() ?? 9 }))
    const one = box({
      workflows: [clerkFlow([payTool(outside)])],
      models: [model],
      controls: [counts],
      policy: approvalPolicy(),
    })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.asked()
    await one.killAndExpire()
    one.work()
    await one.decide('approved')
    expect((await endOf(one, runId, way)).status).toBe('completed')
    expect(outside.booked).toMatchObject([{ amount: 2 }])
    expect(answers).toEqual([4])
  })
})

describe('the chain at other points', () => {
  it.each<[InterventionPoint, ControlAnswer]>([
    ['agent_startup', changedTo('other')],
    ['agent_shutdown', changedTo('other')],
    ['output', { verdict: 'require_approval', reason: 'SAID_SO', approvers: ['approver'] }],
    ['pre_model_call', { verdict: 'require_approval', reason: 'SAID_SO', approvers: ['approver'] }],
  ])('CHN-001: a verdict that is not possible at %s parks the run', async (point, answer) => {
    const { outside, one } = await clerk([checks(point, () => answer)])
    expect(await one.run('clerks', 'go')).toMatchObject({
      status: 'parked',
      reason: { code: 'POLICY_MALFUNCTION' },
      output: null,
    })
    expect(outside.booked).toHaveLength(point === 'output' || point === 'agent_shutdown' ? 1 : 0)
  })

  it('CHN-002: a policy that asks for a person at a model call or an output denies with NOT_APPROVABLE', async () => {
    for (const point of ['pre_model_call', 'output'] as const) {
      const policy = scriptedPolicy({
        tools: KIT_TOOLS,
        points: ['output'],
        decide: (request) => (request.point === point ? needsApproval(request, 'approver') : undefined),
      })
      const { one } = await clerk([], policy)
      const runId = await one.start('clerks', 'go')
      expect(await one.settled(runId)).toMatchObject({ status: 'stopped', output: null })
      const records = await one.records(runId)
      expect(JSON.stringify(records)).toContain('"reason_code":"NOT_APPROVABLE"')
      expect(await one.open()).toEqual([])
    }
  })

  it('CHN-022: a model is sent the changed messages, a retry after a crash too, and the conversation keeps its own', async () => {
    const hides = checks('pre_model_call', ({ value }) => {
      const text = JSON.stringify(value)
      return text.includes('4711') ? changedTo(JSON.parse(text.replaceAll('4711', 'XXXX'))) : { verdict: 'allow' }
    })
    const { one, seen } = await clerk([hides])
    const runId = await one.start('clerks', 'card 4711')
    expect((await one.settled(runId)).status).toBe('completed')
    expect(seen).toHaveLength(2)
    for (const request of seen) {
      expect(JSON.stringify(request.messages)).toContain('card XXXX')
      expect(JSON.stringify(request.messages)).not.toContain('4711')
    }
    const contents = await one.sb.runs.contents('acme', runId)
    const [model] = (await one.of(runId, 'activity.intent')).filter(({ proposal }) => proposal.kind === 'model')
    expect(model && (await contents.read(model.proposal.args))).toMatchObject({ changed: [{ at: 1 }] })
    const [saved] = await one.of(runId, 'position.saved')
    const kept = await Promise.all((saved?.append.items ?? []).map((item) => contents.read(item)))
    expect(JSON.stringify(kept)).toContain('card 4711')
  })

  it('CHN-022: messages that are left out are a malfunction', async () => {
    const { one, seen } = await clerk([checks('pre_model_call', () => changedTo([]))])
    expect(await one.run('clerks', 'go')).toMatchObject({ status: 'parked' })
    expect(seen).toEqual([])
  })

  it('CHN-024: a changed input is what the run goes on with, asked for once; one that does not fit parks it', async () => {
    const flow = oneNode(
      async (input, ctx) => {
        await ctx.call(
          readTool((n) => n),
          { n: 1 },
        )
        return input
      },
      { tools: [readTool((n) => n)] },
    )
    const once = checks('input', () => changedTo('changed'))
    const one = box({ workflows: [flow], controls: [once] })
    one.work()
    expect((await one.run('one', 'raw')).output).toBe('changed')
    expect(once.asked).toHaveLength(1)
    const { one: clerks } = await clerk([checks('input', () => changedTo(7))])
    expect((await clerks.run('clerks', 'go')).status).toBe('parked')
  })

  it('CHN-008: faulty controls are refused with every fault, and two of one name', () => {
    const faulty = () =>
      control({
        name: 'Bad Name',
        version: '1',
        owner: '',
        points: ['nowhere' as 'input'],
        reasons: { NO_PERMIT: 'x' },
        timeoutMs: 0,
        decide: () => ({ verdict: 'allow' }),
      })
    expect(faulty).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/name.*version.*owner.*timeoutMs.*nowhere.*NO_PERMIT/s),
      }),
    )
    const twice = checks('input', () => ({ verdict: 'allow' }))
    expect(() => box({ workflows: [oneNode((x) => x)], controls: [twice, twice] })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
