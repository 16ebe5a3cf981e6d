import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { appended, owned, port, workflow } from '../orchestration/index.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { ANA, benchSet, type BenchBox, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { approvalPolicy, lookUp, oneNode, payTool, readTool } from '../testing/engine-kit.ts'
import { overrideStore } from '../testing/planted-faults.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const Text = z.string()
const Order = z.object({ id: z.string(), total: z.number() })
const Answer = z.object({ ok: z.boolean() })
const header = { name: 'desk', input: Text, output: Text, budget: WIDE_BUDGET } as const
const adopt = { adoptAfterMs: 0 }

/** The first version: reads an order, notes it, and waits at a port for an answer. */
function first() {
  return workflow({ ...header, version: '1.0.0', state: { order: owned('look', Order), notes: appended(Text) } })
    .node('look', {
      input: Text,
      output: Text,
      run: (id, ctx) => {
        ctx.write({ order: { id, total: 12.5 }, notes: 'seen' })
        return id
      },
    })
    .port('ask', port({ name: 'ask', request: Text, response: Answer, deadlineSeconds: 6_000 }))
    .node('close', {
      input: Answer,
      output: Text,
      run: ({ ok }, ctx) => `${ok} ${ctx.state.order?.total} ${ctx.state.notes.join('+')}`,
    })
    .start('look')
    .edge('look', 'ask')
    .edge('ask', 'close')
    .output('close')
}

const Cents = z.object({ id: z.string(), cents: z.int() })
let applied = 0
/** What the upgrade makes of the order. */
type Change = (order: z.output<typeof Order> | undefined) => unknown
const toCents: Change = (order) => (order ? { id: order.id, cents: Math.round(order.total * 100) } : undefined)

/** The second version: the total is in cents, the port is called otherwise, and an edge leads to another node. */
function second(upgraded: 'yes' | 'no', change: Change = toCents) {
  const built = workflow({ ...header, version: '2.0.0', state: { order: owned('look', Cents), notes: appended(Text) } })
    .node('look', { input: Text, output: Text, run: (id) => id })
    .port('review', port({ name: 'review', request: Text, response: Answer, deadlineSeconds: 6_000 }))
    .node('finish', {
      input: Answer,
      output: Text,
      run: ({ ok }, ctx) => {
        ctx.write({ notes: 'finished' })
        return `${ok} ${ctx.state.order?.cents} ${ctx.state.notes.join('+')}`
      },
    })
    .start('look')
    .edge('look', 'review')
    .edge('review', 'finish')
    .output('finish')
  if (upgraded === 'no') return built.build()
  return built
    .upgrade({
      from: '1.0.0',
      was: z.object({ order: Order.optional(), notes: z.array(Text).default([]) }),
      nodes: { ask: 'review', close: 'finish' },
      state: (old) => {
        applied += 1
        // The step may give anything here: what it gives is what is tested.
        return { order: change(old.order) as z.output<typeof Cents>, notes: old.notes }
      },
    })
    .build()
}

async function waiting(one: BenchBox): Promise<string> {
  const worker = one.work()
  const { runId, status } = await one.run('desk', 'o7')
  expect(status).toBe('waiting')
  await worker.stop()
  return runId
}

async function answer(one: BenchBox): Promise<void> {
  const { id } = await one.asked('request')
  await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
}

async function detailOf(one: BenchBox, runId: string): Promise<string> {
  const parked = (await one.of(runId, 'run.parked')).at(-1)
  return parked?.detail ? String(await (await one.sb.runs.contents(ANA.tenant, runId)).read(parked.detail)) : ''
}

const parked = (one: BenchBox, runId: string) =>
  one.until(async () => ((await one.row(runId)).status === 'parked' ? one.row(runId) : null), 'the run to be parked')

