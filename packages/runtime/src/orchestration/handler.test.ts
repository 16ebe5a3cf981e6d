import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { AskResult, AskSpec, HandlerCtx, HandlerEnd, NodeSpec, Tool, ToolSpec } from '../contracts/index.ts'
import { type Agent, OPERATOR_LABELS, shapeOf } from '../contracts/index.ts'
import { appended, applyWrites, owned, workflow } from './index.ts'

const Ask = z.object({ id: z.string(), times: z.int().default(1) })
const Text = z.object({ text: z.string() })
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }
const open = workflow({
  name: 'sample',
  version: '1',
  input: Ask,
  output: Text,
  budget,
  state: { order: owned('work', z.object({ cents: z.int() })), notes: appended(z.string()) },
})

/** An engine's handle over a spec's fields: answers asks from a list and keeps what was asked and written. */
function handle(spec: Parameters<typeof applyWrites>[0], ends: readonly Partial<AskResult>[] = []) {
  const asked: AskSpec[] = []
  const written: JsonObject[] = []
  let state: JsonObject = {}
  const ctx: HandlerCtx = {
    runId: 'run_1',
    node: 'work',
    get state() {
      return state
    },
    write(values) {
      written.push(values)
      state = applyWrites(spec, 'work', state, values).state
    },
    async ask(ask) {
      const end = ends[asked.push(ask) - 1]
      return { status: 'succeeded', output: null, code: '', reason: '', labels: OPERATOR_LABELS, seq: 1, ...end }
    },
    batch: async () => [],
    resumedFrom: null,
    savePoint: async () => undefined,
    conversation: { messages: [], append: () => undefined, replace: () => undefined },
    seen: OPERATOR_LABELS,
    endsOnRejection: false,
    heartbeat: () => undefined,
    now: () => new Date('2026-01-01T00:00:00Z'),
    random: () => 0.25,
  }
  return { ctx, asked, written }
}

async function run(node: NodeSpec | undefined, input: JsonValue, ctx: HandlerCtx): Promise<HandlerEnd> {
  if (!node?.run) throw new Error('the node has no handler')
  return node.run(input, ctx)
}

// Calls go by name; the rest of the spec is the door's.
const lookup: Tool<{ id: string }, { cents: number }> = {
  name: 'orders.get',
  class: 'records.read',
  effect: 'none',
  spec: { name: 'orders.get', definitionHash: '1' } as ToolSpec,
  _io: () => ({ cents: 0 }),
}

