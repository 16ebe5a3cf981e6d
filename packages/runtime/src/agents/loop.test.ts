import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { answered, calls, type FakeOptions, fakeHandler, resultsIn, says } from '../../test/fake-handler.ts'
import type { SignalboxError } from '../base/errors.ts'
import { type AgentDef, agent } from './agent.ts'

const Done = z.object({ done: z.boolean(), why: z.string() })
const DONE = JSON.stringify({ done: true, why: 'all paid' })

function clerk(def: Partial<AgentDef<z.ZodType, z.ZodType>> = {}) {
  return agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'Pay what is owed.',
    maxOutputTokens: 100,
    tools: [],
    input: z.string(),
    output: Done,
    ...def,
  })
}

async function play(options: FakeOptions, def: Partial<AgentDef<z.ZodType, z.ZodType>> = {}) {
  const fake = fakeHandler(options)
  const end = await clerk(def).run('Invoice 7', fake.ctx)
  return { fake, end, messages: fake.ctx.conversation.messages, results: resultsIn(fake.ctx.conversation.messages) }
}

async function failure(options: FakeOptions, def: Partial<AgentDef<z.ZodType, z.ZodType>> = {}) {
  const fake = fakeHandler(options)
  const error = await clerk(def)
    .run('Invoice 7', fake.ctx)
    .then(
      () => Promise.reject(new Error('the agent ended')),
      (thrown: SignalboxError) => thrown,
    )
  return { fake, error }
}

const inTurn =
  (...answers: ReturnType<typeof says>[]): FakeOptions['model'] =>
  (_, call) =>
    answers[call] ?? says(DONE)

