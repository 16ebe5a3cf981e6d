import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { owned, workflow } from '../orchestration/index.ts'
import { benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { oneNode, payTool, readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** Two nodes that pass a number back and forth; the first one writes 5 KB of state once. */
const passing = workflow({
  name: 'passing',
  version: '1.0.0',
  input: z.number(),
  output: z.number(),
  budget: WIDE_BUDGET,
  state: { large: owned('first', z.string()) },
})
  .node('first', {
    input: z.number(),
    output: z.number(),
    run: (n, ctx) => {
      ctx.write({ large: 'x'.repeat(5_000) })
      return n
    },
  })
  .node('on', { input: z.number(), output: z.number(), run: (n) => n - 1 })
  .node('end', { input: z.number(), output: z.number(), run: (n) => n })
  .start('first')
  .edge('first', 'on')
  .switch('on', [{ when: (n) => n > 0, to: 'on' }], 'end')
  .output('end')
  .build()

describe('layout', () => {
  it('ENG-102: the chain is computed over the stored bytes', async () => {
    const one = box({ workflows: [passing] })
    one.work()
    const { runId } = await one.run('passing', 3)
    const stored = await one.store.records('acme', runId)
    expect(stored.length).toBeGreaterThan(5)
    stored.forEach(({ body, hash }, i) => {
      expect(hash).toBe(createHash('sha256').update(body).digest('hex'))
      const prev: unknown = JSON.parse(stored[i + 1]?.body ?? '{}').prev
      if (stored[i + 1]) expect(prev).toBe(hash)
    })
  })

  it('ENG-103: a value of the state that did not change is not stored again', async () => {
    const one = box({ workflows: [passing] })
    one.work()
    const { runId } = await one.run('passing', 10)
    const stored = await one.store.records('acme', runId, { types: ['superstep.completed'] })
    const bytes = stored.map(({ body, sealed }) => body.length + (sealed?.byteLength ?? 0))
    expect(bytes.length).toBeGreaterThan(10)
    expect(bytes[0]).toBeGreaterThan(5_000)
    expect(Math.max(...bytes.slice(1))).toBeLessThan(3_000)
  })

  it('ENG-104: a read and an effect make two records each, and nothing else is recorded beside them', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const read = readTool((n) => n)
    const flow = oneNode(
      async (_input, ctx) => {
        await ctx.call(read, { n: 1 })
        return (await ctx.call(pay, { to: 'a', amount: 1 })).status
      },
      { tools: [pay, read] },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('one', null)
    expect((await one.store.records('acme', runId)).map(({ type }) => type)).toEqual([
      'run.started',
      'segment.started',
      'activity.intent',
      'activity.outcome',
      'activity.intent',
      'activity.outcome',
      'superstep.completed',
      'run.completed',
    ])
  })
})