describe('a declared upgrade', () => {
  it('DEP-001: carries a run that waits at a barrier over to the new version, once, on record', async () => {
    applied = 0
    const old = box({ workflows: [first().build()] })
    const runId = await waiting(old)
    const next = old.another({ workflows: [second('yes')] })
    next.work(adopt)
    await answer(next)
    expect(await next.ended(runId)).toMatchObject({ status: 'completed', output: 'true 1250 seen+finished' })
    const [record, ...more] = await next.of(runId, 'run.upgraded')
    expect(more).toEqual([])
    expect(record).toMatchObject({
      from: { version: '1.0.0', shape: first().build().spec.shape },
      to: { version: '2.0.0', shape: second('yes').spec.shape },
      steps: [{ from: '1.0.0', to: '2.0.0' }],
      checkpoint: { kind: 'upgrade', requests: [{ node: 'review' }] },
    })
    // Twice for the one time that counts: a step must give equal results.
    expect(applied).toBe(2)
    expect(await next.row(runId)).toMatchObject({ version: '2.0.0', signature: second('yes').spec.definition })
  })

  it('DEP-002: what a step leaves as it was keeps its place; a list goes on from where it was', async () => {
    const old = box({ workflows: [first().build()] })
    const runId = await waiting(old)
    const before = (await old.of(runId, 'superstep.completed')).at(-1)?.checkpoint
    const next = old.another({ workflows: [second('yes')] })
    next.work(adopt)
    await answer(next)
    await next.ended(runId)
    const after = (await next.of(runId, 'run.upgraded'))[0]?.checkpoint
    expect(after?.state.notes).toEqual(before?.state.notes)
    expect(after?.requests[0]?.payload).toEqual(before?.requests[0]?.payload)
    expect(after?.state.order).not.toEqual(before?.state.order)
    const last = (await next.of(runId, 'superstep.completed')).at(-1)?.checkpoint
    expect(last?.state.notes).toMatchObject({ list: true, length: 2 })
  })

  it('DEP-003: its result is on record: a worker that takes the run up later, or from before it, computes the same', async () => {
    applied = 0
    const old = box({ workflows: [first().build()] })
    const runId = await waiting(old)
    // A process that cannot store the barrier after it, and is gone then.
    const store = overrideStore(old.store, {
      commit: async (commits) => {
        if (commits.some((one) => one.records.some((record) => record.type === 'superstep.completed')))
          throw new SignalboxError('STORE_UNAVAILABLE', 'gone')
        return old.store.commit(commits)
      },
    })
    const next = old.another({ workflows: [second('yes')], store })
    next.work(adopt)
    await answer(next)
    await next.until(async () => ((await next.of(runId, 'response.received'))[0] ? true : null), 'the answer')
    await next.killAndExpire()
    expect(applied).toBe(2)
    const third = old.another({ workflows: [second('yes')] })
    third.work(adopt)
    expect(await third.ended(runId)).toMatchObject({ output: 'true 1250 seen+finished' })
    expect(applied).toBe(2)
    // From the barrier before it: that one is of the first version, and is carried over again on the new branch.
    const [barrier] = (await third.sb.runs.restorePoints(ANA.tenant, runId)).filter(
      (point) => point.kind === 'superstep',
    )
    await third.sb.runs.restore({ runId, seq: barrier?.seq ?? 0, by: PAUL, reason: 'once more' })
    await answer(third)
    expect(await third.ended(runId)).toMatchObject({ output: 'true 1250 seen+finished' })
    expect(await third.of(runId, 'run.upgraded')).toHaveLength(2)
    // From the upgraded checkpoint itself: nothing is left to be carried over.
    const points = (await third.sb.runs.restorePoints(ANA.tenant, runId)).filter((point) => point.kind === 'upgrade')
    await third.sb.runs.restore({ runId, seq: points.at(-1)?.seq ?? 0, by: PAUL, reason: 'and again' })
    await answer(third)
    expect(await third.ended(runId)).toMatchObject({ output: 'true 1250 seen+finished' })
    expect(await third.of(runId, 'run.upgraded')).toHaveLength(2)
  })

  it.each<[string, Change, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no rate for o7')
      },
      /the upgrade from 1\.0\.0 to 2\.0\.0 threw: no rate for o7/,
    ],
    ['gives a wrong shape', (order) => ({ id: order?.id, cents: 'many' }), /state field `order`: .*`cents` expected/],
    ['is not pure', (order) => ({ id: order?.id, cents: applied }), /is not pure: it gave two results for one value/],
    ['is asynchronous', () => Promise.resolve(1), /state field `order`|asynchronous|its result/],
  ])(
    'DEP-004: a step that %s parks the run with its message and leaves everything as it was',
    async (_, change, says) => {
      const old = box({ workflows: [first().build()] })
      const runId = await waiting(old)
      const before = await old.row(runId)
      const next = old.another({ workflows: [second('yes', change)] })
      const worker = next.work(adopt)
      await answer(next)
      expect(await parked(next, runId)).toMatchObject({ code: 'WORKFLOW_CHANGED', version: '1.0.0' })
      expect(await detailOf(next, runId)).toMatch(says)
      expect(await next.of(runId, 'run.upgraded')).toEqual([])
      expect((await next.row(runId)).checkpointSeq).toBe(before.checkpointSeq)
      await worker.stop()
      // The version that it is with finishes it, with the answer that came meanwhile.
      old.work()
      await old.sb.runs.resume({ runId, by: PAUL, reason: 'on the old version' })
      expect(await old.ended(runId)).toMatchObject({ status: 'completed', output: 'true 12.5 seen' })
    },
  )
})

