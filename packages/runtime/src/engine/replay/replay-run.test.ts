import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { ReplayDifference, RunReplay } from '../../contracts/replay.ts'
import { createReplayer } from '../../replay.ts'
import { keyVault } from '../../stores/index.ts'
import { appended, port, workflow } from '../../orchestration/index.ts'
import { ANA, benchSet, type BenchBox, type BoxOptions, PAUL, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { approvalPolicy, KIT_TOOLS, oneNode, payTool } from '../../testing/engine-kit.ts'
import type { OutsideBank } from '../../testing/outside-bank.ts'
import { BUILD_FAULTS, type BuildFault, claimsClerk, claimsFlow } from '../../testing/replay-kit.ts'
import { scriptedPolicy } from '../../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const TOOLS = {
  'claims.look': { class: 'records.read', effect: 'none' },
  'claims.pay': { class: 'payments.write', effect: 'irreversible' },
} as const

/** Replays a run of the box with other definitions, on the same store. */
function replayed(one: BenchBox, workflows: BoxOptions['workflows'], runId: string): Promise<RunReplay> {
  const { store, host } = one
  const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
  return createReplayer({
    store,
    vault,
    policy: scriptedPolicy({ tools: { ...TOOLS, ...KIT_TOOLS } }),
    workflows,
    host,
  }).run(ANA.tenant, runId)
}

async function oldRun(amount = 42) {
  const done: string[] = []
  const clerk = claimsClerk()
  const one = box({ workflows: [claimsFlow({ done })], models: [clerk.model] })
  one.work()
  const runId = await one.start('claims', { id: 'c1', amount })
  expect((await one.ended(runId)).status).toBe('completed')
  return { one, runId, done, clerk }
}

const FOUND: Record<BuildFault, Partial<ReplayDifference>> = {
  prompt: { kind: 'ask_changed', node: 'clerk', field: 'content' },
  condition: { kind: 'message', superstep: 0 },
  reducer: { kind: 'state', superstep: 0, field: 'seen', before: 42, after: 84 },
  tool_schema: { kind: 'tool_changed', node: 'clerk' },
  default: { kind: 'tool_changed', node: 'clerk', field: 'currency', before: 'EUR', after: 'USD' },
  ask_removed: { kind: 'ask_removed', node: 'intake' },
  ask_added: { kind: 'ask_added', node: 'intake' },
  ask_changed: { kind: 'ask_changed', node: 'intake', field: 'id', before: 'c1/again', after: 'other' },
  write: { kind: 'result', node: 'intake' },
  message: { kind: 'result', node: 'close', field: 'end', before: 'paid', after: 'closed' },
  outside_call: { kind: 'outside_call' },
  throws: { kind: 'failure', node: 'intake' },
}

describe('a replay', () => {
  it('UPG-020: of the same build finds nothing, asks no model, calls no tool and writes nothing', async () => {
    const { one, runId, done, clerk } = await oldRun()
    const before = { done: [...done], called: clerk.called(), records: await one.records(runId) }
    const found = await replayed(one, [claimsFlow({ done })], runId)
    expect(found).toMatchObject({ end: 'same', difference: null, why: null, supersteps: 3, otherVersion: false })
    expect(found.asks).toBeGreaterThanOrEqual(5)
    expect(found.decisions).toBeGreaterThanOrEqual(5)
    expect(found.flipped).toBe(0)
    expect({ done, called: clerk.called(), records: await one.records(runId) }).toEqual(before)
  })

  it.each(BUILD_FAULTS.map((fault) => [fault] as const))(
    'UPG-021: of a build with the fault `%s` tells it as the first difference',
    async (fault) => {
      const { one, runId, done, clerk } = await oldRun()
      const outside = await bank()
      const before = { done: [...done], called: clerk.called() }
      const build = claimsFlow({ fault, done, outside: `http://${outside.host}/find?key=x` })
      const found = await replayed(one, [build], runId)
      expect(found.difference, found.why?.message).toMatchObject(FOUND[fault])
      expect(found.end).toBe('differs')
      expect({ done, called: clerk.called() }).toEqual(before)
    },
  )
})

const pays = (one: OutsideBank) =>
  oneNode(async (_input, ctx) => (await ctx.call(payTool(one), { to: 'bob', amount: 5 })).status, {
    tools: [payTool(one)],
  })