describe('the tool loop', () => {
  it('AGT-001, AGT-006: one call, its result, the answer, in order', async () => {
    const { end, messages, fake } = await play({ model: inTurn(calls(['c1', 'bank.pay', '{"id":7}']), says(DONE)) })
    expect(messages.map((message) => message.role)).toEqual(['system', 'user', 'assistant', 'tool', 'assistant'])
    expect(fake.batches).toEqual([[{ kind: 'tool', tool: 'bank.pay', args: { id: 7 }, callId: 'c1', modelSeq: 11 }]])
    expect(end).toEqual({ kind: 'message', message: { done: true, why: 'all paid' } })
  })

  it('AGT-002: several rounds, one model call at a time, each shown what came before', async () => {
    const lengths: number[] = []
    const answers = [calls(['a', 't.one', '{}']), calls(['b', 't.two', '{}']), says(DONE)]
    await play({
      model: (messages, call) => {
        lengths.push(messages.length)
        return answers[call] ?? says(DONE)
      },
    })
    expect(lengths).toEqual([2, 4, 6])
  })

  it('AGT-003: parallel calls are one batch in call order with one result each', async () => {
    const { fake, results } = await play({
      model: inTurn(calls(['a', 't.one', '{}'], ['b', 't.two', '{}'], ['c', 't.three', '{}'])),
      tool: (ask) => ({ output: ask.tool }),
    })
    expect(fake.batches.map((batch) => batch.map((ask) => ask.tool))).toEqual([['t.one', 't.two', 't.three']])
    expect(results).toEqual([
      ['a', { type: 'text', value: 't.one' }],
      ['b', { type: 'text', value: 't.two' }],
      ['c', { type: 'text', value: 't.three' }],
    ])
  })

  it('AGT-004: a repeated call id is a call of its own, in one answer and in later turns', async () => {
    let n = 0
    const { results } = await play({
      model: inTurn(calls(['x', 't.one', '{"n":1}'], ['x', 't.one', '{"n":1}']), calls(['x', 't.one', '{"n":1}'])),
      tool: () => ({ output: { n: ++n } }),
    })
    expect(results).toEqual([1, 2, 3].map((count) => ['x', { type: 'json', value: { n: count } }]))
  })

  it('AGT-005: a call without an id gets the same one in message, ask and result', async () => {
    const { fake, results, messages } = await play({ model: inTurn(calls(['', 't.one', '{}'], ['', 't.one', '{}'])) })
    expect(fake.batches[0]?.map((ask) => ask.callId)).toEqual(['call_1_0', 'call_1_1'])
    expect(results.map(([id]) => id)).toEqual(['call_1_0', 'call_1_1'])
    expect(JSON.stringify(messages[2])).toContain('"toolCallId":"call_1_1"')
  })

  it('AGT-007, AGT-008: malformed arguments are answered without an ask; the others run', async () => {
    const { fake, results, messages } = await play({
      model: inTurn(calls(['a', 't.one', '{"id":'], ['b', 't.two', ''], ['c', 't.three', '[1]'])),
    })
    expect(fake.batches).toEqual([[{ kind: 'tool', tool: 't.two', args: {}, callId: 'b', modelSeq: 11 }]])
    const refused = {
      type: 'error-json',
      value: { error: 'TOOL_INPUT_INVALID', reason: 'the arguments are not a JSON object' },
    }
    expect(results).toEqual([
      ['a', refused],
      ['b', { type: 'text', value: 'done' }],
      ['c', refused],
    ])
    expect(JSON.stringify(messages[2])).toContain('"input":{"unparsed":"{\\"id\\":"}')
  })

  it('AGT-009, AGT-010: an unknown tool is asked for, and its denial is one result with the code alone', async () => {
    const { fake, results } = await play({
      model: inTurn(calls(['a', 'no.such', '{}'])),
      tool: () => ({ status: 'denied', code: 'TOOL_UNKNOWN', reason: 'policy text that the model must not see' }),
    })
    expect(fake.batches[0]?.[0]?.tool).toBe('no.such')
    expect(results).toEqual([
      ['a', { type: 'error-json', value: { error: 'POLICY_DENIED', reason_code: 'TOOL_UNKNOWN' } }],
    ])
  })

  it.each([
    ['AGT-011', 'refused', 'TOOL_CALLS', 'BUDGET_EXHAUSTED'],
    ['AGT-012', 'failed', 'TOOL_FAILED', 'TOOL_FAILED'],
    ['AGT-013', 'rejected', 'APPROVAL_REJECTED', 'APPROVAL_REJECTED'],
    ['AGT-013', 'expired', 'APPROVAL_EXPIRED', 'APPROVAL_EXPIRED'],
  ] as const)(
    'AGT-011, AGT-012, AGT-013: a %s call that is %s gives one result and the model continues',
    async (_, status, code, error) => {
      const { fake, results, end } = await play({
        model: inTurn(calls(['a', 'bank.pay', '{}'])),
        tool: () => ({ status, code, reason: 'because' }),
      })
      expect(results).toEqual([['a', { type: 'error-json', value: { error, reason: 'because' } }]])
      expect(fake.batches).toHaveLength(1)
      expect(end.kind).toBe('message')
    },
  )

  it.each(['rejected', 'expired'] as const)(
    'AGT-014, AGT-018: a %s call ends the turn where a fallback is declared',
    async (status) => {
      const { fake, end, results } = await play({
        endsOnRejection: true,
        model: inTurn(calls(['a', 'bank.read', '{}'], ['b', 'bank.pay', '{}'], ['c', 'mail.send', 'no json'])),
        tool: (ask) => (ask.tool === 'bank.pay' ? { status, code: 'NO', reason: 'not now' } : { output: 1 }),
      })
      expect(end).toEqual({ kind: 'rejected', code: 'NO', reason: 'not now', leftUndone: ['bank.pay', 'mail.send'] })
      expect(fake.models).toHaveLength(1)
      expect(results.map(([id]) => id)).toEqual(['a', 'b', 'c'])
    },
  )

  it('AGT-014: a rejected model call takes the fallback too', async () => {
    const rejected = { status: 'rejected', code: 'APPROVAL_REJECTED', reason: 'no' } as const
    const { end } = await play({ endsOnRejection: true, model: () => rejected })
    expect(end).toEqual({
      kind: 'rejected',
      code: 'APPROVAL_REJECTED',
      reason: 'no',
      leftUndone: ['scripted/clerk'],
    })
  })

  it('AGT-015: approved and rejected calls of a batch keep their own results', async () => {
    const { results } = await play({
      model: inTurn(calls(['a', 'bank.pay', '{"n":1}'], ['b', 'bank.pay', '{"n":2}'])),
      tool: (ask) =>
        JSON.stringify(ask.args).includes('1')
          ? { output: { paid: true } }
          : { status: 'rejected', code: 'APPROVAL_REJECTED', reason: 'no' },
    })
    expect(results).toEqual([
      ['a', { type: 'json', value: { paid: true } }],
      ['b', { type: 'error-json', value: { error: 'APPROVAL_REJECTED', reason: 'no' } }],
    ])
  })

  it.each([
    ['refused', 'TURNS', 'BUDGET_EXHAUSTED'],
    ['denied', 'MODEL_NOT_ALLOWED', 'POLICY_DENIED'],
    ['cancelled', 'CANCELLED', 'CANCELLED'],
    ['failed', 'MODEL_FAILED', 'MODEL_FAILED'],
    ['not_sent', 'KILL_SWITCH', 'KILL_SWITCH'],
    ['failed', 'SOMETHING_ELSE', 'MODEL_FAILED'],
    ['rejected', 'APPROVAL_REJECTED', 'APPROVAL_REJECTED'],
  ] as const)('AGT-016: a model call that is %s (%s) ends the agent with %s', async (status, code, expected) => {
    const { error } = await failure({ model: () => ({ status, code, reason: 'the provider said secret' }) })
    expect(error.code).toBe(expected)
    expect(JSON.stringify([error.message, error.details])).not.toContain('secret')
  })

  it('AGT-017: too many turns without a success end the agent; one success starts again', async () => {
    const again = () => calls(['a', 't.one', '{}'])
    const failing = { status: 'failed', code: 'TOOL_FAILED', reason: 'down' } as const
    const { error, fake } = await failure({ model: again, tool: () => failing })
    expect([error.code, fake.models.length]).toEqual(['TOOL_FAILED', 5])
    let n = 0
    const recovering = await failure(
      { model: again, tool: () => (++n === 2 ? { output: 1 } : failing) },
      { maxErrorTurns: 3 },
    )
    expect(recovering.fake.models).toHaveLength(5)
    const denied = await failure({ model: () => calls(['a', 't.one', '{']) }, { maxErrorTurns: 2 })
    expect([denied.fake.models.length, denied.fake.batches.length]).toEqual([2, 0])
  })
})

