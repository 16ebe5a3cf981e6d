import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import { lineageGaps, lineageOf } from '../observability/index.ts'
import { agentTool, asAgent, workflow } from '../orchestration/index.ts'
import { clerkFlow, clerkModel, toolResults } from '../testing/agent-kit.ts'
import { type BenchBox, benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { KIT_TOOLS, payTool, type PayTool, readTool } from '../testing/engine-kit.ts'
import { lastSeq, MOVES } from '../testing/move-kit.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { payDesk, THREE_LEVELS_OUTPUT, threeLevels } from '../testing/scope-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const payer = (tools: readonly PayTool[]) =>
  agent({
    name: 'payer',
    model: 'scripted/payer',
    instructions: 'pay',
    maxOutputTokens: 50,
    tools,
    input: z.string(),
    output: z.string(),
  })

/** A model that pays what the prompt says, once, and tells what became of it. */
const payerModel = () =>
  scriptedModel('payer', (request) => {
    const results = toolResults(request)
    const prompt = JSON.stringify(request.messages.find((message) => message.role === 'user')?.content)
    const amount = Number(/pay (\d+)/.exec(prompt)?.[1] ?? 0)
    if (results.length === 0) return { calls: [{ tool: 'pay.send', args: { to: 'bob', amount } }] }
    return results[0]?.includes('receipt') ? `paid ${amount}` : `not paid ${amount}`
  })

const payerTool = (pay: PayTool) =>
  agentTool(payer([pay]), {
    name: 'agents.payer',
    class: 'agents.call',
    description: 'pays an amount',
    input: z.object({ amount: z.int() }),
    prompt: ({ amount }) => `pay ${amount}`,
  })

const TOOLS = { ...KIT_TOOLS, 'agents.payer': { class: 'agents.call', effect: 'none' as const } }
const approving = () =>
  scriptedPolicy({
    tools: TOOLS,
    decide: (request) => (request.action.class === 'payments.write' ? needsApproval(request, 'approver') : undefined),
  })
const calls = (...amounts: number[]) => [amounts.map((amount) => ({ tool: 'agents.payer', args: { amount } }))]

/** Reads the stream to its end, as a client does; or does not look at all. */
async function watch(one: BenchBox, runId: string, streamed: boolean): Promise<void> {
  if (!streamed) return
  void (async () => {
    for await (const item of one.sb.runs.stream('acme', runId)) if (item.kind === 'record') continue
  })().catch(() => undefined)
  await Promise.resolve()
}

describe('an agent as a tool', () => {
  it('SCP-010: is called through the door under its own class; its calls and effects are those of its own agent', async () => {
    const outside = await bank()
    const { model, seen } = clerkModel(calls(7))
    const one = box({ workflows: [clerkFlow([payerTool(payTool(outside))])], models: [model, payerModel()] })
    one.work()
    const { runId, output } = await one.run('clerks', 'go')
    expect(output).toBe('done')
    expect(toolResults(seen.at(-1))).toEqual([expect.stringContaining('paid 7')])
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob'])
    const intents = await one.of(runId, 'activity.intent')
    expect(intents.map(({ proposal }) => [proposal.kind, proposal.class, proposal.agent])).toEqual([
      ['model', 'model.call', 'clerk'],
      ['scope', 'agents.call', 'clerk'],
      ['model', 'model.call', 'payer'],
      ['tool', 'payments.write', 'payer'],
      ['model', 'model.call', 'payer'],
      ['model', 'model.call', 'clerk'],
    ])
    const records = await one.records(runId)
    expect(lineageGaps(records)).toEqual([])
    expect(lineageOf(records)).toMatchObject([{ tool: 'pay.send', path: ['clerk'], node: 'agent', agent: 'payer' }])
  })

  it.each([
    ['approved', false, ['bob'], 'paid 7'],
    ['approved', true, ['bob'], 'paid 7'],
    ['rejected', false, [], 'not paid 7'],
    ['rejected', true, [], 'not paid 7'],
    ['expired', false, [], 'not paid 7'],
    ['expired', true, [], 'not paid 7'],
  ] as const)(
    'SCP-011: an approval inside it that is %s (streamed: %s) survives the worker and decides what is booked',
    async (answer, streamed, booked, told) => {
      const outside = await bank()
      const { model, seen } = clerkModel(calls(7))
      const one = box({
        workflows: [clerkFlow([payerTool(payTool(outside))])],
        models: [model, payerModel()],
        policy: approving(),
        limits: { approvalSeconds: 3_600 },
      })
      one.work()
      const runId = await one.start('clerks', 'go')
      await watch(one, runId, streamed)
      const { tool } = await one.asked()
      expect(tool).toBe('pay.send')
      await one.killAndExpire()
      expect(outside.requests).toEqual([])
      one.work()
      if (answer === 'expired') await one.host.advance(3_700_000)
      else await one.decide(answer)
      expect((await one.ended(runId)).status).toBe('completed')
      expect(toolResults(seen.at(-1))).toEqual([expect.stringContaining(told)])
      expect(outside.booked.map((booking) => booking.to)).toEqual(booked)
      expect(outside.requests.length).toBe(booked.length)
    },
  )

  it('SCP-012: entering it needs a person where policy says so, and is not entered before; a denial is one result', async () => {
    const outside = await bank()
    const policy = scriptedPolicy({
      tools: TOOLS,
      decide: (request) =>
        request.action.class !== 'agents.call'
          ? undefined
          : request.run.agent === 'clerk'
            ? needsApproval(request, 'approver')
            : { verdict: 'deny', reason_code: 'NO_AGENTS' },
    })
    const { model, seen } = clerkModel(calls(7))
    const one = box({ workflows: [clerkFlow([payerTool(payTool(outside))])], models: [model, payerModel()], policy })
    one.work()
    const runId = await one.start('clerks', 'go')
    const { tool } = await one.asked()
    expect([tool, await one.of(runId, 'activity.intent')]).toMatchObject([
      'agents.payer',
      [{ proposal: { kind: 'model' } }],
    ])
    await one.decide('rejected')
    expect((await one.ended(runId)).status).toBe('completed')
    expect(toolResults(seen.at(-1))).toEqual([expect.stringContaining('rejected')])
    expect(outside.requests).toEqual([])
  })

  it('SCP-013: two calls of one batch that can act run one after another, in the order of the calls', async () => {
    const outside = await bank()
    const { model } = clerkModel(calls(7, 8))
    const one = box({ workflows: [clerkFlow([payerTool(payTool(outside))])], models: [model, payerModel()] })
    one.work()
    const { runId } = await one.run('clerks', 'go')
    const outcomes = (await one.of(runId, 'activity.outcome')).filter((record) => record.kind !== 'model')
    expect(outcomes.map(({ kind, ask }) => [kind, ask.key.split('/').length])).toEqual([
      ['tool', 5],
      ['scope', 3],
      ['tool', 5],
      ['scope', 3],
    ])
    expect(outside.booked.length).toBe(2)
  })

  it('SCP-014: what it spends is the run budget: a call that this does not cover is refused, and the run stops', async () => {
    const outside = await bank()
    const { model } = clerkModel(calls(7))
    const flow = clerkFlow([payerTool(payTool(outside))], { budget: { maxTurns: 2 } })
    const one = box({ workflows: [flow], models: [model, payerModel()] })
    one.work()
    const { runId, status, reason } = await one.run('clerks', 'go')
    expect({ status, reason }).toMatchObject({
      status: 'stopped',
      reason: { kind: 'budget', code: 'BUDGET_EXHAUSTED' },
    })
    const scope = (await one.of(runId, 'activity.outcome')).find((record) => record.kind === 'scope')
    expect(scope).toMatchObject({ status: 'failed', code: 'BUDGET_EXHAUSTED' })
    expect((await one.sb.runs.get('acme', runId)).status).toBe('stopped')
  })
})

describe.each(MOVES)('a %s into an agent that is a tool', (_name, move) => {
  it('SCP-015: at any record asks nobody twice for what was used, books once and ends the same', async () => {
    const outside = await bank()
    const models = () => [clerkModel(calls(7)).model, payerModel()]
    const flow = clerkFlow([payerTool(payTool(outside))], { budget: { maxTurns: 1_000 } })
    const one = box({ workflows: [flow], models: models(), policy: approving() })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.decide('approved')
    const { output } = await one.ended(runId)
    await one.kill()
    const head = await lastSeq(one, runId)
    for (let seq = 1; seq <= head; seq++) {
      const fresh = one.another({ models: models() })
      const went = await move(fresh, runId, seq)
      fresh.work()
      const end = await fresh.settle(async () => {
        const { status } = await fresh.row(went)
        if (status === 'completed' || status === 'parked' || status === 'stopped') return status
        for (const { id } of (await fresh.open()).filter((row) => row.runId === went)) {
          await fresh.sb.runs.decide({ approvalId: id, answer: 'approved', by: PAUL, reason: 'seen again', seen: null })
          await fresh.closed(id)
        }
        return null
      }, `an end from record ${seq}`)
      expect([seq, end, (await fresh.ended(went)).output]).toEqual([seq, 'completed', output])
      await fresh.kill()
      expect([seq, outside.booked.length]).toEqual([seq, 1])
    }
  })
})

describe('a workflow as an agent', () => {
  it('SCP-020: stands as an agent node: the prompt is its input, its output the answer, and its steps a scope', async () => {
    const outside = await bank()
    const nested = threeLevels(payDesk(payTool(outside)))
    const worker = asAgent(nested, { input: (prompt) => Number(prompt) })
    const flow = workflow({ name: 'holder', version: '1.0.0', input: z.int(), output: z.string(), budget: WIDE_BUDGET })
      .node('open', { input: z.int(), output: z.string(), run: (n) => String(n) })
      .agent('worker', worker, { prompt: (text) => text })
      .start('open')
      .edge('open', 'worker')
      .output('worker')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { output } = await one.run('holder', 3)
    expect(output).toBe(THREE_LEVELS_OUTPUT)
    expect(outside.booked.length).toBe(2)
  })

  it('SCP-016: an agent that only reads is a tool too, and its answer is what the model is told', async () => {
    const get = readTool((n) => n * 2)
    const helper = agentTool(
      agent({
        name: 'helper',
        model: 'scripted/helper',
        instructions: 'read',
        maxOutputTokens: 50,
        tools: [get],
        input: z.string(),
        output: z.string(),
      }),
      {
        name: 'agents.helper',
        class: 'agents.call',
        description: 'reads',
        input: z.object({ n: z.int() }),
        prompt: ({ n }) => `read ${n}`,
      },
    )
    const { model, seen } = clerkModel([[{ tool: 'agents.helper', args: { n: 4 } }]])
    const one = box({
      workflows: [clerkFlow([helper])],
      models: [
        model,
        scriptedModel(
          'helper',
          (request) => toolResults(request)[0] ?? { calls: [{ tool: 'get.one', args: { n: 4 } }] },
        ),
      ],
    })
    one.work()
    await one.run('clerks', 'go')
    expect(toolResults(seen.at(-1))).toEqual([expect.stringContaining('8')])
  })
})
