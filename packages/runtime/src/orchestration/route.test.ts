import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonValue } from '../base/json.ts'
import type { WorkflowSpec } from '../contracts/index.ts'
import {
  appended,
  type Finished,
  type Held,
  inDeliveryOrder,
  mergeWrites,
  numberDeliveries,
  Rejection,
  reduced,
  route,
  routeStart,
  workflow,
} from './index.ts'

const Any = z.unknown()
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }
const header = { name: 'sample', version: '1', input: Any, output: Any, budget }
const node = { input: Any, output: Any, run: (message: unknown) => message }

/** `a` to `b` and `c` by edges that a test adds; `b` and `c` are outputs and keep the graph connected by a switch. */
function graph() {
  return workflow(header).node('a', node).node('b', node).node('c', node).start('a').output('b').output('c')
}

function sent(from: string, value: JsonValue, delivery = 0): Finished<string> {
  return { node: from, delivery, writes: [], message: { value, ref: `${from}${delivery}` }, rejection: null }
}

/** Routes with what fan-ins held before; the reference of a list names its parts. */
function routed(spec: WorkflowSpec, finished: readonly Finished<string>[], held: Held<string> = {}) {
  return route(spec, finished, held, (parts) => `[${parts.map((part) => part.ref).join()}]`)
}

function targets(spec: WorkflowSpec, value: JsonValue): string[] {
  return routed(spec, [sent('a', value)]).deliveries.map((one) => `${one.edge} ${one.to}`)
}

describe('edges', () => {
  it('GRA-040: a direct edge takes all, a conditional one those that hold', () => {
    const { spec } = graph()
      .edge('a', 'b')
      .edge('a', 'c', (message) => message === 1)
      .build()
    expect(targets(spec, 1)).toEqual(['a->b b', 'a->c c'])
    expect(targets(spec, 2)).toEqual(['a->b b'])
  })

  it('GRA-041: a switch takes the first case that holds, else the default', () => {
    const tried: string[] = []
    const when = (name: string, value: number) => (message: unknown) => {
      tried.push(name)
      return typeof message === 'number' && message >= value
    }
    const { spec } = graph()
      .switch(
        'a',
        [
          { when: when('ten', 10), to: 'b' },
          { when: when('five', 5), to: 'c' },
        ],
        'b',
      )
      .build()
    expect(targets(spec, 12)).toEqual(['switch:a b'])
    expect(tried.splice(0)).toEqual(['ten'])
    expect(targets(spec, 7)).toEqual(['switch:a c'])
    expect(targets(spec, 1)).toEqual(['switch:a b'])
  })

  it('GRA-042: a fan-out takes all targets', () => {
    const { spec } = graph().fanOut('a', ['c', 'b']).build()
    expect(targets(spec, 1)).toEqual(['fan_out:a b', 'fan_out:a c'])
  })

  it('GRA-055: a multi-selection takes the targets that it names, each once, in the order of the edge', () => {
    const { spec } = graph()
      .multiSelection('a', ['c', 'b'], (message) => (message === 1 ? ['b', 'c', 'b'] : message === 2 ? ['b'] : []))
      .build()
    expect(targets(spec, 1)).toEqual(['multi_selection:a b', 'multi_selection:a c'])
    expect(targets(spec, 2)).toEqual(['multi_selection:a b'])
    expect(routed(spec, [sent('a', 3)])).toMatchObject({
      deliveries: [],
      drops: [{ edge: 'multi_selection:a', reason: 'condition_false' }],
    })
  })

  it.each([
    ['another node', () => ['a' as 'b'], 'named `a`, which is not one of its targets: `b`, `c`'],
    ['no list', () => 'b' as unknown as 'b'[], 'must return a list'],
    ['a promise', () => Promise.reject(new Error('no')) as unknown as 'b'[], 'must return a list'],
    [
      'nothing, it throws',
      (): 'b'[] => {
        throw new Error('the secret is 42')
      },
      'threw',
    ],
  ])('GRA-056: a selection that returns %s fails the run', (_what, select, why) => {
    const { spec } = graph().multiSelection('a', ['b', 'c'], select).build()
    expect(() => routed(spec, [sent('a', 1)])).toThrow(expect.objectContaining({ code: 'NODE_FAILED' }))
    expect(() => routed(spec, [sent('a', 1)])).toThrow(why)
    expect(() => routed(spec, [sent('a', 1)])).not.toThrow('42')
  })

  it('GRA-043: a condition that throws fails the run and does not tell what was thrown', () => {
    const fail = (): boolean => {
      throw new Error('the secret is 42')
    }
    const direct = graph().edge('a', 'b', fail).edge('a', 'c').build().spec
    const cases = graph()
      .switch('a', [{ when: fail, to: 'b' }], 'c')
      .build().spec
    for (const [spec, edge] of [
      [direct, 'a->b'],
      [cases, 'switch:a'],
    ] as const) {
      const routing = () => routed(spec, [sent('a', 1)])
      expect(routing).toThrow(
        expect.objectContaining({ code: 'NODE_FAILED', message: `a condition of edge \`${edge}\` threw` }),
      )
    }
  })

  it.each([
    ['a promise', () => Promise.reject(new Error('late'))],
    ['undefined', () => undefined],
    ['number', () => 1],
    ['null', () => null],
  ])('GRA-043: a condition that returns %s fails the run', (what, answer) => {
    // The compiler refuses such a condition; JavaScript does not.
    const when = answer as unknown as () => boolean
    const { spec } = graph().edge('a', 'b', when).edge('a', 'c').build()
    expect(() => routed(spec, [sent('a', 1)])).toThrow(`must return true or false, not ${what}`)
  })

  it('GRA-043: a condition that fails does so however the activations finished', () => {
    const { spec } = graph()
      .edge('a', 'b', (message) => message === 'ok' || (undefined as unknown as boolean))
      .edge('a', 'c')
      .build()
    const both = [sent('a', 'ok', 0), sent('a', 'bad', 1)]
    expect(() => routed(spec, both)).toThrow('a->b')
    expect(() => routed(spec, [...both].reverse())).toThrow('a->b')
  })
})

