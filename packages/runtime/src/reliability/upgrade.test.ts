import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { UpgradeStep, WorkflowSpec } from '../contracts/workflow.ts'
import { appended, owned, port, reduced, workflow } from '../orchestration/index.ts'
import { carryOver, changesNothingStored, type OpenCheckpoint, upgradePath } from './upgrade.ts'

const Text = z.string()
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }

function flow(version: string) {
  return workflow({
    name: 'flow',
    version,
    input: Text,
    output: Text,
    budget,
    state: { total: owned('work', z.number()), log: appended(Text), sum: reduced(z.number(), (a, b) => (a ?? 0) + b) },
  })
    .node('work', { input: Text, output: Text, run: (text) => text })
    .port('ask', port({ name: 'ask', request: Text, response: Text, deadlineSeconds: 9 }))
    .node('end', { input: Text, output: Text, run: (text) => text })
    .start('work')
    .edge('work', 'ask')
    .edge('ask', 'end')
    .output('end')
}

const checkpoint = (over: Partial<OpenCheckpoint> = {}): OpenCheckpoint => ({
  state: { total: 4, log: ['a'] },
  queue: [{ to: 'work', from: null, value: 'hello' }],
  requests: ['ask'],
  outputs: [],
  held: [],
  sessions: [],
  ...over,
})

const step = (from: string, to: string, over: Partial<UpgradeStep> = {}): UpgradeStep => ({
  from,
  to,
  was: null,
  state: null,
  expect: null,
  nodes: new Map(),
  messages: new Map(),
  ...over,
})

/** The workflow with other steps than it declares; they are not checked against each other here. */
const withSteps = (upgrades: readonly UpgradeStep[]): WorkflowSpec => ({ ...flow('9').build().spec, upgrades })

