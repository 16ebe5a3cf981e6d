import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonValue } from '../base/json.ts'
import type { Control, ControlDef } from '../contracts/control.ts'
import { lineageGaps } from '../observability/index.ts'
import { flow, workflow } from '../orchestration/index.ts'
import { control } from '../policy/index.ts'
import { createReplayer } from '../replay.ts'
import { keyVault } from '../stores/index.ts'
import { clerkFlow, clerkModel, toolResults } from '../testing/agent-kit.ts'
import { benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { everything } from '../testing/everything.ts'
import { KIT_TOOLS, lookUp, oneNode, payTool, readTool } from '../testing/engine-kit.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { storePrefix } from '../testing/store-prefix.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** Puts another word in the place of one, in every text that passes. */
function words(points: ControlDef['points'], from: string, to: string, name = 'words'): Control {
  return control({
    name,
    version: '1.0.0',
    owner: 'tests',
    points,
    reasons: { NOT_SAID: 'the word is not said here' },
    decide: ({ value }) => {
      const text = JSON.stringify(value)
      if (!text.includes(from)) return { verdict: 'allow' }
      return { verdict: 'transform', reason: 'NOT_SAID', value: JSON.parse(text.replaceAll(from, to)) as JsonValue }
    },
  })
}

describe('a changed value', () => {
  it('CHN-023: of an agent that answers, only what its answer was changed to is on record', async () => {
    const { model } = clerkModel([], 'a heron flies')
    const one = box({ workflows: [clerkFlow([])], models: [model], controls: [words(['output'], 'heron', 'bird')] })
    one.work()
    const { runId, output } = await one.run('clerks', 'go')
    expect(output).toBe('a bird flies')
    expect(await everything(one, runId)).not.toContain('heron')
    expect(await one.of(runId, 'decision.recorded')).toMatchObject([
      { decision: { point: 'output', verdict: 'transform', reason_code: 'NOT_SAID' } },
    ])
  })

  it('CHN-023: of a node that is no agent and of a durable function', async () => {
    const text = z.string()
    const fn = flow({
      name: 'fn',
      version: '1.0.0',
      input: text,
      output: text,
      budget: WIDE_BUDGET,
      run: () => 'a heron swims',
    })
    const one = box({
      workflows: [oneNode(() => ({ of: 'a heron' })), fn],
      controls: [words(['output'], 'heron', 'bird')],
    })
    one.work()
    for (const [name, output] of [
      ['one', { of: 'a bird' }],
      ['fn', 'a bird swims'],
    ] as const) {
      const done = await one.run(name, 'go')
      expect(done.output).toEqual(output)
      expect(await everything(one, done.runId)).not.toContain('heron')
    }
  })

  it('CHN-023: of a model in a turn and of a tool: the call that is made and the result that is read are the changed ones', async () => {
    const outside = await bank()
    const { model, seen } = clerkModel([
      [
        { tool: 'pay.send', args: { to: 'heron', amount: 1 } },
        { tool: 'get.one', args: { n: 4711 } },
      ],
    ])
    const one = box({
      workflows: [clerkFlow([payTool(outside), readTool((n) => n)])],
      models: [model],
      controls: [words(['post_model_call'], 'heron', 'bird'), words(['post_tool_call'], '4711', '1', 'numbers')],
    })
    one.work()
    const { runId, status } = await one.run('clerks', 'go')
    expect(status).toBe('completed')
    expect(outside.booked).toMatchObject([{ to: 'bird' }])
    expect(toolResults(seen[1])[1]).toContain('"value":1')
    expect(await everything(one, runId)).not.toContain('heron')
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('CHN-005: an output that the control gives and the agent cannot say parks the run', async () => {
    const { model } = clerkModel([], 'a heron flies')
    const none = control({
      name: 'none',
      version: '1.0.0',
      owner: 'tests',
      points: ['output'],
      reasons: { X: 'x' },
      decide: () => ({ verdict: 'transform', reason: 'X', value: 7 }),
    })
    const one = box({ workflows: [clerkFlow([])], models: [model], controls: [none] })
    one.work()
    const { runId, status, output } = await one.run('clerks', 'go')
    expect([status, output]).toEqual(['parked', null])
    expect(await everything(one, runId)).not.toContain('heron')
  })

  it('CHN-026: broken off after each record the run ends alike, pays once and asks no control twice; its replay shows no difference', async () => {
    const outside = await bank()
    const { model } = clerkModel([[{ tool: 'pay.send', args: { to: 'heron', amount: 1 } }]], 'paid the heron')
    const controls = [
      words(['input', 'pre_model_call', 'pre_tool_call', 'post_tool_call'], 'heron', 'bird'),
      words(['output'], 'heron', 'bird', 'last'),
    ]
    const pay = payTool(outside, { found: lookUp(outside) })
    const options = { workflows: [clerkFlow([pay])], models: [model], controls }
    const one = box(options)
    one.work()
    const { runId, output } = await one.run('clerks', 'tell the heron')
    expect(output).toBe('paid the bird')
    const records = await one.records(runId)
    expect(lineageGaps(records)).toEqual([])
    expect(await one.of(runId, 'decision.recorded')).toHaveLength(3)
    for (let length = 1; length < records.length; length++) {
      const store = await storePrefix(one.store, runId, length)
      const other = box({ ...options, store, host: one.host })
      await one.host.advance(60_000)
      other.work()
      const again = await other.settle(async () => {
        const row = await other.row(runId)
        return row.status === 'completed' ? other.ended(runId) : null
      }, `the end after record ${length}`)
      expect(again.output).toBe('paid the bird')
      await other.kill()
    }
    expect(new Set(outside.booked.map(({ to }) => to))).toEqual(new Set(['bird']))
    const replayer = createReplayer({
      store: one.store,
      host: one.host,
      vault: keyVault({ store: one.store, host: one.host, masterKey: new Uint8Array(32) }),
      policy: one.sb.policy,
      workflows: options.workflows,
    })
    expect(await replayer.run('acme', runId)).toMatchObject({ end: 'same', difference: null, flipped: 0 })
  })
})

describe('the list of a step', () => {
  const pays = [[{ tool: 'pay.send', args: { to: 'bob', amount: 5 } }]]

  it('CHN-060, CHN-050: a tool outside it is denied with TOOL_NOT_IN_STEP, nothing is sent, and the others go on', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const read = readTool((n) => n)
    const text = z.string()
    const graph = workflow({
      name: 'graph',
      version: '1.0.0',
      input: text,
      output: text,
      budget: WIDE_BUDGET,
      tools: [pay, read],
    })
      .node('only', {
        input: text,
        output: text,
        tools: [read],
        run: async (_input, ctx) => {
          const denied = await ctx.call(pay, { to: 'bob', amount: 1 })
          const allowed = await ctx.call(read, { n: 1 })
          return `${denied.status} ${'code' in denied ? denied.code : ''} ${allowed.status}`
        },
      })
      .start('only')
      .output('only')
      .build()
    const fn = flow({
      name: 'fn',
      version: '1.0.0',
      input: text,
      output: text,
      budget: WIDE_BUDGET,
      tools: [read],
      run: async (_input, ctx) => {
        const end = await ctx.call(pay, { to: 'bob', amount: 1 })
        return `${end.status} ${'code' in end ? end.code : ''}`
      },
    })
    const one = box({ workflows: [graph, fn], policy: scriptedPolicy({ tools: KIT_TOOLS }) })
    one.work()
    const { runId, output } = await one.run('graph', 'go')
    expect(output).toBe('denied TOOL_NOT_IN_STEP succeeded')
    expect((await one.run('fn', 'go')).output).toMatch(/^denied TOOL_/)
    expect(outside.requests).toEqual([])
    const [first] = await one.of(runId, 'activity.outcome')
    expect(first?.decision).toMatchObject({ verdict: 'deny', reason_code: 'TOOL_NOT_IN_STEP' })
  })

  it('CHN-061, CHN-050: the catalogue rules over the code: the agent is not shown the tool, and denied it', async () => {
    const outside = await bank()
    const { model, seen } = clerkModel(pays)
    const one = box({
      workflows: [clerkFlow([payTool(outside), readTool((n) => n)])],
      models: [model],
      policy: scriptedPolicy({ tools: KIT_TOOLS, steps: { clerks: { clerk: ['get.one'] } } }),
    })
    one.work()
    const { runId } = await one.run('clerks', 'go')
    expect(seen[0]?.tools.map(({ name }) => name)).toEqual(['get.one'])
    expect(toolResults(seen[1])[0]).toContain('TOOL_NOT_IN_STEP')
    expect(outside.requests).toEqual([])
    const [call] = await one.of(runId, 'activity.intent')
    expect(call?.proposal.hidden).toEqual([{ tool: 'pay.send', reason_code: 'TOOL_NOT_IN_STEP', policies: [] }])
  })

  it('CHN-050: a tool that no call of could be permitted is not shown, on record, and denied when it is called', async () => {
    const outside = await bank()
    const { model, seen } = clerkModel(pays)
    const policy = scriptedPolicy({
      tools: KIT_TOOLS,
      decide: ({ action }) => (action.name === 'pay.send' ? { verdict: 'deny', reason_code: 'NO_PERMIT' } : undefined),
    })
    const one = box({
      workflows: [clerkFlow([payTool(outside)])],
      models: [model],
      policy: {
        ...policy,
        cannotPermit: ({ tool }) => (tool === 'pay.send' ? { tool, reason_code: 'NO_PERMIT', policies: [] } : null),
      },
    })
    one.work()
    const { runId } = await one.run('clerks', 'go')
    expect(seen[0]?.tools).toEqual([])
    expect(toolResults(seen[1])[0]).toContain('NO_PERMIT')
    expect(outside.requests).toEqual([])
    const [call] = await one.of(runId, 'activity.intent')
    expect(call?.proposal.hidden).toMatchObject([{ tool: 'pay.send', reason_code: 'NO_PERMIT' }])
  })
})
