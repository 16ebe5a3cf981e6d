import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Agent, AgentSpec, Tool, ToolSpec } from '../contracts/index.ts'
import { shapeOf } from '../contracts/shape.ts'
import { appended, describeDifference, owned, port, Rejection, workflow } from './index.ts'

const Text = z.object({ text: z.string() })
const limits = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }

interface Variant {
  readonly version?: string
  readonly turns?: number
  readonly supersteps?: number
  readonly code?: string
  readonly agent?: Partial<AgentSpec>
  readonly toolHash?: string
  readonly deadline?: number
  readonly attempts?: number
  readonly input?: z.ZodType<{ text: string }>
  readonly note?: z.ZodType<string>
  readonly conditional?: boolean
  readonly swapped?: boolean
  readonly fallback?: boolean
}

/** One workflow, built anew with one thing changed. */
function build(change: Variant = {}) {
  const spec: AgentSpec = {
    name: 'clerk',
    model: 'scripted/x',
    instructions: 'do it',
    maxOutputTokens: 10,
    tools: ['t'],
    promptHash: 'a'.repeat(64),
    ...change.agent,
  }
  const tool: Tool<never, unknown> = {
    name: 't',
    class: 'records.read',
    effect: 'none',
    // Only the definition hash is part of a description.
    spec: { name: 't', definitionHash: change.toolHash ?? '1' } as ToolSpec,
    _io: () => null,
  }
  const clerk: Agent<{ text: string }, { text: string }> = {
    name: 'clerk',
    spec,
    input: shapeOf(Text),
    output: shapeOf(Text),
    tools: [tool],
    run: async (prompt) => ({ kind: 'message', message: { text: prompt } }),
    _io: (input) => input,
  }
  const question = port({ name: 'q', request: Text, response: Text, deadlineSeconds: change.deadline ?? 60 })
  const word = change.code ?? ''
  const chained = workflow({
    name: 'sample',
    version: change.version ?? '1',
    input: Text,
    output: Text,
    budget: { ...limits, maxTurns: change.turns ?? 1 },
    maxSupersteps: change.supersteps ?? 100,
    state: { order: owned('first', Text), notes: appended(change.note ?? z.string()) },
  })
    .node('first', {
      input: change.input ?? Text,
      output: Text,
      retry: { attempts: change.attempts ?? 1 },
      run: ({ text }) => ({ text: text + word }),
    })
    .agent('work', clerk, { prompt: ({ text }) => text + word })
    .port('ask', question)
    .node('declined', { input: Rejection, output: Text, run: ({ reason }) => ({ text: reason }) })
    .start('first')
  const wired = change.swapped
    ? chained.edge('work', 'ask').edge('first', 'work')
    : chained.edge('first', 'work', change.conditional ? () => true : undefined).edge('work', 'ask')
  const rejected =
    change.fallback === false ? wired.onRejected('ask', 'declined') : wired.onRejected('work', 'declined')
  return rejected.output('ask').output('declined').build().spec
}

const base = build()

function difference(change: Variant): string[] {
  return describeDifference(base.description, build(change).description)
}

describe('signatures', () => {
  it.each<[string, Variant]>([
    ['nothing', {}],
    ['code', { code: 'other' }],
    ['the version', { version: '2' }],
    ['the budget', { turns: 99 }],
  ])('GRA-030, GRA-032: %s does not count', (_what, change) => {
    const other = build(change)
    expect([other.signature, other.shape]).toEqual([base.signature, base.shape])
    expect(difference(change)).toEqual([])
  })

  it.each<[string, Variant, string]>([
    ['the model', { agent: { model: 'y' } }, 'node `work`: `agent.model` changed from `"scripted/x"` to `"y"`'],
    ['the instructions', { agent: { promptHash: 'b'.repeat(64) } }, 'node `work`: `agent.instructions` changed from'],
    [
      'an output limit',
      { agent: { maxOutputTokens: 11 } },
      'node `work`: `agent.max_output_tokens` changed from `10` to `11`',
    ],
    ['a tool', { toolHash: '2' }, 'tool `t` is defined differently'],
    ['a deadline', { deadline: 61 }, 'node `ask`: `deadline_seconds` changed from `60` to `61`'],
    ['a retry', { attempts: 2 }, 'node `first`: `retry.attempts` changed from `1` to `2`'],
    ['a limit', { supersteps: 9 }, '`max_supersteps` changed from `100` to `9`'],
    [
      'a schema',
      { input: z.object({ text: z.string().max(5) }) },
      'node `first`: `input.properties.text.maxLength` changed from nothing to `5`',
    ],
    ['a condition', { conditional: true }, 'edge `first->work`: `conditional` changed from `false` to `true`'],
    ['the order of edges', { swapped: true }, 'the order of the edges changed'],
  ])('GRA-031, GRA-032: %s changes the graph alone', (_what, change, sentence) => {
    const other = build(change)
    expect(other.signature).not.toBe(base.signature)
    expect(other.shape).toBe(base.shape)
    expect(difference(change)).toEqual([expect.stringContaining(sentence)])
  })

  it('GRA-031, GRA-032: a fallback that moves is told on both ends', () => {
    expect(difference({ fallback: false })).toEqual([
      'fallback of node `ask` was added',
      'fallback of node `work` was removed',
    ])
  })

  it('GRA-031, GRA-032: a state field changes the shape alone', () => {
    const other = build({ note: z.string().max(5) })
    expect(other.signature).toBe(base.signature)
    expect(other.shape).not.toBe(base.shape)
    expect(difference({ note: z.string().max(5) })).toEqual([
      'state field `notes`: `schema.maxLength` changed from nothing to `5`',
    ])
  })

  it('GRA-032: added and removed parts are named, and an unknown description is compared too', () => {
    expect(describeDifference({ graph: { nodes: { a: {} }, later: 1 } }, { graph: { nodes: { b: {} } } })).toEqual([
      '`later` changed from `1` to nothing',
      'node `a` was removed',
      'node `b` was added',
    ])
  })
})