describe('what the model is shown again', () => {
  it('AGT-020, AGT-021, AGT-022: reasoning stays with its call; control parts and sources are left out', async () => {
    const { messages } = await play({
      model: inTurn(
        answered({
          content: [
            { type: 'reasoning', text: 'think', providerMetadata: { anthropic: { signature: 'sig' } } },
            { type: 'tool-approval-request', approvalId: 'apr', toolCallId: 'a' },
            { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com' },
            { type: 'text', text: '' },
            { type: 'tool-call', toolCallId: 'a', toolName: 't.one', input: '{}' },
          ],
        }),
      ),
    })
    expect(messages[2]).toEqual({
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'think', providerOptions: { anthropic: { signature: 'sig' } } },
        { type: 'tool-call', toolCallId: 'a', toolName: 't.one', input: {} },
      ],
    })
    expect(JSON.stringify(messages)).not.toContain('approval')
  })

  it('AGT-022: an answer with nothing to replay adds no message', async () => {
    const { messages } = await play({ model: inTurn(answered({ content: [] })) })
    expect(messages.map((message) => message.role)).toEqual(['system', 'user', 'user', 'assistant'])
  })

  it.each([
    { type: 'tool-call', toolCallId: 'a', toolName: 'web.search', input: '{}', providerExecuted: true },
    { type: 'tool-result', toolCallId: 'a', toolName: 'web.search', result: 'found' },
  ] as const)('AGT-023: a tool that the provider ran itself is refused ($type)', async (part) => {
    const { error, fake } = await failure({ model: () => answered({ content: [part] }) })
    expect([error.code, fake.batches.length]).toEqual(['MODEL_FAILED', 0])
  })

  it('AGT-024: messages are only ever added', async () => {
    const snapshots: string[] = []
    await play({
      model: (messages, call) => {
        snapshots.push(JSON.stringify(messages).slice(0, -1))
        return call < 3 ? calls(['a', 't.one', '{}']) : says(DONE)
      },
    })
    snapshots.slice(1).forEach((later, i) => {
      expect(later.startsWith(snapshots[i] ?? 'missing')).toBe(true)
    })
  })
})