describe('dropped messages', () => {
  it('GRA-044: no edge, and no condition that holds', () => {
    const { spec } = graph()
      .edge('a', 'b', (message) => message === 1)
      .edge('b', 'c')
      .build()
    expect(routed(spec, [sent('a', 2)]).drops).toEqual([
      { from: 'a', edge: 'a->b', reason: 'condition_false', value: 2, ref: 'a0' },
    ])
    expect(routed(spec, [sent('a', 1)]).drops).toEqual([])
    const two = graph()
      .edge('a', 'b', () => false)
      .edge('a', 'c', () => false)
      .build().spec
    expect(routed(two, [sent('a', 2)]).drops).toMatchObject([{ edge: null, reason: 'condition_false' }])
    // A message of a node that the graph does not have any more has no edge.
    expect(routed(spec, [sent('gone', 1)]).drops).toMatchObject([{ from: 'gone', edge: null, reason: 'no_edge' }])
  })

  it('GRA-044, GRA-048: an output is taken, with or without an edge that holds', () => {
    const { spec } = graph()
      .edge('a', 'b')
      .edge('b', 'c', (message) => message === 1)
      .build()
    expect(routed(spec, [sent('b', 1)])).toMatchObject({
      deliveries: [{ to: 'c' }],
      drops: [],
      outputs: [{ node: 'b', value: 1 }],
    })
    expect(routed(spec, [sent('b', 2)])).toMatchObject({
      deliveries: [],
      drops: [],
      outputs: [{ node: 'b', value: 2 }],
    })
    expect(routed(spec, [sent('c', 2)])).toMatchObject({ deliveries: [], drops: [], outputs: [{ node: 'c' }] })
  })

  it('GRA-045: a message that does not fit is dropped for that delivery alone', () => {
    const { spec } = workflow({ ...header, output: z.union([z.string(), z.number()]) })
      .node('a', { ...node, output: z.union([z.string(), z.number()]), run: () => '' })
      .node('b', { ...node, input: z.union([z.string(), z.number()]), output: z.string(), run: () => '' })
      .node('c', { ...node, input: z.union([z.string(), z.number(), z.null()]), output: z.string(), run: () => '' })
      .start('a')
      .fanOut('a', ['b', 'c'])
      .output('b')
      .output('c')
      .build()
    const { deliveries, drops } = routed(spec, [sent('a', null)])
    expect(deliveries).toMatchObject([{ to: 'c', value: null }])
    expect(drops).toEqual([{ from: 'a', edge: 'fan_out:a', reason: 'type_mismatch', value: null, ref: 'a0' }])
    expect(routed(spec, [sent('b', true)])).toMatchObject({
      outputs: [],
      drops: [{ edge: 'output', reason: 'type_mismatch' }],
    })
  })

  it('GRA-046: a rejection goes to the fallback only', () => {
    const question = {
      name: 'q',
      request: { json: {}, parse: (value: unknown) => value as JsonValue },
      deadlineSeconds: 1,
    }
    const { spec } = workflow(header)
      .port('a', { ...question, response: question.request })
      .node('b', node)
      .node('c', { ...node, input: Rejection })
      .start('a')
      .edge('a', 'b')
      .onRejected('a', 'c')
      .output('b')
      .output('c')
      .build()
    const value = { code: 'APPROVAL_EXPIRED', reason: 'nobody answered', leftUndone: [] }
    const rejected = (from: string, what: JsonValue): Finished<string> => ({
      ...sent(from, 0),
      message: null,
      rejection: { value: what, ref: 'r' },
    })
    expect(routed(spec, [rejected('a', value)])).toMatchObject({
      deliveries: [{ to: 'c', from: 'a', edge: 'rejected:a', value, ref: 'r' }],
      drops: [],
      outputs: [],
    })
    expect(routed(spec, [rejected('b', value)])).toMatchObject({
      deliveries: [],
      outputs: [],
      drops: [{ reason: 'no_edge' }],
    })
    expect(routed(spec, [rejected('a', {})]).drops).toMatchObject([{ edge: 'rejected:a', reason: 'type_mismatch' }])
  })
})

