import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonValue } from '../base/json.ts'
import { isoTime, timeOf } from '../base/time.ts'
import { owned, port, workflow } from '../orchestration/index.ts'
import { ANA, type BenchBox, benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { oneNode } from '../testing/engine-kit.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

const HOUR_MS = 3_600_000

async function asleep(one: BenchBox, runId: string): Promise<void> {
  await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a run that waits')
}

/** A message waits in a timer while another goes its way; both are told in one list. */
function reminder(seconds: number) {
  const text = z.string()
  return workflow({ name: 'reminder', version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET, state: {} })
    .node('begin', { input: text, output: text, run: (message) => message })
    .timer('later', { message: text, seconds })
    .node('now', { input: text, output: text, run: (message) => `${message} now` })
    .node('then', { input: text, output: text, run: (message) => `${message} then` })
    .start('begin')
    .fanOut('begin', ['later', 'now'])
    .edge('later', 'then')
    .output('now')
    .output('then')
    .build()
}

describe('a timer node', () => {
  it('TIM-006: holds its message back and no barrier', async () => {
    const one = box({ workflows: [reminder(60)] })
    const worker = one.work()
    const runId = await one.start('reminder', 'tea')
    await asleep(one, runId)
    await one.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
    const checkpoint = (await one.of(runId, 'superstep.completed')).at(-1)?.checkpoint
    expect(checkpoint?.outputs.map(({ node }) => node)).toEqual(['now'])
    expect((await one.of(runId, 'run.waiting')).at(-1)?.on[0]?.kind).toBe('timer')
    await one.host.advance(60_000)
    expect((await one.ended(runId)).output).toBe('tea then')
    const [opened] = await one.of(runId, 'request.opened')
    const [fired] = await one.of(runId, 'response.received')
    expect(fired).toMatchObject({ answer: 'fired', by: null, node: 'later' })
    expect(fired?.checkpoint.queue).toMatchObject([{ to: 'then', message: opened?.request.payload }])
  })

  it('TIM-009: is in no inbox and takes no answer', async () => {
    const one = box({ workflows: [reminder(60)] })
    one.work()
    const runId = await one.start('reminder', 'tea')
    await asleep(one, runId)
    expect(await one.open('request')).toEqual([])
    const [opened] = await one.of(runId, 'request.opened')
    const answer = one.sb.runs.respond({ requestId: opened?.request.request_id ?? '', value: 'forged', by: ANA })
    await expect(answer).rejects.toMatchObject({ code: expect.stringMatching(/NOT_FOUND$/) })
    await one.host.advance(60_000)
    expect((await one.ended(runId)).output).toBe('tea then')
  })

  it('TIM-007: several fire in the order of their times, also late', async () => {
    const item = z.object({ text: z.string(), seconds: z.number() })
    const seen: string[] = []
    const flow = workflow({
      name: 'queue',
      version: '1.0.0',
      input: item,
      output: z.string(),
      budget: WIDE_BUDGET,
      state: { order: owned('begin', z.number()) },
    })
      .node('begin', {
        input: item,
        output: item,
        run: (message, ctx) => {
          ctx.write({ order: 1 })
          return message
        },
      })
      .timer('long', { message: item, seconds: 120 })
      .timer('short', { message: item, seconds: 30 })
      .timer('middle', { message: item, until: (message) => new Date(timeOf(START) + message.seconds * 1_000) })
      .node('tell', {
        input: item,
        output: z.string(),
        run: ({ text }) => {
          seen.push(text)
          return text
        },
      })
      .start('begin')
      .fanOut('begin', ['long', 'short', 'middle'])
      .edge('long', 'tell')
      .edge('short', 'tell')
      .edge('middle', 'tell')
      .output('tell')
      .build()
    const one = box({ workflows: [flow] })
    const START = isoTime(one.host.now())
    one.work()
    const runId = await one.start('queue', { text: 'x', seconds: 60 })
    await asleep(one, runId)
    await one.kill()
    await one.host.advance(HOUR_MS)
    one.work()
    await one.ended(runId)
    expect((await one.of(runId, 'response.received')).map(({ node }) => node)).toEqual(['short', 'middle', 'long'])
    expect(seen).toHaveLength(3)
  })

  it('TIM-008: works its time out once; what is no time fails the node', async () => {
    let calls = 0
    const text = z.string()
    const flow = workflow({
      name: 'until',
      version: '1.0.0',
      input: text,
      output: text,
      budget: WIDE_BUDGET,
      state: { at: owned('begin', z.string()) },
    })
      .node('begin', {
        input: text,
        output: text,
        run: (message, ctx) => {
          ctx.write({ at: message })
          return message
        },
      })
      .timer('wait', {
        message: text,
        until: (_message, state) => {
          calls += 1
          return state.at ?? ''
        },
      })
      .node('end', { input: text, output: text, run: (message) => message })
      .start('begin')
      .edge('begin', 'wait')
      .edge('wait', 'end')
      .output('end')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const due = isoTime(one.host.now() + HOUR_MS)
    const runId = await one.start('until', due)
    await asleep(one, runId)
    expect((await one.of(runId, 'request.opened'))[0]?.request.deadline).toBe(due)
    await one.killAndExpire()
    one.work()
    await one.host.advance(HOUR_MS)
    expect((await one.ended(runId)).output).toBe(due)
    expect(calls).toBe(1)
    const bad = await one.run('until', 'tomorrow')
    expect([bad.status, bad.reason?.code, bad.reason?.subject]).toEqual(['stopped', 'INPUT_INVALID', 'wait'])
  })

  it('TIM-010: a restore and a fork go on with the same due time', async () => {
    const one = box({ workflows: [reminder(3_600)] })
    one.work()
    const runId = await one.start('reminder', 'tea')
    await asleep(one, runId)
    const [opened] = await one.of(runId, 'request.opened')
    const seq = (await one.of(runId, 'superstep.completed')).at(-1)?.seq ?? 0
    await one.host.advance(1_000_000)
    const fork = await one.sb.runs.fork({ runId, seq, by: ANA, reason: 'to compare' })
    await asleep(one, fork.runId)
    await one.sb.runs.restore({ runId, seq, by: ANA, reason: 'once more' })
    await one.until(async () => ((await one.row(runId)).branch === 1 ? true : null), 'the branch')
    await asleep(one, runId)
    for (const id of [runId, fork.runId])
      expect((await one.row(id)).wakeAt).toBe(timeOf(opened?.request.deadline ?? ''))
    await one.host.advance(HOUR_MS - 1_000_000)
    for (const id of [runId, fork.runId]) {
      expect((await one.ended(id)).output).toBe('tea then')
      expect(await one.of(id, 'response.received')).toHaveLength(1)
    }
  })

  it('TIM-010: a sleep inside an open node goes on in a restore and a fork with the same due time', async () => {
    const flow = oneNode(async (_input, ctx) => {
      await ctx.sleep(3_600)
      return 'awake'
    })
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    await asleep(one, runId)
    const [timer] = await one.of(runId, 'timer.set')
    const seq = timer?.seq ?? 0
    await one.host.advance(1_000_000)
    const fork = await one.sb.runs.fork({ runId, seq, by: ANA, reason: 'to compare' })
    await asleep(one, fork.runId)
    await one.sb.runs.restore({ runId, seq, by: ANA, reason: 'once more' })
    await one.until(async () => ((await one.row(runId)).branch === 1 ? true : null), 'the branch')
    await asleep(one, runId)
    for (const id of [runId, fork.runId]) {
      expect((await one.row(id)).wakeAt).toBe(timeOf(timer?.due ?? ''))
      expect(await one.of(id, 'timer.set')).toHaveLength(1)
    }
    await one.host.advance(HOUR_MS - 1_000_000)
    for (const id of [runId, fork.runId]) expect((await one.ended(id)).output).toBe('awake')
  })

  it('TIM-006: beside a port, each goes on by itself', async () => {
    const text = z.string()
    const ask = port({ name: 'ask', request: text, response: text, deadlineSeconds: 7_200 })
    const flow = workflow({ name: 'both', version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET, state: {} })
      .node('begin', { input: text, output: text, run: (message) => message })
      .timer('later', { message: text, seconds: 3_600 })
      .port('ask', ask)
      .node('end', { input: text, output: text, run: (message: string): string => message })
      .start('begin')
      .fanOut('begin', ['later', 'ask'])
      .edge('later', 'end')
      .edge('ask', 'end')
      .output('end')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('both', 'hello')
    await asleep(one, runId)
    const { id } = await one.asked('request')
    await one.host.advance(HOUR_MS)
    await one.until(async () => ((await one.of(runId, 'response.received')).length === 1 ? true : null), 'the timer')
    await one.sb.runs.respond({ requestId: id, value: 'answered', by: ANA })
    const result: JsonValue = (await one.ended(runId)).output
    expect(result).toBe('answered')
  })
})
