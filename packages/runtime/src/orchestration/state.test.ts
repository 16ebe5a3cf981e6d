import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { FieldSpec } from '../contracts/index.ts'
import { appended, applyWrites, type Finished, mergeWrites, owned, reduced, workflow } from './index.ts'

const Any = z.unknown()
const node = { input: Any, output: Any, run: (message: unknown) => message }
const { spec } = workflow({
  name: 'sample',
  version: '1',
  input: Any,
  output: Any,
  budget: { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' },
  state: {
    order: owned('a', z.object({ cents: z.int() })),
    notes: appended(z.string()),
    total: reduced(z.int(), (current: number | undefined, write) => {
      if (write === 13) throw new Error('no thirteen')
      return write === 99 ? Number.NaN : (current ?? 100) - write
    }),
  },
})
  .node('a', node)
  .node('b', node)
  .start('a')
  .edge('a', 'b')
  .output('b')
  .build()

function wrote(from: string, writes: readonly [field: string, value: JsonValue][], delivery = 0): Finished<string> {
  const list = writes.map(([field, value], i) => ({ field, value, ref: `${from}${delivery}.${i}` }))
  return { node: from, delivery, writes: list, message: null, rejection: null }
}

function codeOf(act: () => unknown): { code: string; message: string } {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return { code: thrown.code, message: thrown.message }
    throw thrown
  }
  throw new Error('nothing was thrown')
}

describe('what a node sees', () => {
  it('GRA-052: its own writes over the snapshot, which stays as it was', () => {
    const snapshot = { notes: ['old'], total: 10 }
    const first = applyWrites(spec, 'a', snapshot, { order: { cents: 1 }, notes: 'new', total: 3 })
    expect(first.state).toEqual({ order: { cents: 1 }, notes: ['old', 'new'], total: 7 })
    expect(first.writes).toEqual([
      { field: 'order', value: { cents: 1 } },
      { field: 'notes', value: 'new' },
      { field: 'total', value: 3 },
    ])
    expect(applyWrites(spec, 'b', first.state, { notes: 'x', total: 1 }).state).toMatchObject({
      notes: ['old', 'new', 'x'],
      total: 6,
    })
    expect(snapshot).toEqual({ notes: ['old'], total: 10 })
  })

  it('GRA-050 (Invariant 8): another node’s field, or none, is refused', () => {
    expect(codeOf(() => applyWrites(spec, 'b', {}, { notes: 'x', order: { cents: 1 } }))).toEqual({
      code: 'STATE_NOT_OWNED',
      message: 'node `b` wrote state field `order`, which only `a` may write',
    })
    expect(codeOf(() => applyWrites(spec, 'b', {}, { other: 1 }))).toEqual({
      code: 'STATE_NOT_OWNED',
      message: 'node `b` wrote `other`, which is not a state field',
    })
    expect(codeOf(() => applyWrites(spec, 'b', {}, { toString: 1 })).code).toBe('STATE_NOT_OWNED')
  })

  it('GRA-054: a value that does not fit is refused, before and after a reducer', () => {
    expect(codeOf(() => applyWrites(spec, 'a', {}, { order: { cents: 'many' } }))).toEqual({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('state field `order`'),
    })
    expect(codeOf(() => applyWrites(spec, 'a', {}, { notes: 1 })).code).toBe('INPUT_INVALID')
    expect(codeOf(() => applyWrites(spec, 'a', {}, { total: 99 }))).toEqual({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('the reduced state field `total`'),
    })
    expect(codeOf(() => applyWrites(spec, 'a', {}, { total: 13 }))).toEqual({
      code: 'NODE_FAILED',
      message: 'the reducer of state field `total` threw',
    })
  })
})

describe('the barrier', () => {
  it('GRA-052, GRA-053: merges in node, delivery and write order', () => {
    const merged = mergeWrites(spec, { total: 50, notes: ['never read'] }, [
      wrote('b', [
        ['notes', 'b'],
        ['total', 1],
      ]),
      wrote(
        'a',
        [
          ['order', { cents: 2 }],
          ['notes', 'a1'],
        ],
        1,
      ),
      wrote('a', [
        ['order', { cents: 1 }],
        ['notes', 'a0'],
        ['total', 2],
        ['total', 3],
      ]),
    ])
    expect(Object.fromEntries(merged)).toEqual({
      order: { kind: 'set', value: { cents: 2 }, refs: ['a1.0'] },
      notes: {
        kind: 'append',
        items: [
          { field: 'notes', value: 'a0', ref: 'a0.1' },
          { field: 'notes', value: 'a1', ref: 'a1.1' },
          { field: 'notes', value: 'b', ref: 'b0.0' },
        ],
      },
      total: { kind: 'set', value: 44, refs: ['a0.2', 'a0.3', 'b0.1'] },
    })
    expect([...merged.keys()]).toEqual(['order', 'notes', 'total'])
  })

  it('GRA-052: what nobody wrote is not told', () => {
    expect(mergeWrites(spec, { total: 1 }, [wrote('a', [])]).size).toBe(0)
  })

  it('GRA-050 (Invariant 8): a recorded write by another node is refused again', () => {
    expect(codeOf(() => mergeWrites(spec, {}, [wrote('b', [['order', { cents: 1 }]])])).code).toBe('STATE_NOT_OWNED')
  })

  it('GRA-051 (Invariant 8): two writers of a field without a reducer are an error that names both', () => {
    const field: FieldSpec = { name: 'open', kind: 'reduced', owner: null, reduce: null, shape: spec.input }
    const lax = { ...spec, fields: new Map([['open', field]]) }
    const both = [wrote('b', [['open', 2]]), wrote('a', [['open', 1]])]
    const expected = {
      code: 'STATE_CONFLICT',
      message: 'nodes `a` and `b` both wrote state field `open`, which has no reducer',
    }
    expect(codeOf(() => mergeWrites(lax, {}, both))).toEqual(expected)
    expect(codeOf(() => mergeWrites(lax, {}, [...both].reverse()))).toEqual(expected)
    expect(mergeWrites(lax, {}, [wrote('a', [['open', 1]]), wrote('a', [['open', 3]], 1)]).get('open')).toMatchObject({
      value: 3,
    })
  })
})
