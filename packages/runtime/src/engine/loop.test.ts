import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonValue } from '../base/json.ts'
import { reduced, workflow } from '../orchestration/index.ts'
import type { TerminationDef } from '../orchestration/index.ts'
import { ANA, benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { drafting } from '../testing/ending-kit.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

describe('the loop detector', () => {
  const same = { draft: () => 'always the same' }
  /** Two nodes that hand the same message to each other. */
  const pingPong = (termination?: TerminationDef<{ note: unknown }>, note: (n: number) => JsonValue = () => 0) =>
    workflow({
      name: 'ping-pong',
      version: '1.0.0',
      input: z.number(),
      output: z.number(),
      budget: WIDE_BUDGET,
      state: { note: reduced(z.unknown(), (_old, now) => now) },
      ...(termination ? { termination } : {}),
    })
      .node('ping', {
        input: z.number(),
        output: z.number(),
        run: (n, ctx) => {
          ctx.write({ note: note(Number(ctx.state.note ?? 0)) })
          return n
        },
      })
      .node('pong', { input: z.number(), output: z.number(), run: (n) => n })
      .start('ping')
      .edge('ping', 'pong')
      .edge('pong', 'ping', (n) => n >= 0)
      .output('pong')
      .build()

  it('END-020: names the nodes of the loop in order', async () => {
    const one = box({ workflows: [pingPong({ loop: { repeats: 3 } })] })
    one.work()
    const { runId, reason, ending } = await one.run('ping-pong', 1)
    expect(reason).toEqual({ kind: 'loop', code: 'LOOP_FOUND', subject: '3 times' })
    expect(ending).toMatchObject({ by: 'loop', cycle: ['pong', 'ping'] })
    // The message to `pong` is seen after the first, the third and the fifth superstep.
    expect(await one.of(runId, 'superstep.completed')).toHaveLength(5)
  })

  it('END-020: `of` says what counts, beside the nodes that run next', async () => {
    const flow = drafting({ loop: { repeats: 2, of: ({ state }) => state.draft ?? null, escalateTo: 'help' } }, same)
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('drafting', 9)
    const [row] = await one.open('request')
    expect((await one.sb.runs.request(ANA.tenant, row?.id ?? '')).port?.payload).toMatchObject({
      cause: 'loop',
      name: 'loop',
      cycle: ['review', 'write'],
    })
    expect(await one.of(runId, 'superstep.completed')).toHaveLength(4)
  })

  it('END-021: a crash, a restore and a fork forget nothing of it', async () => {
    const one = box({ workflows: [pingPong({ loop: { repeats: 4, window: 2 } })] })
    one.work()
    const { runId } = await one.run('ping-pong', 1)
    const barriers = await one.of(runId, 'superstep.completed')
    expect(barriers).toHaveLength(7)
    expect(Math.max(...barriers.map(({ checkpoint }) => checkpoint.mark?.seen?.length ?? 0))).toBe(2)
    const fifth = barriers[4]?.seq ?? 0
    await one.kill()
    const fresh = one.another()
    fresh.work()
    await fresh.sb.runs.restore({ runId, seq: fifth, by: PAUL, reason: 'again' })
    expect((await fresh.ended(runId)).ending?.by).toBe('loop')
    // Two supersteps more, as before.
    expect(await fresh.of(runId, 'superstep.completed')).toHaveLength(9)
    const fork = await fresh.sb.runs.fork({ runId, seq: fifth, by: PAUL, reason: 'aside' })
    expect((await fresh.ended(fork.runId)).ending?.by).toBe('loop')
    expect(await fresh.of(fork.runId, 'superstep.completed')).toHaveLength(2)
  })

  it('END-022: every loop has one, which can be switched off', async () => {
    const one = box({ workflows: [pingPong()] })
    one.work()
    const found = await one.run('ping-pong', 1)
    expect(found.ending).toMatchObject({ by: 'loop', subject: '10 times' })
    expect(await one.of(found.runId, 'superstep.completed')).toHaveLength(19)
  })

  it('END-022: without a detector the limit of supersteps is left, and nothing is kept', async () => {
    const one = box({ workflows: [pingPong({ loop: false })] })
    one.work()
    const { runId, ending } = await one.run('ping-pong', 1)
    expect(ending).toMatchObject({ by: 'supersteps', code: 'SUPERSTEP_LIMIT' })
    const barriers = await one.of(runId, 'superstep.completed')
    expect(barriers.every(({ checkpoint }) => checkpoint.mark === undefined)).toBe(true)
  })

  it('END-023: a run that makes progress is not ended', async () => {
    const one = box({ workflows: [drafting({ loop: { repeats: 2 } })] })
    one.work()
    expect((await one.run('drafting', 12)).ending?.by).toBe('completed')
    const other = box({ workflows: [pingPong(undefined, (n) => n + 1)] })
    other.work()
    expect((await other.run('ping-pong', 1)).ending?.by).toBe('supersteps')
    const strict = box({ workflows: [pingPong({ loop: { repeats: 3 } }, (n) => n + 1)] })
    strict.work()
    expect((await strict.run('ping-pong', 1)).ending?.by).toBe('loop')
  })
})
