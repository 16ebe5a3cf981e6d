import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { appended, workflow } from '../orchestration/index.ts'
import { benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

describe('order', () => {
  it('ENG-150: two nodes of a superstep give the same barrier whatever the order of their answers', async () => {
    const barriers = new Set<string>()
    for (let order = 0; order < 6; order++) {
      const read = readTool(async (n) => {
        const wait = [n, 4 - n, n % 2, (n * 7 + order) % 5, order, 5 - order][order] ?? 0
        for (let i = 0; i < wait; i++) await new Promise((resolve) => setImmediate(resolve))
        return n * 10
      })
      const side = (name: 'a' | 'b') => ({
        input: z.number(),
        output: z.number(),
        run: async (
          n: number,
          ctx: {
            call: (tool: typeof read, args: { n: number }) => Promise<{ status: string }>
            write: (values: { notes: string }) => void
          },
        ) => {
          for (const k of [1, 2, 3]) {
            const end = await ctx.call(read, { n: k + (name === 'a' ? 0 : 1) })
            ctx.write({ notes: `${name}${k} ${end.status}` })
          }
          return n + (name === 'a' ? 1 : 2)
        },
      })
      const flow = workflow({
        name: 'sides',
        version: '1.0.0',
        input: z.number(),
        output: z.array(z.string()),
        budget: WIDE_BUDGET,
        state: { notes: appended(z.string()), sums: appended(z.number()) },
        tools: [read],
      })
        .node('start', { input: z.number(), output: z.number(), run: (n) => n })
        .node('a', side('a'))
        .node('b', side('b'))
        .node('join', {
          input: z.number(),
          output: z.array(z.string()),
          run: (n, ctx) => {
            ctx.write({ sums: n })
            return [...ctx.state.notes, ...ctx.state.sums.map(String)]
          },
        })
        .start('start')
        .fanOut('start', ['a', 'b'])
        .edge('a', 'join')
        .edge('b', 'join')
        .output('join')
        .build()
      const one = box({ workflows: [flow] })
      one.work()
      const { output, runId } = await one.run('sides', 1)
      const ends = await one.of(runId, 'superstep.completed')
      const shape = ends.map(({ checkpoint }) => ({
        queue: checkpoint.queue.map(({ to, from, edge }) => [to, from, edge]),
        outputs: checkpoint.outputs.length,
        state: Object.entries(checkpoint.state).map(([name, ref]) => [name, ref && 'list' in ref ? ref.length : null]),
      }))
      barriers.add(JSON.stringify([output, shape]))
    }
    expect([...barriers]).toHaveLength(1)
  })
})
