import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { ModelHandle } from '../contracts/model.ts'
import { owned, type Workflow, workflow } from '../orchestration/index.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { ANA, benchSet, type BenchBox, WIDE_BUDGET } from '../testing/bench-box.ts'
import { lookUp, oneNode, payTool, type PayTool } from '../testing/engine-kit.ts'
import type { OutsideBank } from '../testing/outside-bank.ts'
import { scriptedModel } from '../testing/scripted-model.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const text = { input: z.string(), output: z.string() }
const header = { version: '1.0.0', input: z.string(), output: z.string(), budget: WIDE_BUDGET }
type Ctx = { call: (tool: PayTool, args: { to: string; amount: number }) => Promise<{ status: string }> }
const paying = (pay: PayTool) => async (input: string, ctx: Ctx) => {
  await ctx.call(pay, { to: 'bob', amount: 1 })
  return input
}

function pingPong(pay: PayTool) {
  return workflow({ ...header, name: 'runaway', tools: [pay], termination: { loop: { repeats: 3 } } })
    .node('ping', { ...text, run: paying(pay) })
    .node('pong', { ...text, run: (input) => input })
    .start('ping')
    .edge('ping', 'pong')
    .edge('pong', 'ping', (input) => input !== '')
    .output('pong')
    .build()
}

function selfLoop(pay: PayTool) {
  return workflow({ ...header, name: 'runaway', tools: [pay] })
    .node('again', { ...text, run: paying(pay) })
    .node('done', { ...text, run: (input) => input })
    .start('again')
    .switch('again', [{ when: (input) => input !== '', to: 'again' }], 'done')
    .output('done')
    .build()
}

/** A planner that words the same plan anew each time: what counts as progress is what is known. */
function stalledPlan(pay: PayTool) {
  const planner = agent({
    name: 'planner',
    model: 'scripted/planner',
    instructions: 'plan',
    maxOutputTokens: 50,
    tools: [],
    ...text,
  })
  return workflow({
    ...header,
    name: 'runaway',
    tools: [pay],
    state: { facts: owned('work', z.string()) },
    termination: { loop: { repeats: 3, of: ({ state }) => state.facts ?? null } },
  })
    .agent('plan', planner, { prompt: (input) => input })
    .node('work', {
      ...text,
      run: async (plan, ctx) => {
        await ctx.call(pay, { to: 'bob', amount: 1 })
        ctx.write({ facts: 'nothing new' })
        return plan
      },
    })
    .node('done', { ...text, run: (input) => input })
    .start('plan')
    .edge('plan', 'work')
    .switch('work', [{ when: (plan) => plan !== 'ready', to: 'plan' }], 'done')
    .output('done')
    .build()
}

function fallingQuality(pay: PayTool) {
  return workflow({
    ...header,
    name: 'runaway',
    tools: [pay],
    state: { score: owned('write', z.number()) },
    termination: {
      quality: {
        name: 'score',
        failures: 3,
        check: ({ state: { score } }) => (score === undefined ? null : { verdict: score < 5 ? 'fail' : 'pass', score }),
      },
    },
  })
    .node('write', {
      ...text,
      run: async (input, ctx) => {
        await ctx.call(pay, { to: 'bob', amount: 1 })
        ctx.write({ score: (ctx.state.score ?? 8) - 1 })
        return input
      },
    })
    .node('done', { ...text, run: (input) => input })
    .start('write')
    .switch('write', [{ when: (input) => input !== '', to: 'write' }], 'done')
    .output('done')
    .build()
}

const storm = () =>
  clerkModel(
    Array.from({ length: 100 }, (_, turn) =>
      Array.from({ length: 50 }, (_one, n) => ({ tool: 'pay.send', args: { to: `t${turn}`, amount: n } })),
    ),
  )

function planner(): ModelHandle {
  let words = 0
  return scriptedModel('planner', () => ({ text: `plan number ${++words}` }))
}

interface Kind {
  readonly name: string
  readonly flow: (pay: PayTool) => Workflow<string, string>
  readonly models?: () => readonly ModelHandle[]
  readonly ending: { readonly by: string; readonly code: string; readonly subject: string }
  readonly booked: number
}