describe('a change without a declared step', () => {
  it('DEP-005: parks with the difference in words and what to do, and an old worker goes on with the run', async () => {
    const old = box({ workflows: [first().build()] })
    const runId = await waiting(old)
    const next = old.another({ workflows: [second('no')] })
    const report = await next.sb.runs.definition(ANA.tenant, runId)
    expect(report).toMatchObject({ version: '1.0.0', here: '2.0.0', standing: 'refused', stands: 'barrier' })
    expect(report.changes).toEqual(
      expect.arrayContaining([
        'node `ask` was removed',
        'node `review` was added',
        'edge `ask->close` was removed',
        'state field `order`: `schema.total` was removed',
        'state field `order`: `schema.cents` was added (integer)',
        'state field `order`: `schema.cents` must be there now',
      ]),
    )
    const refused = next.sb.runs.respond({
      requestId: (await next.asked('request')).id,
      value: { ok: true },
      by: PAUL,
    })
    await expect(refused).rejects.toMatchObject({ code: 'WORKFLOW_CHANGED' })
    await answer(old)
    const worker = next.work(adopt)
    expect(await parked(next, runId)).toMatchObject({ code: 'WORKFLOW_CHANGED' })
    const detail = await detailOf(next, runId)
    expect(detail).toContain('node `ask` was removed')
    expect(detail).toContain(
      "to go on, start a worker that has `desk` 1.0.0, or declare `.upgrade({ from: '1.0.0' })` in 2.0.0",
    )
    await worker.stop()
    old.work()
    await old.sb.runs.resume({ runId, by: PAUL, reason: 'on the old version' })
    expect(await old.ended(runId)).toMatchObject({ output: 'true 12.5 seen' })
  })

  it('DEP-006: a run is left to the workers of its own version as long as they take it', async () => {
    const old = box({ workflows: [first().build()] })
    const runId = await waiting(old)
    const next = old.another({ workflows: [second('yes')] })
    next.work()
    old.work()
    await answer(old)
    expect(await old.ended(runId)).toMatchObject({ output: 'true 12.5 seen' })
    expect(await old.of(runId, 'run.upgraded')).toEqual([])
    // Nobody has its version any more: after the time of grace the new one takes it.
    await old.kill()
    const left = await old.start('desk', 'o8')
    await next.settle(async () => ((await next.row(left)).status === 'waiting' ? true : null), 'the take-over')
    expect(await next.row(left)).toMatchObject({ version: '2.0.0' })
  })

  it('DEP-006: a process that has both versions goes on with the one that the run is with', async () => {
    const old = box({ workflows: [first().build()] })
    const runId = await waiting(old)
    const both = old.another({ workflows: [first().build(), second('yes')] })
    both.work(adopt)
    await answer(both)
    expect(await both.ended(runId)).toMatchObject({ output: 'true 12.5 seen' })
    expect((await both.row(await both.start('desk', 'o9'))).version).toBe('2.0.0')
  })
})