describe('ends of an answer', () => {
  it('AGT-030: no call of a cut answer is asked', async () => {
    const cut = answered({
      finishReason: 'length',
      content: [{ type: 'tool-call', toolCallId: 'a', toolName: 'bank.pay', input: '{"amount":1}' }],
    })
    const { fake, results } = await play({ model: inTurn(cut) })
    expect(fake.batches).toEqual([])
    expect(results).toHaveLength(1)
    expect(JSON.stringify(results)).toContain('the answer was cut at the output limit; nothing was done')
  })

  it('AGT-031: a cut final answer is asked for again, even when it would fit', async () => {
    const cut = answered({ finishReason: 'length', content: [{ type: 'text', text: 'all is w' }] })
    const { end, fake } = await play({ model: inTurn(cut, says('all is well')) }, { output: z.string() })
    expect(end).toEqual({ kind: 'message', message: 'all is well' })
    expect(fake.models).toHaveLength(2)
  })

  it.each(['content-filter', 'error', 'interrupted'])(
    'AGT-032: %s ends the agent, calls are not asked',
    async (finishReason) => {
      const broken = answered({
        finishReason,
        content: [{ type: 'tool-call', toolCallId: 'a', toolName: 'bank.pay', input: '{}' }],
      })
      const { error, fake } = await failure({ model: () => broken })
      expect([error.code, error.details.finish_reason, fake.batches.length]).toEqual(['MODEL_FAILED', finishReason, 0])
    },
  )

  it('AGT-033: JSON alone or in a fence; text as it is', async () => {
    const fenced = await play({ model: () => says(`\`\`\`json\n${DONE}\n\`\`\``) })
    expect(fenced.end).toEqual({ kind: 'message', message: { done: true, why: 'all paid' } })
    const text = await play({ model: () => says(DONE) }, { output: z.string() })
    expect(text.end).toEqual({ kind: 'message', message: DONE })
  })

  it('AGT-034: repairs name the fields and are at most two', async () => {
    const repaired = await play({ model: inTurn(says('no json'), says('{"done":"secret"}'), says(DONE)) })
    expect(repaired.end.kind).toBe('message')
    const asked = repaired.messages
      .filter((message) => message.role === 'user')
      .map((message) => JSON.stringify(message))
    expect(asked[1]).toContain('the answer is not JSON')
    expect(asked[2]).toContain('`done` expected boolean')
    expect(asked[2]).not.toContain('secret')
    const { error, fake } = await failure({ model: () => says('{}') })
    expect([error.code, fake.models.length]).toEqual(['MODEL_OUTPUT_INVALID', 3])
    expect(error.message).toContain('`why` expected string')
  })

  it('AGT-035: the schema is in the instructions and in the request; text output has none', async () => {
    const json = await play({ model: () => says(DONE) })
    expect(json.fake.models[0]?.outputSchema).toMatchObject({ required: ['done', 'why'] })
    expect(JSON.stringify(json.messages[0])).toContain('\\"required\\"')
    const text = await play({ model: () => says('hello') }, { output: z.string() })
    expect(text.fake.models[0]?.outputSchema).toBeNull()
    expect(text.messages[0]).toEqual({ role: 'system', content: 'Pay what is owed.' })
  })
})