describe('upgrade steps', () => {
  it('DEP-012: declared steps are checked when the workflow is built: one way on from each version, all of them to its own', () => {
    const wrong = flow('3.0.0')
      .upgrade({ from: '1.0.0', to: '2.0.0', expect: z.object({}) })
      .upgrade({ from: '3.0.0' })
      .upgrade({ from: '0.9.0', nodes: { old: 'nowhere' }, messages: { nobody: (old) => old } })
      .upgrade({ from: '0.9.0' })
    expect(wrong.validate().errors).toEqual([
      'the upgrade from `3.0.0` leads to the same version; give the workflow another one',
      'the upgrade from `0.9.0` renames node `old` to `nowhere`, which is not a node',
      'the upgrade from `0.9.0` changes messages to `nobody`, which is not a node',
      'the upgrade from `0.9.0` is declared twice; keep one',
      'the upgrade from `1.0.0` ends at `2.0.0`; declare a step from there to `3.0.0`',
    ])
    const circle = flow('3')
      .upgrade({ from: '1', to: '2', expect: z.object({}) })
      .upgrade({ from: '2', to: '1', expect: z.object({}) })
    expect(circle.validate().errors).toHaveLength(2)
    const right = flow('3')
      .upgrade({ from: '1', to: '2', expect: z.object({}) })
      .upgrade({ from: '2' })
    expect(right.validate().errors).toEqual([])
    const { spec } = right.build()
    expect(upgradePath(spec, '1')?.map(({ from, to }) => [from, to])).toEqual([
      ['1', '2'],
      ['2', '3'],
    ])
    expect(upgradePath(spec, '3')).toBeNull()
    expect(upgradePath(spec, '0')).toBeNull()
  })

  it('DEP-013: over any chain of steps every version is entered once, in order, and each sees what the one before gave', () => {
    const chains = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(chains, fc.nat({ max: 7 }), fc.integer(), fc.boolean(), (adds, start, total, rename) => {
        const seen: string[] = []
        const last = adds.length
        const upgrades = adds.map((add, i) =>
          step(`${i}`, i + 1 === last ? '9' : `${i + 1}`, {
            nodes: new Map(rename ? [[`work${i}`, i + 1 === last ? 'work' : `work${i + 1}`]] : []),
            state: (old: JsonObject) => {
              seen.push(`${i}`)
              return { ...old, total: Number(old.total) * 2 + add, log: [...(old.log as JsonValue[]), `${i}`] }
            },
          }),
        )
        const spec = withSteps(upgrades)
        const from = start % last
        const path = upgradePath(spec, `${from}`) ?? []
        expect(path.map((one) => one.from)).toEqual(adds.slice(from).map((_, i) => `${from + i}`))
        const queue = [{ to: rename ? `work${from}` : 'work', from: null, value: 'hello' }]
        const before = checkpoint({ state: { total, log: [] }, queue })
        const copy = structuredClone(before)
        const after = carryOver(spec, path, before)
        expect(before).toEqual(copy)
        expect(after.state).toEqual({
          total: adds.slice(from).reduce((value, add) => value * 2 + add, total),
          log: adds.slice(from).map((_, i) => `${from + i}`),
        })
        expect(after.queue).toEqual([{ to: 'work', from: null, value: 'hello' }])
        // Twice in a row for each step, never interleaved.
        expect(seen).toEqual(adds.slice(from).flatMap((_, i) => [`${from + i}`, `${from + i}`]))
        // In two halves it gives the same as at once.
        const half: OpenCheckpoint = { ...before, queue: [] }
        const middle = carryOver(spec, path.slice(0, 1), half)
        expect(carryOver(spec, path.slice(1), middle).state).toEqual(after.state)
      }),
      { numRuns: 200 },
    )
  })

  it('DEP-013: the state of a version in between is checked by what its step expects', () => {
    const upgrades = flow('3')
      .upgrade({ from: '1', to: '2', expect: z.object({ sum: z.number() }), state: () => ({ sum: 'many' }) })
      .upgrade({ from: '2', was: z.object({ sum: z.number() }), state: ({ sum }) => ({ total: sum }) })
      .build().spec
    const path = upgradePath(upgrades, '1') ?? []
    expect(() => carryOver(upgrades, path, checkpoint())).toThrow('the upgrade from 1 to 2 gave a state that')
    expect(() => carryOver(upgrades, path.slice(1), checkpoint())).toThrow(
      'the upgrade from 2 to 3 does not take this state',
    )
    const good = checkpoint({ state: { sum: 3 } })
    expect(carryOver(upgrades, path.slice(1), good).state).toEqual({ total: 3 })
  })

  it.each<[string, Partial<UpgradeStep>, Partial<OpenCheckpoint>, string]>([
    [
      'a field that is not there',
      { state: () => ({ other: 1 }) },
      {},
      'state field `other`: this version has no such field',
    ],
    ['a wrong value', { state: () => ({ total: 'x' }) }, {}, 'state field `total`: its value'],
    ['a list that is none', { state: () => ({ log: 1 }) }, {}, 'state field `log`: it must be a list'],
    ['a wrong item', { state: () => ({ log: ['a', 2] }) }, {}, 'state field `log`: item 1'],
    ['no object', { state: () => 7 }, {}, 'must give an object with the state fields'],
    ['a promise', { state: () => Promise.reject(new Error('late')) }, {}, 'it must not be asynchronous'],
    ['a clock', { state: () => ({ total: performance.now() }) }, {}, 'is not pure'],
    [
      'a message for nobody',
      {},
      { queue: [{ to: 'gone', from: null, value: 'x' }] },
      'no such node; name its successor',
    ],
    ['a wrong message', { messages: new Map([['work', () => 4]]) }, {}, 'the message that waits for node `work`: it'],
    ['a request at no port', {}, { requests: ['gone'] }, 'a request is open at port `gone`'],
    ['a request at a node', {}, { requests: ['work'] }, 'a request is open at port `work`'],
    ['a half-filled fan-in', {}, { held: [{ edge: 'fan_in:end', source: 'work' }] }, 'holds a message of `work`'],
    ['an output', {}, { outputs: [{ node: 'end', value: 4 }] }, 'an output that was given already'],
  ])('DEP-004: a step that leaves %s is refused in words', (_what, over, open, says) => {
    const spec = withSteps([step('1', '9', over)])
    const path = upgradePath(spec, '1') ?? []
    let said = ''
    try {
      carryOver(spec, path, checkpoint(open))
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'WORKFLOW_CHANGED' })
      said = String(thrown)
    }
    expect(said).toContain(says)
  })

  it('DEP-004: a step cannot change what it was given', () => {
    const spec = withSteps([step('1', '9', { state: (old) => Object.assign(old, { total: 5 }) })])
    const before = checkpoint()
    expect(carryOver(spec, spec.upgrades, before).state.total).toBe(5)
    expect(before.state.total).toBe(4)
  })

  it('DEP-014: steps that touch nothing stored are known, so that a save point can take them', () => {
    expect(changesNothingStored([step('1', '2'), step('2', '3', { was: null })])).toBe(true)
    expect(changesNothingStored([step('1', '2', { state: (old) => old })])).toBe(false)
    expect(changesNothingStored([step('1', '2', { nodes: new Map([['a', 'b']]) })])).toBe(false)
    expect(changesNothingStored([step('1', '2', { messages: new Map([['a', (old) => old]]) })])).toBe(false)
  })
})
