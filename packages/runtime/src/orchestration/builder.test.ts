import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import type { Agent, AgentSpec, HandlerEnd, Tool, ToolSpec } from '../contracts/index.ts'
import { shapeOf } from '../contracts/shape.ts'
import { appended, owned, port, Rejection, workflow } from './index.ts'

const Text = z.object({ text: z.string() })
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }
const contract = { objective: 'a', qualityMetric: 'b', acceptedBy: 'c', escalation: 'd', blastRadius: 'e' }
const header = { name: 'sample', version: '1.0.0', input: Text, output: Text, budget }
const pass = { input: Text, output: Text, run: (message: { text: string }) => message }

/** A builder whose types are taken away: what a caller without a compiler can do. */
interface Loose {
  node(name: string, def: unknown): Loose
  agent(name: string, agent: unknown, wiring: unknown): Loose
  port(name: string, port: unknown): Loose
  start(name: string): Loose
  edge(from: string, to: string, when?: unknown): Loose
  switch(from: string, cases: unknown, otherwise?: string): Loose
  fanOut(from: string, to: readonly string[]): Loose
  fanIn(from: readonly string[], to: string): Loose
  multiSelection(from: string, to: readonly string[], select: () => readonly string[]): Loose
  onRejected(from: string, to: string): Loose
  output(name: string): Loose
  validate(): { errors: readonly string[]; warnings: readonly string[] }
  build(): { spec: { tools: ReadonlyMap<string, unknown>; nodes: ReadonlyMap<string, unknown> } }
}

function loose(def: object = {}): Loose {
  // The types are what these tests have to get around.
  return workflow({ ...header, ...def }) as unknown as Loose
}

/** A chain `a`, `b` that is right; tests add one fault each. */
function chain(def: object = {}): Loose {
  return loose(def).node('a', pass).node('b', pass).start('a').edge('a', 'b').output('b')
}

function agentOf(name: string, tools: readonly Tool<never, unknown>[] = []): Agent<{ text: string }, { text: string }> {
  const spec: AgentSpec = {
    name,
    model: 'scripted/x',
    instructions: 'do it',
    maxOutputTokens: 10,
    tools: tools.map((tool) => tool.name),
    promptHash: '0',
  }
  const run = async (prompt: string): Promise<HandlerEnd> => ({ kind: 'message', message: { text: prompt } })
  return { name, spec, input: shapeOf(Text), output: shapeOf(Text), tools, run, _io: (input) => input }
}

function toolOf(name: string): Tool<{ n: number }, number> {
  // Only the name and identity of the spec matter here.
  const spec = { name, definitionHash: name } as ToolSpec
  return { name, class: 'records.read', effect: 'none', spec, _io: () => 0 }
}

const ask = (deadlineSeconds: number) => port({ name: 'question', request: Text, response: Text, deadlineSeconds })

describe('a right definition', () => {
  it('GRA-001: has no errors', () => {
    expect(chain().validate().errors).toEqual([])
    expect(() => chain().build()).not.toThrow()
  })

  it('GRA-016: a builder is not changed by what is called on it', () => {
    const base = chain()
    base.node('c', pass)
    base.edge('a', 'a')
    expect(base.validate().errors).toEqual([])
    expect([...base.build().spec.nodes.keys()]).toEqual(['a', 'b'])
  })

  it('GRA-017: collects tools from the list, the agents and the nodes, each once', () => {
    const [one, two, three] = [toolOf('one'), toolOf('two'), toolOf('three')]
    const { spec } = loose({ tools: [one] })
      .node('a', { ...pass, tools: [one, two] })
      .agent('b', agentOf('clerk', [two, three] as unknown as Tool<never, unknown>[]), { prompt: () => 'x' })
      .start('a')
      .edge('a', 'b')
      .output('b')
      .build()
    expect([...spec.tools.keys()]).toEqual(['one', 'two', 'three'])
    expect(spec.nodes.get('a')).toMatchObject({ tools: ['one', 'two'] })
    expect(spec.nodes.get('b')).toMatchObject({ tools: ['two', 'three'], kind: 'agent' })
  })
})