describe('fan-in', () => {
  const list = { ...node, input: z.array(z.number()) }
  const { spec } = workflow(header)
    .node('a', node)
    .node('b', { ...node, output: z.number(), run: () => 0 })
    .node('c', { ...node, output: z.number(), run: () => 0 })
    .node('d', list)
    .start('a')
    .fanOut('a', ['b', 'c'])
    .fanIn(['c', 'b'], 'd')
    .output('d')
    .build()

  it('GRA-057: holds messages until every source has sent, then gives one list in source order', () => {
    const first = routed(spec, [sent('b', 1), sent('b', 2, 1)])
    expect(first).toMatchObject({ deliveries: [], drops: [], outputs: [] })
    expect(first.held).toEqual({
      'fan_in:d': {
        b: [
          { value: 1, ref: 'b0' },
          { value: 2, ref: 'b1' },
        ],
      },
    })
    const second = routed(spec, [sent('c', 3)], first.held)
    expect(second.deliveries).toEqual([{ to: 'd', from: 'c', edge: 'fan_in:d', value: [3, 1, 2], ref: '[c0,b0,b1]' }])
    expect(second).toMatchObject({ drops: [], held: {} })
  })

  it('GRA-057: starts anew after it, and what was held before stays as it was', () => {
    const before = { 'fan_in:d': { b: [{ value: 1, ref: 'b0' }] } }
    expect(routed(spec, [sent('c', 3), sent('b', 4)], before).deliveries).toMatchObject([{ value: [3, 1, 4] }])
    expect(routed(spec, [sent('c', 5)], {}).held).toEqual({ 'fan_in:d': { c: [{ value: 5, ref: 'c0' }] } })
    expect(before).toEqual({ 'fan_in:d': { b: [{ value: 1, ref: 'b0' }] } })
  })

  it('GRA-057: does not depend on the order of completion', () => {
    const all = [sent('b', 1), sent('c', 2), sent('b', 3, 1)]
    expect(routed(spec, [...all].reverse())).toEqual(routed(spec, all))
  })

  it('GRA-045: a list that does not fit its target is dropped', () => {
    const held = { 'fan_in:d': { b: [{ value: 'text', ref: 'b0' }] } }
    expect(routed(spec, [sent('c', 3)], held)).toMatchObject({
      deliveries: [],
      held: {},
      drops: [{ from: 'c', edge: 'fan_in:d', reason: 'type_mismatch', value: [3, 'text'] }],
    })
  })
})

describe('order', () => {
  const { spec } = workflow(header)
    .node('a', node)
    .node('b', node)
    .node('c', node)
    .start('a')
    .edge('b', 'c')
    .edge('a', 'c')
    .fanOut('c', ['a', 'b'])
    .edge('a', 'b')
    .output('c')
    .build()

  it('GRA-047: by target, edge, source and send', () => {
    const finished = [sent('b', 0), sent('a', 0, 1), sent('c', 0), sent('a', 0, 0)]
    const { deliveries } = routed(spec, finished)
    expect(deliveries.map((one) => `${one.to} ${one.edge} ${one.ref}`)).toEqual([
      'a fan_out:c c0',
      'b fan_out:c c0',
      'b a->b a0',
      'b a->b a1',
      'c b->c b0',
      'c a->c a0',
      'c a->c a1',
    ])
    expect(numberDeliveries(deliveries).map((one) => one.delivery)).toEqual([0, 0, 1, 2, 0, 1, 2])
  })

  it('GRA-047: the run input first, rejections and responses last', () => {
    const start = routeStart(spec, { value: 1, ref: 'input' })
    expect(start).toEqual({ to: 'a', from: null, edge: 'start', value: 1, ref: 'input' })
    const queue = ['response:c', 'rejected:b', 'fan_out:c', 'start'].map((edge) => ({ to: 'a', from: null, edge }))
    expect(inDeliveryOrder(spec, queue).map((one) => one.edge)).toEqual([
      'start',
      'fan_out:c',
      'rejected:b',
      'response:c',
    ])
  })
})

