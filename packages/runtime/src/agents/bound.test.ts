import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelMessage, ModelRequest } from '../contracts/model.ts'
import { inputUpperBound } from './bound.ts'

const EMPTY: ModelRequest = { messages: [], tools: [], maxOutputTokens: 10, outputSchema: null }

function said(text: string): ModelMessage {
  return { role: 'user', content: [{ type: 'text', text }] }
}

describe('input bound', () => {
  it('AGT-070: never below one token a byte of all texts', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), fc.jsonValue(), (texts, args) => {
        const messages = texts.map(said)
        messages.push({
          role: 'assistant',
          content: [{ type: 'tool-call', toolCallId: 'a', toolName: 't.one', input: args }],
        })
        messages.push({
          role: 'tool',
          content: [
            { type: 'tool-result', toolCallId: 'a', toolName: 't.one', output: { type: 'text', value: 'ünï' } },
          ],
        })
        const bytes = Buffer.byteLength(texts.join('')) + Buffer.byteLength(JSON.stringify(args)) + 5
        expect(inputUpperBound({ ...EMPTY, messages })).toBeGreaterThanOrEqual(bytes)
      }),
    )
  })

  it('AGT-071: grows with messages, tools and schema', () => {
    const one = { ...EMPTY, messages: [said('hello')] }
    const two = { ...EMPTY, messages: [...one.messages, said('')] }
    const tool = { name: 't.one', description: 'One.', inputSchema: { type: 'object' } }
    const bounds = [
      one,
      two,
      { ...two, tools: [tool] },
      { ...two, tools: [tool], outputSchema: { type: 'object' } },
    ].map(inputUpperBound)
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b))
    expect(new Set(bounds).size).toBe(4)
  })

  it('AGT-071: a message is measured once', () => {
    let reads = 0
    const counted: ModelMessage = {
      role: 'user',
      get content() {
        reads++
        return [{ type: 'text' as const, text: 'hello' }]
      },
    }
    const request = { ...EMPTY, messages: [counted] }
    const first = inputUpperBound(request)
    const readsOfFirst = reads
    expect(inputUpperBound(request)).toBe(first)
    expect(reads - readsOfFirst).toBeLessThan(readsOfFirst)
  })

  it('AGT-070: a conversation that grew, shrank or was edited is bound as if it had never been seen', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.constantFrom('', 'a', 'bcd'), { maxLength: 6 }), { maxLength: 8 }),
        (versions) => {
          const first = said('first')
          const kept = new Map(['', 'a', 'bcd'].map((text) => [text, said(text)]))
          for (const texts of versions) {
            const messages = [first, ...texts.map((text) => kept.get(text) ?? said(text))]
            const fresh = [said('first'), ...texts.map(said)]
            expect(inputUpperBound({ ...EMPTY, messages })).toBe(inputUpperBound({ ...EMPTY, messages: fresh }))
          }
        },
      ),
    )
  })
})