const KINDS: readonly Kind[] = [
  { name: 'ping-pong', flow: pingPong, ending: { by: 'loop', code: 'LOOP_FOUND', subject: '3 times' }, booked: 3 },
  { name: 'a self-loop', flow: selfLoop, ending: { by: 'loop', code: 'LOOP_FOUND', subject: '10 times' }, booked: 10 },
  {
    name: 'a stalled plan',
    flow: stalledPlan,
    models: () => [planner()],
    // Nothing is known before the first work, so that the second situation is the first that comes back.
    ending: { by: 'loop', code: 'LOOP_FOUND', subject: '3 times' },
    booked: 3,
  },
  {
    name: 'a tool storm',
    flow: (pay) => clerkFlow([pay], { budget: { maxTurns: 3, maxToolCalls: 60 } }),
    models: () => [storm().model],
    ending: { by: 'max_turns', code: 'BUDGET_EXHAUSTED', subject: 'turns' },
    booked: 60,
  },
  {
    name: 'falling quality',
    flow: fallingQuality,
    ending: { by: 'quality', code: 'QUALITY_FAILED', subject: 'score' },
    // 7, 6 and 5 pass; 4, 3 and 2 do not.
    booked: 6,
  },
]

/** Reads the run's stream to its end, as a page does. */
async function streamed(one: BenchBox, runId: string): Promise<void> {
  for await (const item of one.sb.runs.stream(ANA.tenant, runId))
    if (item.kind === 'record' && item.record.type === 'run.stopped') return
}

/** Every payment that the bank saw has its intent and its end on record, and none was sent after the run's end. */
async function nothingAfter(one: BenchBox, runId: string, outside: OutsideBank): Promise<void> {
  const records = await one.records(runId)
  const sent = records.filter((record) => record.type === 'activity.intent' && record.proposal.effect !== 'none')
  const ended = records.filter((record) => record.type === 'activity.outcome' && record.effect_hash !== null)
  expect(ended.map((record) => record.type === 'activity.outcome' && record.idempotency_key).sort()).toEqual(
    outside.booked.map(({ key }) => key).sort(),
  )
  const last = records.at(-1)
  expect(last?.type).toBe('run.stopped')
  for (const { seq } of sent) expect(seq).toBeLessThan(last?.seq ?? 0)
}

describe.each(['collected', 'streamed'])('a runaway that is %s', (how) => {
  it.each(KINDS)(
    'END-040: $name ends within its limit, with the typed reason',
    async ({ flow, models, ending, booked }) => {
      const outside = await bank()
      const made = flow(payTool(outside))
      const one = box({ workflows: [made], ...(models ? { models: models() } : {}) })
      one.work()
      const runId = await one.start(made.name, 'go')
      if (how === 'streamed') await streamed(one, runId)
      const result = await one.ended(runId)
      expect(result.ending).toMatchObject(ending)
      expect(result.ending?.leftUndone.length).toBeGreaterThan(0)
      expect(outside.booked).toHaveLength(booked)
      await nothingAfter(one, runId, outside)
    },
  )

  it.each(['runtime', 'timeout'])(
    'END-041: a slow node ends by its %s, and the payment in flight is looked up',
    async (limit) => {
      const outside = await bank()
      const pay = payTool(outside, { found: lookUp(outside) })
      const plain = oneNode(
        async (_input, ctx) => [
          (await ctx.call(pay, { to: 'bob', amount: 1 })).status,
          (await ctx.call(pay, { to: 'eve', amount: 2 })).status,
        ],
        { tools: [pay], budget: { maxRuntimeSeconds: limit === 'runtime' ? 5 : 600 } },
      )
      const termination = { ...plain.spec.termination, timeoutSeconds: limit === 'timeout' ? 5 : null }
      const one = box({ workflows: [{ ...plain, spec: { ...plain.spec, termination } }] })
      one.work()
      let release: () => void = () => undefined
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      outside.onPayment(() => held)
      const runId = await one.start('one', null)
      const reading = how === 'streamed' ? streamed(one, runId) : Promise.resolve()
      await one.until(() => (outside.requests.length === 1 ? true : null), 'a send')
      await one.host.advance(6_000)
      release()
      await one.settle(async () => ((await one.row(runId)).status === 'stopped' ? true : null), 'the end')
      await reading
      const by = limit === 'runtime' ? 'budget' : 'timeout'
      expect((await one.ended(runId)).ending).toMatchObject({ by, leftUndone: [{ what: 'only', why: 'unfinished' }] })
      expect(outside.booked.map(({ to }) => to)).toEqual(['bob'])
      expect(outside.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
      await nothingAfter(one, runId, outside)
    },
  )
})