describe('save points and labels', () => {
  const story: FakeOptions = {
    model: inTurn(calls(['a', 't.one', '{}']), says('oops'), calls(['b', 't.two', '{']), says(DONE)),
  }

  it('AGT-040, AGT-042: resumed from any save point, the agent asks only for what follows and ends alike', async () => {
    const whole = await play(story)
    expect(whole.fake.saved).toHaveLength(4)
    for (const [done, point] of whole.fake.saved.entries()) {
      const resumed = fakeHandler({
        model: (messages, call) => story.model(messages, call + done + 1),
        resume: { from: whole.fake, point },
      })
      expect(await clerk().run('Invoice 7', resumed.ctx)).toEqual(whole.end)
      expect(resumed.models).toHaveLength(3 - done)
      expect(resumed.ctx.conversation.messages).toEqual(whole.messages)
    }
  })

  it('AGT-042: a rejection that was saved is the end again', async () => {
    const rejected = { status: 'rejected', code: 'APPROVAL_REJECTED', reason: 'no' } as const
    const whole = await play({
      endsOnRejection: true,
      model: inTurn(calls(['a', 't.one', '{}'])),
      tool: () => rejected,
    })
    const [point] = whole.fake.saved
    if (!point) throw new Error('no save point')
    const resumed = fakeHandler({ model: () => says(DONE), resume: { from: whole.fake, point }, endsOnRejection: true })
    expect(await clerk().run('Invoice 7', resumed.ctx)).toEqual(whole.end)
    expect(resumed.models).toEqual([])
  })

  it('AGT-040: error turns and repairs go on counting after a resume', async () => {
    const whole = fakeHandler({ model: () => says('oops') })
    await expect(clerk().run('Invoice 7', whole.ctx)).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID' })
    const point = whole.saved.at(-1)
    if (!point) throw new Error('no save point')
    const resumed = fakeHandler({ model: () => says('oops'), resume: { from: whole, point } })
    await expect(clerk().run('Invoice 7', resumed.ctx)).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID' })
    expect(resumed.models).toHaveLength(1)
  })

  it('AGT-041: a save point holds counts, not texts', async () => {
    const { fake } = await play(story)
    // A digest of the last call, not its arguments.
    const repeats = { of: expect.stringMatching(/^([0-9a-f]{64})?$/), count: expect.any(Number) }
    expect(fake.saved.map((point) => point.state)).toEqual([
      { turn: 1, error_turns: 0, repairs: 0, repeats, end: 'open' },
      { turn: 2, error_turns: 0, repairs: 1, repeats, end: 'open' },
      { turn: 3, error_turns: 1, repairs: 1, repeats, end: 'open' },
      { turn: 4, error_turns: 1, repairs: 1, repeats, end: 'answered' },
    ])
  })

  it('AGT-043: labels of instructions, prompt and results', async () => {
    const { fake } = await play({
      seen: { integrity: 2, marks: ['personal'] },
      model: inTurn({ ...calls(['a', 't.one', '{}'], ['b', 't.two', '{}']), labels: { integrity: 2, marks: [] } }),
      tool: (ask) => ({
        labels: ask.tool === 't.one' ? { integrity: 1, marks: ['bank'] } : { integrity: 0, marks: ['web'] },
      }),
    })
    expect(fake.appended.slice(0, 4).map((one) => one.labels)).toEqual([
      { integrity: 3, marks: [] },
      { integrity: 2, marks: ['personal'] },
      { integrity: 2, marks: [] },
      { integrity: 0, marks: ['bank', 'web'] },
    ])
  })
})

describe('declaring an agent', () => {
  it('AGT-050: every fault at once', () => {
    const declare = () =>
      clerk({ name: 'Clerk', model: 'gpt', instructions: ' ', maxOutputTokens: 0, maxErrorTurns: 0 })
    expect(declare).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/name.*model.*instructions.*maxOutputTokens.*maxErrorTurns/),
      }),
    )
  })
})
