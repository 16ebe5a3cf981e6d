import { describe, expect, it } from 'vitest'
import type { ModelDelta, ModelRequest } from '../contracts/model.ts'
import { scriptedModel } from './scripted-model.ts'

const REQUEST: ModelRequest = {
  messages: [{ role: 'user', content: [{ type: 'text', text: 'pay invoice 7' }] }],
  tools: [],
  maxOutputTokens: 50,
  outputSchema: null,
}

async function call(model: ReturnType<typeof scriptedModel>, request = REQUEST) {
  const deltas: ModelDelta[] = []
  const options = {
    signal: new AbortController().signal,
    headers: {},
    onDelta: (delta: ModelDelta) => deltas.push(delta),
  }
  return { answer: await model.call(request, options), deltas }
}

describe('scriptedModel', () => {
  it('AGT-080: labelled, priced, and equal for equal requests', async () => {
    const model = scriptedModel('clerk', (request) => ({
      reasoning: 'hm',
      calls: [
        { tool: 'bank.pay', args: { seen: request.messages.length } },
        { tool: 'bank.pay', raw: '{' },
      ],
    }))
    expect([model.id, model.scripted, model.provider]).toEqual(['scripted/clerk', true, 'scripted'])
    expect(model.price.outputPerMillion).toBeGreaterThan(0n)
    const { answer } = await call(model)
    expect((await call(model)).answer).toEqual(answer)
    expect(answer.finishReason).toBe('tool-calls')
    expect(answer.content).toEqual([
      { type: 'reasoning', text: 'hm' },
      { type: 'tool-call', toolCallId: 'call_1_0', toolName: 'bank.pay', input: '{"seen":1}' },
      { type: 'tool-call', toolCallId: 'call_1_1', toolName: 'bank.pay', input: '{' },
    ])
  })

  it('AGT-081: usage follows from lengths and stays within the bound; a script may override it', async () => {
    const model = scriptedModel('clerk', () => 'done, all of it')
    const { answer } = await call(model)
    expect(answer.usage).toEqual({
      input_tokens: 4,
      cache_read_tokens: 0,
      cache_write_tokens: 0,
      output_tokens: 4,
      reasoning_tokens: 0,
    })
    expect(answer.usage.input_tokens).toBeLessThanOrEqual(model.inputUpperBound(REQUEST))
    const silent = await call(scriptedModel('clerk', () => ({ text: 'x', usage: { output_tokens: null } })))
    expect(silent.answer.usage.output_tokens).toBeNull()
  })

  it.each([1, 3, 1_000])('AGT-082: parts of %i characters together are the text', async (chunk) => {
    const text = 'größer als 😀 gedacht'
    const { deltas } = await call(scriptedModel('clerk', () => ({ text }), { chunk }))
    expect(deltas.map((delta) => delta.delta).join('')).toBe(text)
    expect(deltas.every((delta) => delta.delta.isWellFormed())).toBe(true)
  })

  it('AGT-083: a text beyond the output limit is cut and says so', async () => {
    const { answer } = await call(scriptedModel('clerk', () => 'ä'.repeat(300)))
    expect(answer.finishReason).toBe('length')
    expect(answer.content).toEqual([{ type: 'text', text: 'ä'.repeat(100) }])
    expect(answer.usage.output_tokens).toBe(50)
  })

  it('AGT-083: an aborted call reports the abort', async () => {
    const model = scriptedModel('clerk', () => 'long text')
    const options = { signal: AbortSignal.abort(new Error('stop')), headers: {}, onDelta: () => undefined }
    await expect(model.call(REQUEST, options)).rejects.toThrow('stop')
  })
})