/** A random graph of up to six nodes, each an output, with edges of every kind and writes of every joined kind. */
const graphs = fc.record({
  size: fc.integer({ min: 2, max: 6 }),
  picks: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 12 }),
})

interface Chain {
  node(name: string, def: unknown): Chain
  start(name: string): Chain
  edge(from: string, to: string, when?: (message: number) => boolean): Chain
  switch(from: string, cases: unknown, otherwise: string): Chain
  fanOut(from: string, to: readonly string[]): Chain
  output(name: string): Chain
  build(): { spec: WorkflowSpec }
}

function randomSpec(size: number, picks: readonly number[]): WorkflowSpec {
  const names = Array.from({ length: size }, (_, i) => `n${i}`)
  const state = {
    log: appended(z.string()),
    text: reduced(z.string(), (current: string | undefined, write) => `${current ?? ''}${write}`),
  }
  // Names are made up at run time, so the compiler cannot know them.
  let chain = workflow({ ...header, state }) as unknown as Chain
  for (const name of names) chain = chain.node(name, node).output(name)
  chain = chain.start('n0')
  const used = new Set<string>()
  const once = (key: string): boolean => used.size < used.add(key).size
  // A ring keeps every node connected.
  for (const [i, from] of names.entries()) {
    const to = names[(i + 1) % size] ?? 'n0'
    if (once(`${from} ${to}`)) chain = chain.edge(from, to)
  }
  for (const pick of picks) {
    const [from, to, other] = [pick, Math.floor(pick / 7), Math.floor(pick / 43)].map((n) => names[n % size] ?? 'n0')
    if (!from || !to || !other) continue
    if (pick % 3 === 0 && once(`${from} ${to}`)) chain = chain.edge(from, to, (message) => message % 2 === 0)
    if (pick % 3 === 1 && once(`switch ${from}`))
      chain = chain.switch(from, [{ when: (m: number) => m % 3 === 0, to }], other)
    const free = to !== other && !used.has(`${from} ${to}`) && !used.has(`${from} ${other}`)
    if (pick % 3 === 2 && free && once(`fan ${from}`)) {
      once(`${from} ${to}`)
      once(`${from} ${other}`)
      chain = chain.fanOut(from, [to, other])
    }
  }
  return chain.build().spec
}

describe('independence of the order of completion', () => {
  const activations = fc.array(fc.record({ node: fc.nat(5), value: fc.nat(20), writes: fc.nat(3) }), {
    minLength: 1,
    maxLength: 12,
  })

  it('GRA-047, GRA-053: any order of completion gives one queue and one state', () => {
    fc.assert(
      fc.property(graphs, activations, fc.infiniteStream(fc.nat()), ({ size, picks }, list, dice) => {
        const spec = randomSpec(size, picks)
        const counts = new Map<string, number>()
        const finished = list.map(({ node: pick, value, writes }, i): Finished<string> => {
          const name = `n${pick % size}`
          const delivery = counts.get(name) ?? 0
          counts.set(name, delivery + 1)
          const made = Array.from({ length: writes }, (_, k) => ({ value: `${i}.${k};`, ref: `${i}.${k}` }))
          const all = made.flatMap((one) => [
            { field: 'log', ...one },
            { field: 'text', ...one },
          ])
          return { ...sent(name, value, delivery), writes: all }
        })
        const rolls = new Map(finished.map((one) => [one, dice.next().value]))
        const shuffled = [...finished].sort((a, b) => (rolls.get(a) ?? 0) - (rolls.get(b) ?? 0))
        expect(routed(spec, shuffled)).toEqual(routed(spec, finished))
        expect(mergeWrites(spec, {}, shuffled)).toEqual(mergeWrites(spec, {}, finished))
      }),
      { numRuns: 300 },
    )
  })

  it('GRA-044: no message vanishes: each is delivered, dropped or an output', () => {
    fc.assert(
      fc.property(graphs, fc.nat(20), ({ size, picks }, value) => {
        const spec = randomSpec(size, picks)
        for (const name of spec.nodes.keys()) {
          const { deliveries, drops, outputs } = routed(spec, [sent(name, value)])
          expect(deliveries.length + drops.length + outputs.length).toBeGreaterThan(0)
          expect(outputs).toHaveLength(1)
        }
      }),
      { numRuns: 100 },
    )
  })
})
