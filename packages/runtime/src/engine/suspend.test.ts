import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sleep, systemHost } from '../base/host.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { InboxItem } from '../contracts/store.ts'
import { port, workflow } from '../orchestration/index.ts'
import { memoryStore } from '../stores/index.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { benchSet, PAUL, VERA, WIDE_BUDGET } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, type OnlyCtx, payTool, readTool } from '../testing/engine-kit.ts'
import { storeWith } from '../testing/store-with.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe('a run that waits', () => {
  it('ENG-090: leaves memory, and its handler sees neither an error nor its finally block', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const seen: string[] = []
    const flow = oneNode(
      async (_input, ctx) => {
        seen.push('start')
        try {
          return (await ctx.call(pay, { to: 'bob', amount: 5 })).status
        } catch {
          seen.push('caught')
          return 'caught'
        } finally {
          seen.push('finally')
        }
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    const worker = one.work()
    const runId = await one.start('one', null)
    await one.asked()
    await one.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
    expect(seen).toEqual(['start'])
    await one.decide('approved')
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(seen).toEqual(['start', 'start', 'finally'])
    await one.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
  })

  it('ENG-091: a handle kept after its activation is over reaches nothing', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const kept: OnlyCtx[] = []
    const flow = oneNode(
      (_input, ctx) => {
        kept.push(ctx)
        return null
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('one', null)
    let settled = false
    kept[0]?.call(pay, { to: 'bob', amount: 1 }).then(
      () => {
        settled = true
      },
      () => {
        settled = true
      },
    )
    const { seq } = await one.row(runId)
    for (let n = 0; n < 50; n++) await one.host.macrotask()
    expect(settled).toBe(false)
    expect(outside.requests).toEqual([])
    expect((await one.row(runId)).seq).toBe(seq)
  })

  it('ENG-091: a handle kept from an earlier superstep reaches nothing while the run goes on', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const read = readTool((n) => n)
    let misuse: () => void = () => undefined
    const flow = workflow({
      name: 'kept',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      state: {},
      tools: [pay, read],
    })
      .node('first', {
        input: z.number(),
        output: z.number(),
        run: (n, ctx) => {
          misuse = () => void ctx.call(pay, { to: 'bob', amount: n })
          return n
        },
      })
      .node('second', {
        input: z.number(),
        output: z.number(),
        run: async (n, ctx) => {
          misuse()
          for (let k = 0; k < 5; k++) await ctx.call(read, { n: k })
          return n
        },
      })
      .start('first')
      .edge('first', 'second')
      .output('second')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { status, runId } = await one.run('kept', 1)
    expect(status).toBe('completed')
    expect(outside.requests).toEqual([])
    expect((await one.of(runId, 'activity.intent')).every((intent) => intent.proposal.effect === 'none')).toBe(true)
  })

  it('ENG-092: what arrives at the moment of leaving keeps the run, and nothing is sent before its intent is durable', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const inner = memoryStore()
    let late: (() => Promise<void>) | null = null
    const refusals: string[] = []
    const store = storeWith(inner, {
      commit: async (commits) => {
        if (late && commits.some((commit) => commit.release)) {
          const post = late
          late = null
          await post()
          // The worker that holds the run reads its inbox while its release is under way.
          await new Promise((resolve) => setTimeout(resolve, 15))
        }
        // Every commit after that takes longer than the way to the target.
        if (!late) await sleep(systemHost, 40)
        const results = await inner.commit(commits)
        refusals.push(...results.map((result) => result.status))
        return results
      },
    })
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow], policy: approvalPolicy(), store })
    late = async () => {
      const { id } = await one.asked()
      await one.sb.runs.decide({ approvalId: id, answer: 'approved', by: PAUL, reason: 'at once', seen: null })
    }
    let atSend: readonly RunRecord[] = []
    outside.onPayment(async () => {
      atSend = await one.records(runId)
    })
    one.work()
    const runId = await one.start('one', null)
    expect((await one.ended(runId)).output).toBe('succeeded')
    expect(refusals).toContain('inbox_not_empty')
    expect(atSend.some((record) => record.type === 'activity.intent')).toBe(true)
    expect(outside.booked).toHaveLength(1)
  })

  it('ENG-093: only the holder of the lease appends; everybody else leaves a row in the inbox', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    const one = box({ workflows: [flow], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('one', null)
    const { id } = await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    await one.kill()
    const { seq } = await one.row(runId)
    const other = one.another()
    await other.sb.runs.decide({ approvalId: id, answer: 'approved', by: PAUL, reason: 'from afar', seen: null })
    await other.sb.runs.cancel({ runId, by: VERA, reason: 'stop it' })
    expect((await one.row(runId)).seq).toBe(seq)
    expect(await one.store.inbox('acme', runId)).toHaveLength(2)
    other.work()
    expect((await other.ended(runId)).status).toBe('cancelled')
    expect(outside.requests).toEqual([])
    expect(await one.store.inbox('acme', runId)).toEqual([])
  })

  it('ENG-094: the same answer posted twice under one id is stored once', async () => {
    const flow = oneNode(() => null)
    const one = box({ workflows: [flow] })
    const runId = await one.start('one', null)
    const item: InboxItem = {
      id: 'inb_1',
      tenant: 'acme',
      runId,
      kind: 'cancel',
      slot: null,
      by: PAUL,
      body: '{}',
      sealed: null,
      createdAt: one.host.now(),
    }
    expect((await one.store.post(item)).status).toBe('stored')
    expect((await one.store.post(item)).status).toBe('duplicate')
    one.work()
    expect((await one.ended(runId)).status).toBe('cancelled')
    expect(await one.of(runId, 'override.recorded')).toHaveLength(1)
  })
})