describe('inside a superstep', () => {
  /** A node that pays after an approval; `code` changes what it asks. */
  async function payer(version: string, code: 'same' | 'other', upgrade: 'yes' | 'no' = 'no') {
    const outside = await bank()
    const pay = payTool(outside, { found: lookUp(outside) })
    const build = (v: string, to: string) =>
      workflow({ name: 'payer', version: v, input: Text, output: Text, budget: WIDE_BUDGET, state: {}, tools: [pay] })
        .node('pay', {
          input: Text,
          output: Text,
          run: async (_said, ctx) => `${v} ${(await ctx.call(pay, { to, amount: 5 })).status}`,
        })
        .node('more', { input: Text, output: Text, run: (said) => `${said} more` })
        .start('pay')
    const old = build('1.0.0', 'bob').edge('pay', 'more').output('more').build()
    const plain = build(version, code === 'same' ? 'bob' : 'eve')
    const next =
      upgrade === 'no'
        ? plain.edge('pay', 'more').output('more').build()
        : plain.output('pay').edge('pay', 'more').output('more').upgrade({ from: '1.0.0' }).build()
    return { outside, old, next }
  }

  async function asked(one: BenchBox): Promise<string> {
    const worker = one.work()
    const runId = await one.start('payer', 'go')
    await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'the run to wait')
    await worker.stop()
    return runId
  }

  it('DEP-007: new code goes on with an open handler that repeats its asks, and is on record from the barrier on', async () => {
    const { outside, old, next } = await payer('1.0.1', 'same')
    const one = box({ workflows: [old], policy: approvalPolicy() })
    const runId = await asked(one)
    const two = one.another({ workflows: [next] })
    two.work(adopt)
    await two.decide('approved')
    expect(await two.ended(runId)).toMatchObject({ status: 'completed', output: '1.0.1 succeeded more' })
    expect(outside.booked).toHaveLength(1)
    const types = (await two.records(runId)).map((record) => record.type)
    const at = types.indexOf('run.upgraded')
    expect(types.slice(0, at)).toContain('superstep.completed')
    expect((await two.of(runId, 'run.upgraded'))[0]).toMatchObject({
      steps: [],
      checkpoint: null,
      to: { version: '1.0.1' },
    })
  })

  it('DEP-008: an open handler that diverges under new code parks, nothing is sent, and an old worker finishes it (ENGINE R14)', async () => {
    const { outside, old, next } = await payer('1.0.1', 'other')
    const one = box({ workflows: [old], policy: approvalPolicy() })
    const runId = await asked(one)
    const two = one.another({ workflows: [next] })
    const worker = two.work(adopt)
    await two.decide('approved')
    expect(await parked(two, runId)).toMatchObject({ code: 'REPLAY_DIVERGED', version: '1.0.0' })
    expect(outside.requests).toEqual([])
    await worker.stop()
    one.work()
    await one.sb.runs.resume({ runId, by: PAUL, reason: 'on the old version' })
    expect(await one.ended(runId)).toMatchObject({ output: '1.0.0 succeeded more' })
    expect(outside.booked).toMatchObject([{ to: 'bob' }])
  })

  it('DEP-009: a changed graph does not take over inside a superstep: the run parks with the way out, its answers kept', async () => {
    const { outside, old, next } = await payer('2.0.0', 'same', 'yes')
    const one = box({ workflows: [old], policy: approvalPolicy() })
    const runId = await asked(one)
    const two = one.another({ workflows: [next] })
    expect(await two.sb.runs.definition(ANA.tenant, runId)).toMatchObject({ standing: 'refused', stands: 'open' })
    const worker = two.work(adopt)
    await two.decide('approved')
    expect(await parked(two, runId)).toMatchObject({ code: 'WORKFLOW_CHANGED' })
    expect(await detailOf(two, runId)).toMatch(
      /inside superstep 0 .* start a worker that has `payer` 1\.0\.0, or go back/,
    )
    expect(outside.requests).toEqual([])
    await worker.stop()
    one.work()
    await one.sb.runs.resume({ runId, by: PAUL, reason: 'on the old version' })
    expect(await one.ended(runId)).toMatchObject({ output: '1.0.0 succeeded more' })
    expect(outside.booked).toHaveLength(1)
  })

  it('DEP-009: from its last barrier the new version takes the run over', async () => {
    const { outside, old, next } = await payer('2.0.0', 'same', 'yes')
    const one = box({ workflows: [old], policy: approvalPolicy() })
    const runId = await asked(one)
    const two = one.another({ workflows: [next] })
    await two.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'go on with the new version' })
    two.work(adopt)
    await two.decide('approved')
    expect(await two.ended(runId)).toMatchObject({ status: 'completed', output: '2.0.0 succeeded more' })
    expect(outside.booked).toHaveLength(1)
    expect(await two.row(runId)).toMatchObject({ version: '2.0.0' })
  })

  it('DEP-010: a run of a refused version can be cancelled', async () => {
    const { old, next } = await payer('2.0.0', 'same', 'yes')
    const one = box({ workflows: [old], policy: approvalPolicy() })
    const runId = await asked(one)
    const two = one.another({ workflows: [next] })
    two.work(adopt)
    await two.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed any more' })
    expect((await two.ended(runId)).status).toBe('cancelled')
  })
})