describe('function nodes', () => {
  it('GRA-020: parses the message before and after the handler', async () => {
    const { spec } = open
      .node('work', { input: Ask, output: Text, run: ({ id, times }) => ({ text: `${id} ${times}`, more: 1 }) })
      .start('work')
      .output('work')
      .build()
    const { ctx } = handle(spec)
    expect(await run(spec.nodes.get('work'), { id: 'a', extra: true }, ctx)).toEqual({
      kind: 'message',
      message: { text: 'a 1' },
    })
    await expect(run(spec.nodes.get('work'), { id: 7 }, ctx)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('the message to node `work`'),
    })
  })

  it('GRA-020: refuses a returned message that does not fit', async () => {
    // A handler without a compiler returns what it likes.
    const wrong = (() => ({ text: 1 })) as unknown as () => { text: string }
    const { spec } = open.node('work', { input: Ask, output: Text, run: wrong }).start('work').output('work').build()
    await expect(run(spec.nodes.get('work'), { id: 'a' }, handle(spec).ctx)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('the message of node `work`'),
    })
  })

  it('GRA-021: a call resolves to its end', async () => {
    const ends: unknown[] = []
    const { spec } = open
      .node('work', {
        input: Ask,
        output: Text,
        run: async ({ id }, ctx) => {
          for (let i = 0; i < 3; i++) ends.push(await ctx.call(lookup, { id }))
          return { text: `${ctx.runId} ${ctx.now().getTime()} ${ctx.random()}` }
        },
      })
      .start('work')
      .output('work')
      .build()
    const { ctx, asked } = handle(spec, [
      { status: 'succeeded', output: { cents: 5 } },
      { status: 'denied', code: 'NO_PERMIT', reason: 'no policy permits it' },
      { status: 'unknown', code: 'EFFECT_UNKNOWN', reason: 'the answer was lost' },
    ])
    expect(await run(spec.nodes.get('work'), { id: 'a' }, ctx)).toMatchObject({
      message: { text: `run_1 ${Date.UTC(2026, 0)} 0.25` },
    })
    expect(ends).toEqual([
      { status: 'succeeded', output: { cents: 5 } },
      { status: 'denied', code: 'NO_PERMIT', reason: 'no policy permits it' },
      { status: 'unknown', code: 'EFFECT_UNKNOWN', reason: 'the answer was lost' },
    ])
    expect(asked[0]).toEqual({ kind: 'tool', tool: 'orders.get', args: { id: 'a' } })
  })

  it('GRA-022: own writes are read at once, and a list is never absent', async () => {
    const seen: unknown[] = []
    const { spec } = open
      .node('work', {
        input: Ask,
        output: Text,
        run: (_, ctx) => {
          seen.push({ ...ctx.state })
          ctx.write({ order: { cents: 5 }, notes: 'one' })
          ctx.write({ notes: 'two' })
          seen.push({ ...ctx.state })
          return { text: '' }
        },
      })
      .start('work')
      .output('work')
      .build()
    const { ctx, written } = handle(spec)
    await run(spec.nodes.get('work'), { id: 'a' }, ctx)
    expect(seen).toEqual([{ notes: [] }, { order: { cents: 5 }, notes: ['one', 'two'] }])
    expect(written).toEqual([{ order: { cents: 5 }, notes: 'one' }, { notes: 'two' }])
  })
})

describe('agent nodes', () => {
  function agentEnding(end: (prompt: string) => HandlerEnd): Agent<z.output<typeof Ask>, { text: string }> {
    const spec = {
      name: 'clerk',
      model: 'scripted/x',
      instructions: '',
      maxOutputTokens: 1,
      tools: [],
      promptHash: '',
    }
    const input = shapeOf(Ask)
    const output = shapeOf(Text)
    return {
      name: 'clerk',
      spec,
      input,
      output,
      tools: [],
      run: async (prompt) => end(prompt),
      _io: () => ({ text: '' }),
    }
  }

  function specOf(end: (prompt: string) => HandlerEnd, done: string[]) {
    return open
      .agent('work', agentEnding(end), {
        prompt: (ask, state) => `${ask.id} ${ask.times} ${state.notes.length}`,
        done: (output, ctx) => {
          done.push(output.text)
          ctx.write({ notes: output.text })
        },
      })
      .start('work')
      .output('work')
      .build().spec
  }

  it('GRA-023: makes the prompt, and hands the answer to `done`', async () => {
    const done: string[] = []
    const labels = { integrity: 0, marks: [] } as const
    const spec = specOf((prompt) => ({ kind: 'message', message: { text: prompt, more: 1 }, labels }), done)
    const { ctx, written } = handle(spec)
    expect(await run(spec.nodes.get('work'), { id: 'a' }, ctx)).toEqual({
      kind: 'message',
      message: { text: 'a 1 0' },
      labels,
    })
    expect(done).toEqual(['a 1 0'])
    expect(written).toEqual([{ notes: 'a 1 0' }])
  })

  it('GRA-023: a rejected turn skips `done`', async () => {
    const done: string[] = []
    const end: HandlerEnd = { kind: 'rejected', code: 'APPROVAL_REJECTED', reason: 'no', leftUndone: ['x'] }
    const spec = specOf(() => end, done)
    expect(await run(spec.nodes.get('work'), { id: 'a' }, handle(spec).ctx)).toEqual(end)
    expect(done).toEqual([])
  })
})