describe('a port', () => {
  const review = port({
    name: 'review',
    request: z.number(),
    response: z.object({ ok: z.boolean() }),
    deadlineSeconds: 60,
  })
  function flow(pay: ReturnType<typeof payTool>) {
    return workflow({
      name: 'ports',
      version: '1.0.0',
      input: z.number(),
      output: z.string(),
      budget: WIDE_BUDGET,
      state: {},
      tools: [pay],
    })
      .node('start', { input: z.number(), output: z.number(), run: (n) => n })
      .port('ask', review)
      .node('pay', {
        input: z.number(),
        output: z.string(),
        run: async (n, ctx) => {
          await ctx.call(pay, { to: 'before', amount: 1 })
          return (await ctx.call(pay, { to: 'bob', amount: n })).status
        },
      })
      .node('close', { input: z.object({ ok: z.boolean() }), output: z.string(), run: ({ ok }) => `answered ${ok}` })
      .start('start')
      .fanOut('start', ['ask', 'pay'])
      .edge('ask', 'close')
      .output('pay')
      .output('close')
      .build()
  }

  it('ENG-095: answered while a sibling waits for an approval keeps its answer, and nothing is done twice', async () => {
    const outside = await bank()
    const one = box({ workflows: [flow(payTool(outside))], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('ports', 5)
    await one.decide('approved')
    const request = await one.asked('request')
    await one.asked('approval')
    await one.sb.runs.respond({ requestId: request.id, value: { ok: true }, by: PAUL })
    await one.host.advance(100)
    const { seq } = await one.row(runId)
    await one.until(async () => ((await one.row(runId)).seq - seq < 20 ? true : null), 'quiet')
    await one.killAndExpire()
    one.work()
    await one.decide('approved')
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect((await one.ended(runId)).output).toBe('answered true')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['before', 'bob'])
    expect(await one.of(runId, 'response.received')).toHaveLength(1)
    expect((await one.records(runId)).length).toBeLessThan(60)
  })

  it('ENG-096: that nobody answers in time ends the run where no fallback is declared', async () => {
    const outside = await bank()
    const one = box({ workflows: [flow(payTool(outside))] })
    one.work()
    const runId = await one.start('ports', 5)
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    await one.host.advance(61_000)
    expect(await one.ended(runId)).toMatchObject({ status: 'stopped', reason: { kind: 'deadline', subject: 'ask' } })
  })
})

describe('save points', () => {
  const turns = Array.from({ length: 10 }, (_, n) => [{ tool: 'get.one', args: { n } }])

  it('ENG-100: an agent whose worker died in a turn goes on from the last turn and repeats no finished model call', async () => {
    const live = clerkModel(turns)
    const reads: number[] = []
    let hold = true
    const read = readTool(async (n) => {
      reads.push(n)
      if (n === 6 && hold) await new Promise(() => undefined)
      return n
    })
    const one = box({ workflows: [clerkFlow([read])], models: [live.model] })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.until(() => (reads.includes(6) ? true : null), 'turn 7')
    await one.killAndExpire()
    const before = live.seen.length
    hold = false
    one.work()
    expect((await one.ended(runId)).output).toBe('done')
    // Turn 7 was answered and not yet saved: its model call is on record or asked again, none before it.
    expect(before).toBe(7)
    expect(live.seen.length).toBeLessThanOrEqual(before + 5)
    const undisturbed = clerkModel(turns)
    const two = box({ workflows: [clerkFlow([readTool((n) => n)])], models: [undisturbed.model] })
    two.work()
    await two.run('clerks', 'go')
    expect(live.seen.at(-1)?.messages).toEqual(undisturbed.seen.at(-1)?.messages)
  })

  it('ENG-101: the bytes that a turn writes do not grow with the conversation', async () => {
    const many = Array.from({ length: 60 }, (_, n) => [{ tool: 'get.one', args: { n: 100 + n } }])
    const { model } = clerkModel(many)
    const one = box({ workflows: [clerkFlow([readTool((n) => n)], { budget: { maxTurns: 100 } })], models: [model] })
    one.work()
    const { runId } = await one.run('clerks', 'go')
    const stored = await one.store.records('acme', runId)
    const bytes: number[] = []
    let turn = 0
    for (const record of stored) {
      turn += record.body.length + (record.sealed?.byteLength ?? 0)
      if (record.type !== 'position.saved') continue
      bytes.push(turn)
      turn = 0
    }
    expect(bytes.length).toBeGreaterThan(59)
    expect((bytes[55] ?? Infinity) / (bytes[9] ?? 1)).toBeLessThan(1.05)
  })
})