describe('at a save point of an agent', () => {
  const calls = [[{ tool: 'get.one', args: { n: 1 } }], [{ tool: 'get.one', args: { n: 2 } }]]

  /** A run of two turns under the first version, and a process that has another one. */
  async function clerks(upgradeFrom: string | undefined) {
    const read = readTool((n) => n)
    const { model, seen } = clerkModel(calls)
    const one = box({ workflows: [clerkFlow([read])], models: [model] })
    const worker = one.work()
    const { runId } = await one.run('clerks', 'go')
    await worker.stop()
    const [point] = (await one.sb.runs.restorePoints(ANA.tenant, runId)).filter((each) => each.kind === 'save_point')
    const changed = clerkFlow([read], {
      version: '2.0.0',
      instructions: 'pay less',
      ...(upgradeFrom ? { upgradeFrom } : {}),
    })
    const next = one.another({ workflows: [changed] })
    const restore = () => next.sb.runs.restore({ runId, seq: point?.seq ?? 0, by: PAUL, reason: 'from the first turn' })
    return { next, runId, seen, restore }
  }

  it('DEP-014: a step that leaves everything stored alone takes over there, and the turns before it are not asked again', async () => {
    const { next, runId, seen, restore } = await clerks('1.0.0')
    const before = seen.length
    await restore()
    next.work(adopt)
    expect(await next.ended(runId)).toMatchObject({ status: 'completed', output: 'done' })
    const [record] = await next.of(runId, 'run.upgraded')
    expect(record).toMatchObject({
      to: { version: '2.0.0' },
      steps: [{ from: '1.0.0', to: '2.0.0' }],
      checkpoint: null,
    })
    expect(seen.length - before).toBe(2)
    const last = (await next.of(runId, 'superstep.completed')).at(-1)
    expect(last?.checkpoint.definition).toMatchObject({ version: '2.0.0' })
  })

  it('DEP-014: without a declared step a restore to it is refused, and nothing of the run changes', async () => {
    const { next, runId, restore } = await clerks(undefined)
    const before = await next.row(runId)
    await expect(restore()).rejects.toMatchObject({ code: 'WORKFLOW_CHANGED' })
    expect({ ...(await next.row(runId)), epoch: 0 }).toEqual({ ...before, epoch: 0 })
  })
})

describe('definitions', () => {
  it('DEP-011: workflows with equal graphs are told apart by name, version and state', async () => {
    const one = box({ workflows: [oneNode(() => 'this', { name: 'left' }), oneNode(() => 'that', { name: 'right' })] })
    one.work()
    expect((await one.run('left', null)).output).toBe('this')
    expect((await one.run('right', null)).output).toBe('that')
    const state = { order: owned('look', Cents), notes: appended(Text) }
    expect(Object.keys(state)).toEqual([...second('no').spec.fields.keys()])
    const ids = [first().build(), second('no'), second('yes')].map((built) => built.spec.definition)
    expect(new Set(ids).size).toBe(2)
  })
})
