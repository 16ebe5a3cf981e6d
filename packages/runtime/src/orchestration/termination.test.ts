import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { BarrierMark } from '../contracts/ending.ts'
import { WIDE_BUDGET } from '../testing/bench-box.ts'
import { workflow } from './builder.ts'
import { toDot, toMermaid } from './diagram.ts'
import { owned } from './fields.ts'
import { reviewWorkflow } from './review.ts'
import { ESCALATION, hasLoop, judgeBarrier } from './termination.ts'
import type { TerminationDef } from './termination-types.ts'

const number = { input: z.number(), output: z.number() }

function looping(
  termination?: TerminationDef<{ readonly last: number | undefined }>,
  options: { taker?: z.ZodType } = {},
) {
  return workflow({
    name: 'looping',
    version: '1.0.0',
    input: z.number(),
    output: z.number(),
    budget: WIDE_BUDGET,
    state: { last: owned('a', z.number()) },
    ...(termination ? { termination } : {}),
  })
    .node('a', { ...number, run: (n) => n })
    .node('b', { ...number, run: (n) => n })
    .node('help', { input: options.taker ?? ESCALATION, output: z.number(), run: () => 1 })
    .start('a')
    .edge('a', 'b')
    .edge('b', 'a', (n) => n > 0)
    .output('b')
    .output('help')
}

const plain = () =>
  workflow({ name: 'plain', version: '1.0.0', input: z.number(), output: z.number(), budget: WIDE_BUDGET })
    .node('a', { ...number, run: (n) => n })
    .node('b', { ...number, run: (n) => n })
    .start('a')
    .edge('a', 'b')
    .output('b')
    .build()

describe('the declared contract', () => {
  const good = { loop: { repeats: 3, escalateTo: 'help' } }

  it('END-012: the smaller limit of model calls counts', () => {
    expect(looping({ ...good, maxTurns: 7 }).build().spec.budget.max_turns).toBe(7)
    expect(looping({ ...good, maxTurns: 700 }).build().spec.budget.max_turns).toBe(WIDE_BUDGET.maxTurns)
  })

  it('END-017: every error is told', () => {
    const wrong = {
      maxTurns: 0,
      timeoutSeconds: -1,
      until: 'yes',
      loop: { repeats: 1, window: 0, of: 3, escalateTo: 'nobody' },
      quality: { name: ' ', failures: 0.5 },
      partial: {},
      leftUndone: [],
      // Wrong on purpose.
    } as unknown as TerminationDef<{ readonly last: number | undefined }>
    expect(looping(wrong).validate().errors).toEqual([
      'node `help` is not connected to anything',
      '`termination.maxTurns` must be a whole number, at least 1',
      '`termination.timeoutSeconds` must be a number of seconds above 0',
      '`termination.loop.repeats` must be a whole number, at least 2',
      '`termination.loop.window` must be a whole number, at least 1',
      '`termination.quality.failures` must be a whole number, at least 1',
      '`termination.quality.name` is empty; say what is checked',
      '`termination.until` must be a function',
      '`termination.loop.of` must be a function',
      '`termination.quality.check` must be a function',
      '`termination.partial` must be a function',
      '`termination.leftUndone` must be a function',
      'the termination contract escalates to `nobody`, which is not a node',
    ])
    expect(looping(good, { taker: z.number() }).validate().errors).toMatchObject([
      expect.stringContaining('the escalation to `help` can never fit'),
    ])
    expect(looping(good).validate().errors).toEqual([])
  })

  it('END-018: is part of the signature, and of the pictures; saying nothing changes nothing', () => {
    const described = (termination?: TerminationDef<{ readonly last: number | undefined }>) =>
      Object(looping({ ...good, ...termination }).build().spec.description.graph).termination
    expect(described()).toEqual({ loop: { repeats: 3, window: 16, of: false, escalate_to: 'help' } })
    expect(described({ until: () => true, timeoutSeconds: 9 })).toMatchObject({ until: true, timeout_seconds: 9 })
    expect(Object(plain().spec.description.graph).termination).toBeUndefined()
    const { spec } = looping(good).build()
    expect(toMermaid(spec)).toContain('barrier -.->|loop| n2')
    expect(toDot(spec)).toContain('barrier -> n2 [label="loop", style=dashed]')
    expect(toMermaid(plain().spec)).not.toContain('barrier')
  })

  it('END-031: a declared quality check answers what stops a run whose quality drops', () => {
    const asked = (termination: Parameters<typeof looping>[0]) =>
      reviewWorkflow(looping({ ...good, ...termination }).build().spec).missing.some((one) =>
        one.includes('qualityStop'),
      )
    expect(asked({})).toBe(true)
    expect(asked({ quality: { name: 'tone', failures: 2, check: () => null } })).toBe(false)
  })

  it('END-022: a graph with a loop has a detector, another has none', () => {
    expect(hasLoop(plain().spec)).toBe(false)
    expect(plain().spec.termination.loop).toBeNull()
    expect(
      looping({ quality: { name: 'q', failures: 1, check: () => null, escalateTo: 'help' } }).build().spec,
    ).toMatchObject({
      termination: { loop: { repeats: 10, window: 16, declared: false } },
    })
    expect(
      looping({ loop: false, quality: { name: 'q', failures: 1, check: () => null, escalateTo: 'help' } }).build().spec
        .termination.loop,
    ).toBeNull()
  })
})

describe('a barrier', () => {
  const digests = { of: (value: unknown) => JSON.stringify(value), field: () => 'same', sessions: () => [] }

  it('END-021: what is kept is bounded by the window, and the oldest goes first', () => {
    const { spec } = looping({ loop: { repeats: 2, window: 3, escalateTo: 'help' } }).build()
    let mark: BarrierMark = {}
    for (let n = 0; n < 10; n++) {
      const queue = [{ to: 'a', from: 'b', message: n }]
      const view = { state: {}, queue, superstep: n, turns: 0, outputs: [] }
      mark = judgeBarrier(spec, view, mark, digests).mark ?? {}
    }
    expect(mark.seen?.map(({ d }) => JSON.parse(d)[0][0][1])).toEqual([7, 8, 9])
    expect(mark.verdict).toBeUndefined()
  })

  it('END-016: a second cause is escalated too, each once', () => {
    const { spec } = looping({
      loop: { repeats: 2, escalateTo: 'help' },
      quality: { name: 'q', failures: 3, check: () => ({ verdict: 'fail', score: 0.25 }), escalateTo: 'help' },
    }).build()
    let mark: BarrierMark = {}
    const verdicts: unknown[] = []
    for (let n = 0; n < 9; n++) {
      const view = { state: {}, queue: [{ to: 'a', from: 'b', message: 1 }], superstep: n, turns: 0, outputs: [] }
      const judged = judgeBarrier(spec, view, mark, digests)
      mark = judged.mark ?? {}
      if (mark.verdict) verdicts.push([n, mark.verdict.by, mark.verdict.escalated_to ?? null])
      if (mark.verdict && !mark.verdict.escalated_to) break
    }
    expect(verdicts).toEqual([
      [1, 'loop', 'help'],
      [3, 'loop', null],
    ])
    expect(mark.score).toBe(0.25)
  })
})