describe('a replay of a run that stands still', () => {
  it('UPG-022: compares what is on record, and takes what would come next for no difference', async () => {
    const outside = await bank()
    const one = box({ workflows: [pays(outside)], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    expect(await replayed(one, [pays(outside)], runId)).toMatchObject({ end: 'same', asks: 1, cannotGoOn: null })
    const silent = oneNode(() => 'nothing', { tools: [payTool(outside)] })
    const found = await replayed(one, [silent], runId)
    expect(found).toMatchObject({ end: 'differs', difference: { kind: 'ask_removed', node: 'only' } })
    expect(outside.requests).toEqual([])
  })

  it('UPG-023: says why nothing of the build can go on with it, or that declared steps cannot carry it', async () => {
    const outside = await bank()
    const asks = (version: string, upgraded: 'no' | 'yes' | 'fails') => {
      const built = workflow({
        name: 'asks',
        version,
        input: z.string(),
        output: z.string(),
        budget: WIDE_BUDGET,
        state: {},
      })
        .port('ask', port({ name: 'ask', request: z.string(), response: z.string(), deadlineSeconds: 6_000 }))
        .node('close', {
          input: z.string(),
          output: z.string(),
          run: (said) => (version === '1.0.0' ? said : `${said}!`),
        })
        .start('ask')
        .edge('ask', 'close')
        .output('close')
      if (upgraded === 'no') return built.build()
      return built
        .upgrade({
          from: '1.0.0',
          state: () => {
            if (upgraded === 'fails') throw new Error('it cannot be carried over')
            return {}
          },
        })
        .build()
    }
    const one = box({ workflows: [asks('1.0.0', 'no')] })
    one.work()
    const runId = await one.start('asks', 'well?')
    await one.settled(runId)
    const go = async (build: ReturnType<typeof asks>) => (await replayed(one, [build], runId)).cannotGoOn
    expect(await go(asks('1.0.0', 'no'))).toBeNull()
    expect(await go(asks('2.0.0', 'yes'))).toBeNull()
    expect(await go(asks('2.0.0', 'fails'))).toContain('WORKFLOW_CHANGED')
    expect((await replayed(one, [pays(outside)], runId)).why?.code).toBe('WORKFLOW_UNKNOWN')
  })
})

describe('a replay follows a run', () => {
  it('UPG-024: over answers of ports, timelines of restores, and forks', async () => {
    const one = box({ workflows: [chat()], models: [] })
    one.work()
    const runId = await one.start('chat', 'hello')
    await one.settled(runId)
    await respond(one, 'yes')
    await one.ended(runId)
    const replays = async (id: string) => replayed(one, [chat()], id)
    expect(await replays(runId)).toMatchObject({ end: 'same', supersteps: 3 })
    const points = await one.sb.runs.restorePoints(ANA.tenant, runId)
    const barrier = points.find((point) => point.kind === 'superstep')
    const { runId: forked } = await one.sb.runs.fork({ runId, seq: barrier?.seq ?? 0, by: PAUL, reason: 'once more' })
    await one.sb.runs.restore({ runId, seq: barrier?.seq ?? 0, by: PAUL, reason: 'once more' })
    await one.until(async () => ((await one.open('request')).length === 2 ? true : null), 'both requests')
    await respond(one, 'no')
    await respond(one, 'maybe')
    await one.ended(runId)
    await one.ended(forked)
    expect(await replays(runId)).toMatchObject({ end: 'same' })
    expect(await replays(forked)).toMatchObject({ end: 'same' })
    const other = await replayed(one, [chat('louder')], runId)
    expect(other.difference).toMatchObject({ kind: 'result', node: 'close' })
  })

  it('UPG-025: whose policy would decide otherwise now, which is told apart and is no difference', async () => {
    const outside = await bank()
    const one = box({ workflows: [pays(outside)] })
    one.work()
    const runId = await one.start('one', null)
    await one.ended(runId)
    const { store, host } = one
    const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
    const stricter = createReplayer({ store, vault, policy: approvalPolicy(), workflows: [pays(outside)], host })
    const found = await stricter.run(ANA.tenant, runId)
    expect(found).toMatchObject({ end: 'same', flipped: 1 })
    expect(found.flips[0]).toMatchObject({ name: 'pay.send', before: 'allow' })
    expect(found.flips[0]?.after).toContain('require_approval')
  })
})

function chat(how: 'plain' | 'louder' = 'plain') {
  return workflow({
    name: 'chat',
    version: '1.0.0',
    input: z.string(),
    output: z.string(),
    budget: WIDE_BUDGET,
    state: { said: appended(z.string()) },
  })
    .node('open', {
      input: z.string(),
      output: z.string(),
      run: (text, ctx) => {
        ctx.write({ said: text })
        return text
      },
    })
    .port('ask', port({ name: 'ask', request: z.string(), response: z.string(), deadlineSeconds: 6_000 }))
    .node('close', {
      input: z.string(),
      output: z.string(),
      run: (said, ctx) => `${ctx.state.said.join()} ${said}${how === 'louder' ? '!' : ''}`,
    })
    .start('open')
    .edge('open', 'ask')
    .edge('ask', 'close')
    .output('close')
    .build()
}

async function respond(one: BenchBox, value: string): Promise<void> {
  const { id } = await one.asked('request')
  await one.sb.runs.respond({ requestId: id, value, by: PAUL })
  await one.closed(id)
}
