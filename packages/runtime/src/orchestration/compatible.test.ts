import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { shapeOf } from '../contracts/shape.ts'
import { mismatch } from './compatible.ts'
import { workflow } from './index.ts'

function between(from: z.ZodType, to: z.ZodType): string | null {
  return mismatch(shapeOf(from).json, shapeOf(to).json)
}

describe('schemas of two ends', () => {
  it.each([
    ['another type', z.string(), z.number(), 'the message is string, not number'],
    ['a missing field', z.object({ a: z.string() }), z.object({ b: z.string() }), '`b` is required but never sent'],
    ['a field of another type', z.object({ a: z.string() }), z.object({ a: z.number() }), '`a` is string, not number'],
    [
      'a nested field',
      z.object({ a: z.object({ b: z.string() }) }),
      z.object({ a: z.object({ b: z.boolean() }) }),
      '`a.b` is string, not boolean',
    ],
    ['other values', z.enum(['x', 'y']), z.literal('z'), 'none of the values'],
    [
      'an optional field that is always sent with another type',
      z.object({ a: z.string() }),
      z.object({ a: z.number().optional() }),
      '`a` is string',
    ],
    ['no alternative', z.union([z.string(), z.boolean()]), z.number(), 'not number'],
    ['null to a text', z.null(), z.string(), 'the message is null'],
  ])('GRA-011: refuses %s', (_what, from, to, message) => {
    expect(between(from, to)).toContain(message)
  })

  const Tree = z.object({
    v: z.number(),
    get next() {
      return Tree.nullable()
    },
  })
  it.each([
    ['the same', z.object({ a: z.string() }), z.object({ a: z.string() })],
    ['more than is needed', z.object({ a: z.string(), b: z.string() }), z.object({ a: z.string() })],
    ['a missing optional field', z.object({ a: z.string() }), z.object({ a: z.string(), b: z.string().optional() })],
    ['anything', z.unknown(), z.object({ a: z.string() })],
    ['to anything', z.object({ a: z.string() }), z.unknown()],
    ['an integer to a number', z.int(), z.number()],
    ['one alternative', z.union([z.string(), z.number()]), z.number()],
    ['a shared value', z.enum(['x', 'y']), z.enum(['y', 'z'])],
    ['a record', z.record(z.string(), z.string()), z.object({ a: z.string() })],
    ['further fields', z.looseObject({}), z.object({ a: z.string() })],
    ['a recursive schema', Tree, z.object({ v: z.number() })],
    [
      'an optional field of another type',
      z.object({ a: z.string().optional() }),
      z.object({ a: z.number().optional() }),
    ],
  ])('GRA-011: accepts %s', (_what, from, to) => {
    expect(between(from, to)).toBeNull()
  })

  it('GRA-011: what a schema takes is never refused', () => {
    const leaf = fc.constantFrom<z.ZodType>(z.string(), z.number(), z.boolean(), z.null(), z.enum(['a', 'b']), z.int())
    const schemas = fc.letrec<{ any: z.ZodType }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 2 },
        leaf,
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('any'), { maxKeys: 3 }).map((fields) => z.object(fields)),
        tie('any').map((one) => z.array(one)),
        fc.tuple(tie('any'), tie('any')).map(([one, two]) => z.union([one, two])),
        tie('any').map((one) => one.nullable()),
      ),
    })).any
    const samples: unknown[] = [
      'a',
      'q',
      1,
      1.5,
      true,
      null,
      [],
      ['a'],
      [1],
      {},
      { a: 'a' },
      { a: 1, b: null },
      { a: {} },
    ]
    fc.assert(
      fc.property(schemas, schemas, (from, to) => {
        if (between(from, to) === null) return true
        return samples.every(
          (value) => !(from.safeParse(value).success && strict(from, value) && to.safeParse(value).success),
        )
      }),
      { numRuns: 500 },
    )
  })
})

/** True when the value passes unchanged: only such values are sent. */
function strict(schema: z.ZodType, value: unknown): boolean {
  return JSON.stringify(schema.parse(value)) === JSON.stringify(value)
}

describe('a workflow whose ends cannot meet', () => {
  const Text = z.object({ text: z.string() })
  const Count = z.object({ count: z.number() })
  const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }

  it('GRA-011: names edges, start, output and fallback', () => {
    // The compiler refuses this chain; a caller without one can still write it.
    const open = workflow({ name: 'sample', version: '1', input: Count, output: Count, budget }) as unknown as {
      node(name: string, def: unknown): typeof open
      start(name: string): typeof open
      edge(from: string, to: string): typeof open
      output(name: string): typeof open
      onRejected(from: string, to: string): typeof open
      validate(): { errors: string[] }
    }
    const node = { input: Text, output: Text, run: (message: unknown) => message }
    const { errors } = open
      .node('a', node)
      .node('b', { ...node, input: Count })
      .start('a')
      .edge('a', 'b')
      .output('b')
      .onRejected('a', 'b')
      .validate()
    const text = errors.join('\n')
    expect(text).toContain('the message from `a` to `b` can never fit: `count` is required but never sent')
    expect(text).toContain('the workflow input to start `a` can never fit: `text`')
    expect(text).toContain('the message of output `b` can never fit: `count`')
    expect(text).toContain('the rejection of `a` to its fallback `b` can never fit: `count`')
  })
})
