import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { port, workflow } from '../orchestration/index.ts'
import { benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

const number = { input: z.number(), output: z.number() }
const header = { version: '1.0.0', input: z.number(), output: z.array(z.number()), budget: WIDE_BUDGET }

/** One way is a step longer than the other, so that the fan-in is half full at a barrier. */
function uneven(calls: string[] = []) {
  return workflow({ ...header, name: 'uneven' })
    .node('split', { ...number, run: (n) => n })
    .node('short', { ...number, run: (n) => n + 1 })
    .node('long', { ...number, run: (n) => n + 10 })
    .node('longer', { ...number, run: (n) => n + 100 })
    .node('join', {
      input: z.array(z.number()),
      output: z.array(z.number()),
      run: (list) => {
        calls.push(list.join())
        return list
      },
    })
    .start('split')
    .fanOut('split', ['short', 'long'])
    .edge('long', 'longer')
    .fanIn(['longer', 'short'], 'join')
    .output('join')
    .build()
}

describe('fan-in', () => {
  it('GRA-057, GRA-058: holds over a barrier, and each checkpoint restores twice to the same output', async () => {
    const calls: string[] = []
    const one = box({ workflows: [uneven(calls)] })
    one.work()
    const { runId, output } = await one.run('uneven', 1)
    expect(output).toEqual([111, 2])
    const ends = await one.of(runId, 'superstep.completed')
    expect(ends.map(({ checkpoint }) => Object.keys(checkpoint.fan_in['fan_in:join'] ?? {}))).toEqual([
      [],
      ['short'],
      [],
      [],
    ])
    for (const { seq } of [...ends, ...ends]) {
      // A fresh process: nothing is left in memory.
      await one.kill()
      const fresh = one.another()
      fresh.work()
      await fresh.sb.runs.restore({ runId, seq, by: PAUL, reason: 'again' })
      expect((await fresh.ended(runId)).output).toEqual([111, 2])
      await fresh.kill()
    }
    expect(new Set(calls)).toEqual(new Set(['111,2']))
  })

  it('GRA-058: an answered port completes it', async () => {
    const flow = workflow({ ...header, name: 'asked' })
      .node('split', { ...number, run: (n) => n })
      .node('short', { ...number, run: (n) => n + 1 })
      .port('ask', port({ name: 'ask', request: z.number(), response: z.number(), deadlineSeconds: 60 }))
      .node('join', { input: z.array(z.number()), output: z.array(z.number()), run: (list) => list })
      .start('split')
      .fanOut('split', ['short', 'ask'])
      .fanIn(['short', 'ask'], 'join')
      .output('join')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('asked', 1)
    const [request] = await one.until(async () => {
      const open = await one.open('request')
      return open.length > 0 ? open : null
    }, 'a request')
    await one.killAndExpire()
    const fresh = one.another()
    fresh.work()
    await fresh.sb.runs.respond({ requestId: request?.id ?? '', by: PAUL, value: 7 })
    expect((await fresh.ended(runId)).output).toEqual([2, 7])
  })

  it('GRA-059: what is still held at the end is dropped, each message on record', async () => {
    const flow = workflow({ ...header, name: 'half', output: z.number() })
      .node('split', { ...number, run: (n) => n })
      .node('short', { ...number, run: (n) => n + 1 })
      .node('other', { ...number, run: (n) => n })
      .node('join', { input: z.array(z.number()), output: z.number(), run: (list) => list.length })
      .start('split')
      .switch('split', [{ when: (n) => n > 5, to: 'other' }], 'short')
      .fanIn(['short', 'other'], 'join')
      .output('join')
      .output('short')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { runId, output, status } = await one.run('half', 1)
    expect([status, output]).toEqual(['completed', 2])
    expect(await one.of(runId, 'message.dropped')).toMatchObject([
      { from: 'short', edge: 'fan_in:join', reason: 'fan_in_incomplete' },
    ])
  })

  it('GRA-059: a run that stops names what the fan-in waited for', async () => {
    const flow = workflow({ ...header, name: 'stuck' })
      .node('split', { ...number, run: (n) => n })
      .node('short', { ...number, run: (n) => n + 1 })
      .node('other', { ...number, run: (n) => n })
      .node('join', { input: z.array(z.number()), output: z.array(z.number()), run: (list) => list })
      .start('split')
      .switch('split', [{ when: (n) => n > 5, to: 'other' }], 'short')
      .fanIn(['short', 'other'], 'join')
      .output('join')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { runId, status } = await one.run('stuck', 1)
    expect(status).toBe('stopped')
    expect(await one.of(runId, 'run.stopped')).toMatchObject([{ undone: ['join'] }])
  })
})
