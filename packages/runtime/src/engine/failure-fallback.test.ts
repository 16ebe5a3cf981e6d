import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { Store } from '../contracts/store.ts'
import { draftWorkflow } from '../orchestration/builder.ts'
import { decisionRecord, Rejection, reduced, toMermaid, workflow } from '../orchestration/index.ts'
import { clerkModel } from '../testing/agent-kit.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { type BenchBox, benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { lookUp, payTool, type PayTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const JOINED = reduced(z.string(), (a: string | undefined, b) => (a === undefined ? b : `${a}, ${b}`))

/** One node that pays and then fails, beside one that does not; both send to `close` over `lost` or directly. */
function pair(pay: PayTool, fail: () => unknown, options: { attempts?: number } = {}) {
  return workflow({
    name: 'pair',
    version: '1.0.0',
    input: z.number(),
    output: z.array(z.string()),
    budget: WIDE_BUDGET,
    state: { notes: JOINED },
    tools: [pay],
  })
    .node('open', { input: z.number(), output: z.number(), run: (n) => n })
    .node('left', {
      input: z.number(),
      output: z.string(),
      retry: { attempts: options.attempts ?? 1, backoffSeconds: 0 },
      run: async (n, ctx) => {
        ctx.write({ notes: 'left was here' })
        await ctx.call(pay, { to: 'left', amount: n })
        fail()
        return 'left'
      },
    })
    .node('right', {
      input: z.number(),
      output: z.string(),
      run: (_n, ctx) => {
        ctx.write({ notes: 'right was here' })
        return 'right'
      },
    })
    .node('lost', { input: Rejection, output: z.string(), run: ({ code, reason }) => `${code}: ${reason}` })
    .node('gather', {
      input: z.string(),
      output: z.string(),
      run: (text) => text,
    })
    .node('close', {
      input: z.array(z.string()),
      output: z.array(z.string()),
      run: (list, ctx) => [...list, ctx.state.notes ?? ''],
    })
    .start('open')
    .fanOut('open', ['left', 'right'])
    .edge('left', 'gather')
    .onFailed('left', 'lost')
    .edge('lost', 'gather')
    .fanIn(['gather', 'right'], 'close')
    .output('close')
    .build()
}
const broken = (): never => {
  throw new Error('out of paper')
}

describe('a failure with a fallback', () => {
  it('GRA-027: goes there after the last attempt with code and reason, without its writes; siblings and run go on', async () => {
    const outside = await bank()
    const one = box({ workflows: [pair(payTool(outside), broken, { attempts: 2 })] })
    one.work()
    const { runId, status, output } = await one.run('pair', 3)
    expect(status).toBe('completed')
    expect(output).toEqual(['NODE_FAILED: out of paper', 'right', 'right was here'])
    expect((await one.of(runId, 'activation.failed')).map((each) => each.retry_at === null)).toEqual([false, true])
    expect(outside.booked).toHaveLength(1)
  })

  it('GRA-027: restored to and forked from every record it ends alike, and nothing is paid again', async () => {
    const outside = await bank()
    const one = box({ workflows: [pair(payTool(outside), broken)] })
    one.work()
    const { runId, output } = await one.run('pair', 3)
    const last = (await one.row(runId)).seq
    for (let seq = 2; seq < last; seq++) {
      const forked = await one.sb.runs.fork({ runId, seq, by: PAUL, reason: 'again' }).catch(() => null)
      if (forked) expect((await one.ended(forked.runId)).output).toEqual(output)
    }
    for (const point of await one.sb.runs.restorePoints('acme', runId)) {
      await one.sb.runs.restore({ runId, seq: point.seq, by: PAUL, reason: 'again' })
      expect((await one.ended(runId)).output).toEqual(output)
    }
    expect(outside.booked).toHaveLength(1)
  })

  it('GRA-027: broken off after each record and taken up by another process it ends alike, and nothing is paid twice', async () => {
    const outside = await bank()
    const flow = pair(payTool(outside, { found: lookUp(outside) }), broken, { attempts: 2 })
    const first = box({ workflows: [flow] })
    first.work()
    const { runId } = await first.run('pair', 3)
    const finish = (one: BenchBox) =>
      one.settle(async () => ((await one.row(runId)).status === 'completed' ? undefined : null), 'the end')
    const make = (store: Store) => box({ workflows: [flow], store })
    expect(await crashSweep({ first, runId, make, finish, bank: outside })).toEqual([])
  })

  it('GRA-028: the budget and a write that is not its own end the run whatever is declared', async () => {
    const outside = await bank()
    const calls = [{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }]
    const { model } = clerkModel([calls, calls])
    const one = box({ workflows: [hiding(payTool(outside))], models: [model] })
    one.work()
    expect(await one.run('hiding', 'clerk')).toMatchObject({ status: 'stopped', reason: { kind: 'budget' } })
    expect(await one.run('hiding', 'thief')).toMatchObject({ status: 'stopped', reason: { code: 'STATE_NOT_OWNED' } })
    expect(await one.run('hiding', 'fails')).toMatchObject({ status: 'completed', output: 'NODE_FAILED' })
    expect(outside.booked).toHaveLength(1)
  })

  it('GRA-029: wrong declarations are errors, and right ones are drawn, told and signed', async () => {
    const outside = await bank()
    const built = pair(payTool(outside), broken)
    expect(toMermaid(built.spec)).toContain('-.->|failed|')
    expect(decisionRecord(built.spec)).toContain('lost when it failed')
    expect(JSON.stringify(built.spec.description)).toContain('"failure_fallbacks":{"left":"lost"}')
    const wrong = draftWorkflow({
      name: 'w',
      version: '1',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      state: {},
    })
      .node('a', { input: z.number(), output: z.number(), run: (n) => n })
      .start('a')
      .output('a')
    const { errors } = wrong.onFailed('a', 'a').onFailed('a', 'b').validate()
    expect(errors).toEqual([
      'the failure of `a` goes to itself',
      'the failure of `a` goes to `b`, which is not a node',
      'node `a` has two fallbacks',
      expect.stringContaining('the failure of `a` to `a` can never fit'),
    ])
  })
})

/** Nodes that end in ways that a fallback must not hide, and one that fails. */
function hiding(pay: PayTool) {
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'pay',
    maxOutputTokens: 50,
    tools: [pay],
    input: z.string(),
    output: z.string(),
  })
  const text = { input: z.string(), output: z.string() }
  return workflow({
    name: 'hiding',
    version: '1.0.0',
    ...text,
    budget: { ...WIDE_BUDGET, maxTurns: 1 },
    state: { notes: JOINED },
    tools: [pay],
  })
    .node('open', { ...text, run: (name) => name })
    .agent('clerk', clerk, { prompt: () => 'pay' })
    .node('thief', {
      ...text,
      run: (name, ctx) => {
        // A caller without types may name a field that is not declared.
        ctx.write({ other: 'x' } as unknown as { notes: string })
        return name
      },
    })
    .node('fails', { ...text, run: broken })
    .node('lost', { input: Rejection, output: z.string(), run: ({ code }) => code })
    .start('open')
    .multiSelection('open', ['clerk', 'thief', 'fails'], (name) =>
      (['clerk', 'thief', 'fails'] as const).filter((one) => one === name),
    )
    .onFailed('clerk', 'lost')
    .onFailed('thief', 'lost')
    .onFailed('fails', 'lost')
    .output('clerk')
    .output('thief')
    .output('fails')
    .output('lost')
    .build()
}