describe('errors of a definition', () => {
  const owner = { state: { order: owned('nobody', z.string()) } }
  const faults: readonly [id: string, what: string, builder: () => Loose, message: string][] = [
    ['GRA-002', 'a bad workflow name', () => chain({ name: 'Sample' }), 'workflow name `Sample`'],
    ['GRA-002', 'no version', () => chain({ version: '' }), 'version ``'],
    ['GRA-002', 'a bad node name', () => chain().node('__proto__', pass), 'node name `__proto__`'],
    ['GRA-003', 'no turns', () => chain({ budget: { ...budget, maxTurns: 0 } }), '`budget.maxTurns`'],
    ['GRA-003', 'part of a call', () => chain({ budget: { ...budget, maxToolCalls: 1.5 } }), '`budget.maxToolCalls`'],
    ['GRA-003', 'no tokens', () => chain({ budget: { ...budget, maxTokens: undefined } }), '`budget.maxTokens`'],
    [
      'GRA-003',
      'no time',
      () => chain({ budget: { ...budget, maxRuntimeSeconds: NaN } }),
      '`budget.maxRuntimeSeconds`',
    ],
    ['GRA-003', 'free', () => chain({ budget: { ...budget, maxCostUsd: '0.00' } }), '`budget.maxCostUsd`'],
    ['GRA-003', 'a number as cost', () => chain({ budget: { ...budget, maxCostUsd: 1 } }), '`budget.maxCostUsd`'],
    ['GRA-003', 'no budget', () => chain({ budget: undefined }), '`budget.maxTokens`'],
    ['GRA-003', 'no supersteps', () => chain({ maxSupersteps: 0 }), '`maxSupersteps`'],
    ['GRA-004', 'two nodes of one name', () => chain().node('a', pass), 'node `a` is declared twice'],
    [
      'GRA-004',
      'two agents of one name',
      () =>
        chain()
          .agent('c', agentOf('clerk'), { prompt: () => '' })
          .agent('d', agentOf('clerk'), { prompt: () => '' })
          .edge('b', 'c')
          .edge('c', 'd')
          .output('d'),
      'two different agents are named `clerk`',
    ],
    ['GRA-004', 'two tools of one name', () => chain({ tools: [toolOf('t'), toolOf('t')] }), 'tools are named `t`'],
    ['GRA-005', 'an edge from nowhere', () => chain().edge('x', 'b'), 'an edge starts at `x`, which is not a node'],
    ['GRA-005', 'an edge to nowhere', () => chain().edge('b', 'x'), 'an edge from `b` leads to `x`'],
    ['GRA-005', 'a case to nowhere', () => chain().switch('b', [{ when: () => true, to: 'x' }], 'a'), 'leads to `x`'],
    [
      'GRA-005',
      'a default to nowhere',
      () => chain().switch('b', [{ when: () => true, to: 'a' }], 'x'),
      'leads to `x`',
    ],
    ['GRA-005', 'a fan-out to nowhere', () => chain().fanOut('b', ['a', 'x']), 'a fan-out from `b` leads to `x`'],
    ['GRA-005', 'a start nowhere', () => loose().node('a', pass).output('a').start('x'), 'the start is `x`'],
    ['GRA-005', 'an output nowhere', () => chain().output('x'), 'an output is `x`'],
    ['GRA-005', 'a fallback nowhere', () => chain().onRejected('a', 'x'), 'the fallback of `a` is `x`'],
    ['GRA-005', 'a fallback from nowhere', () => chain().onRejected('x', 'b'), 'declared for `x`'],
    ['GRA-005', 'an owner that is no node', () => chain(owner), '`order` is owned by `nobody`, which is not a node'],
    ['GRA-006', 'no start', () => loose().node('a', pass).output('a'), 'there is no start'],
    ['GRA-006', 'two starts', () => chain().start('b'), 'there are 2 starts'],
    ['GRA-006', 'no output', () => loose().node('a', pass).start('a'), 'there is no output'],
    ['GRA-006', 'an output twice', () => chain().output('b'), 'output `b` is named twice'],
    ['GRA-007', 'an edge twice', () => chain().edge('a', 'b', () => true), 'two edges from `a` to `b`'],
    ['GRA-007', 'an edge beside a fan-out', () => chain().fanOut('a', ['b', 'a']), 'two edges from `a` to `b`'],
    [
      'GRA-007',
      'two switches',
      () =>
        chain()
          .switch('a', [{ when: () => true, to: 'a' }], 'b')
          .switch('a', [{ when: () => true, to: 'b' }], 'a'),
      'two switches from `a`',
    ],
    ['GRA-007', 'two fan-outs', () => chain().fanOut('b', ['a', 'b']).fanOut('b', ['b', 'a']), 'two fan-outs from `b`'],
    ['GRA-008', 'no case', () => chain().switch('a', [], 'b'), 'the switch from `a` has no case'],
    ['GRA-008', 'no default', () => chain().switch('a', [{ when: () => true, to: 'b' }]), 'has no default'],
    ['GRA-008', 'no condition', () => chain().switch('a', [{ to: 'b' }], 'a'), 'a case without a condition'],
    ['GRA-005', 'a fan-in from nowhere', () => chain().fanIn(['b', 'x'], 'a'), 'a fan-in starts at `x`'],
    [
      'GRA-007',
      'two selections',
      () =>
        chain()
          .multiSelection('b', ['a', 'b'], () => [])
          .multiSelection('b', ['b', 'a'], () => []),
      'two multi-selections from `b`',
    ],
    ['GRA-007', 'two fan-ins', () => chain().fanIn(['b', 'a'], 'a').fanIn(['a', 'b'], 'a'), 'two fan-ins to `a`'],
    ['GRA-009', 'one source', () => chain().fanIn(['b'], 'a'), 'the fan-in to `a` needs at least two sources'],
    [
      'GRA-009',
      'one target to select',
      () => chain().multiSelection('b', ['a'], () => []),
      'needs at least two targets',
    ],
    ['GRA-009', 'one target', () => chain().fanOut('b', ['a']), 'needs at least two targets'],
    ['GRA-009', 'one target twice', () => chain().fanOut('b', ['a', 'a']), 'names `a` twice'],
    ['GRA-010', 'unreachable', () => chain().node('c', pass).edge('c', 'b'), '`c` cannot be reached from the start'],
    ['GRA-010', 'connected to nothing', () => chain().node('c', pass), 'node `c` is not connected to anything'],
    ['GRA-010', 'a dead end', () => chain().node('c', pass).edge('a', 'c'), 'node `c` is a dead end'],
    ['GRA-010', 'an unused port', () => chain().port('c', ask(1)).edge('a', 'c'), 'port `c` is a dead end'],
    [
      'GRA-010',
      'a loop without a way out',
      () => chain().node('c', pass).node('d', pass).edge('a', 'c').edge('c', 'd').edge('d', 'c'),
      'node `c` leads to no output',
    ],
    ['GRA-012', 'a date', () => chain({ input: z.object({ at: z.date() }) }), 'the schema of the workflow input'],
    [
      'GRA-012',
      'a transform',
      () =>
        chain()
          .node('c', { ...pass, output: z.string().transform((text) => text.length) })
          .edge('a', 'c')
          .output('c'),
      'the schema of the output of node `c`',
    ],
    [
      'GRA-012',
      'a codec',
      () => chain({ state: { n: appended(z.codec(z.string(), z.number(), { decode: Number, encode: String })) } }),
      'does not take what it gives',
    ],
    ['GRA-012', 'a bigint in the state', () => chain({ state: { n: appended(z.bigint()) } }), 'state field `n`'],
    ['GRA-013', 'a fallback of a function', () => chain().onRejected('a', 'b'), 'node `a` has a fallback, but'],
    [
      'GRA-013',
      'two fallbacks',
      () =>
        chain()
          .port('c', ask(1))
          .edge('b', 'c')
          .output('c')
          .node('d', { ...pass, input: Rejection })
          .onRejected('c', 'd')
          .onRejected('c', 'd')
          .output('d'),
      'node `c` has two fallbacks',
    ],
    [
      'GRA-014',
      'a port that waits for ever',
      () => chain().port('c', ask(0)).edge('a', 'c').output('c'),
      '`deadlineSeconds`',
    ],
    ['GRA-014', 'no attempt', () => chain().node('c', { ...pass, retry: { attempts: 0 } }), '`retry.attempts`'],
    [
      'GRA-014',
      'a backoff below zero',
      () => chain().node('c', { ...pass, retry: { attempts: 1, backoffSeconds: -1 } }),
      '`retry.backoffSeconds`',
    ],
  ]

  it.each(faults)('%s: %s', (_id, _what, builder, message) => {
    expect(builder().validate().errors.join('\n')).toContain(message)
    expect(() => builder().build()).toThrow(message)
  })

  it('GRA-002, GRA-003, GRA-004, GRA-005, GRA-006, GRA-007: each fault is one the right definition lacks', () => {
    const right = chain().validate().errors.join('\n')
    for (const [, , , message] of faults) expect(right).not.toContain(message)
  })

  it('GRA-008, GRA-009, GRA-010, GRA-012, GRA-013, GRA-014: a fault does not hide another', () => {
    const all = faults.map(([, , builder]) => builder().validate().errors.length)
    expect(Math.min(...all)).toBeGreaterThan(0)
  })

  it('GRA-001: all errors at once, in the message and in the details', () => {
    const bad = chain({ name: 'X', version: '' }).edge('q', 'r').output('s')
    const { errors } = bad.validate()
    expect(errors).toHaveLength(5)
    try {
      bad.build()
      expect.unreachable()
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(SignalboxError)
      if (!(thrown instanceof SignalboxError)) return
      expect(thrown.code).toBe('WORKFLOW_INVALID')
      expect(thrown.message).toContain('has 5 errors')
      expect(thrown.details.errors).toEqual(errors)
      for (const error of errors) expect(thrown.message).toContain(`\n- ${error}`)
    }
  })
})

describe('warnings', () => {
  it('GRA-015: tells loops and a missing contract, and builds', () => {
    const loop = chain({ contract }).edge('b', 'a')
    expect(loop.validate()).toEqual({
      errors: [],
      warnings: [expect.stringContaining('node `a` is on a loop'), expect.stringContaining('node `b` is on a loop')],
    })
    expect(
      chain({ contract })
        .edge('b', 'a', () => false)
        .validate().warnings,
    ).toEqual([])
    expect(
      chain({ contract })
        .edge('b', 'b', () => false)
        .validate().warnings,
    ).toEqual(['node `b` sends to itself'])
    expect(chain().validate().warnings).toEqual([expect.stringContaining('there is no contract')])
    expect(() => loop.build()).not.toThrow()
  })
})
