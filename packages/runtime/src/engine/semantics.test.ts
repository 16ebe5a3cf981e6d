import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { appended, port, workflow } from '../orchestration/index.ts'
import { benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

const number = { input: z.number(), output: z.number() }
const header = { version: '1.0.0', input: z.number(), output: z.number(), budget: WIDE_BUDGET }

function chain(maxSupersteps = 10) {
  return workflow({ ...header, name: 'chain', maxSupersteps })
    .node('a', { ...number, run: (n) => n + 1 })
    .node('b', { ...number, run: (n) => n * 10 })
    .node('c', { ...number, run: (n) => n + 5 })
    .start('a')
    .edge('a', 'b')
    .edge('b', 'c')
    .output('c')
    .build()
}

describe('supersteps', () => {
  it('SEM-001, SEM-002: a superstep drains the queue; deliveries to one node are one after another', async () => {
    let running = 0
    const flow = workflow({
      ...header,
      name: 'drain',
      state: { seen: appended(z.number()) },
      output: z.array(z.number()),
    })
      .node('split', { ...number, run: (n) => n })
      .node('left', { ...number, run: (n) => n + 1 })
      .node('right', { ...number, run: (n) => n + 2 })
      .node('join', {
        input: z.number(),
        output: z.array(z.number()),
        run: async (n, ctx) => {
          expect(++running).toBe(1)
          await Promise.resolve()
          ctx.write({ seen: n })
          running -= 1
          return [...ctx.state.seen]
        },
      })
      .start('split')
      .fanOut('split', ['left', 'right'])
      .edge('left', 'join')
      .edge('right', 'join')
      .output('join')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { runId, output } = await one.run('drain', 1)
    expect(output).toEqual([2, 3])
    const ends = await one.of(runId, 'superstep.completed')
    expect(ends.map(({ checkpoint }) => checkpoint.queue.map(({ to, from }) => `${from} ${to}`))).toEqual([
      ['split left', 'split right'],
      ['left join', 'right join'],
      [],
    ])
  })

  it('SEM-003: the limit of supersteps ends a run with its reason', async () => {
    const one = box({ workflows: [chain(2)] })
    one.work()
    expect((await one.run('chain', 1)).ending).toMatchObject({
      by: 'supersteps',
      code: 'SUPERSTEP_LIMIT',
      leftUndone: [{ what: 'c', why: 'message_waiting' }],
    })
  })
})

describe('checkpoints', () => {
  it('SEM-004, SEM-005: a chain of three has four, and each restores to the same output', async () => {
    const one = box({ workflows: [chain()] })
    one.work()
    const { runId, output } = await one.run('chain', 1)
    expect(output).toBe(25)
    const points = await one.sb.runs.restorePoints('acme', runId)
    const places = points.map(({ seq, superstep }) => ({ seq, superstep })).sort((a, b) => a.seq - b.seq)
    expect(places.map(({ superstep }) => superstep)).toEqual([0, 1, 2, 3])
    await one.kill()
    for (const { seq, superstep } of places) {
      const fresh = one.another()
      fresh.work()
      await fresh.sb.runs.restore({ runId, seq, by: PAUL, reason: 'again' })
      expect((await fresh.ended(runId)).output).toBe(25)
      const records = await fresh.records(runId)
      const branch = records.findLast((record) => record.type === 'branch.started')
      expect(branch).toMatchObject({ checkpoint_seq: seq })
      const next = records.find((record) => record.type === 'superstep.completed' && record.seq > (branch?.seq ?? 0))
      if (superstep < 3) expect(next).toMatchObject({ superstep, branch: branch?.branch })
      else expect(next).toBeUndefined()
      await fresh.kill()
    }
  })

  it('SEM-006: a request is open again at the checkpoint before its answer, and not at the one behind it', async () => {
    const flow = workflow({ ...header, name: 'asked' })
      .port('ask', port({ name: 'ask', request: z.number(), response: z.number(), deadlineSeconds: 600 }))
      .node('end', { ...number, run: (n) => n })
      .start('ask')
      .edge('ask', 'end')
      .output('end')
      .build()
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('asked', 1)
    const [row] = await one.open('request')
    await one.sb.runs.respond({ requestId: row?.id ?? '', by: PAUL, value: 7 })
    expect((await one.ended(runId)).output).toBe(7)
    const [behind] = await one.of(runId, 'response.received')
    await one.sb.runs.restore({ runId, seq: behind?.seq ?? 0, by: PAUL, reason: 'again' })
    expect((await one.ended(runId)).output).toBe(7)
    expect(await one.open('request')).toEqual([])
    const [asked] = await one.of(runId, 'superstep.completed')
    await one.sb.runs.restore({ runId, seq: asked?.seq ?? 0, by: PAUL, reason: 'ask again' })
    const again = await one.asked('request')
    await one.sb.runs.respond({ requestId: again.id, by: PAUL, value: 8 })
    expect((await one.ended(runId)).output).toBe(8)
  })
})
