import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelMessage } from '../contracts/model.ts'
import type { MessageOrPlace } from '../contracts/workflow.ts'
import { groupsOf, leftOut, shortenResults, slidingWindow, summaryMessage, without } from './compact.ts'

const user = (text: string): ModelMessage => ({ role: 'user', content: [{ type: 'text', text }] })
const system: ModelMessage = { role: 'system', content: 'do it' }
const result = (id: string, value: string) =>
  ({ type: 'tool-result', toolCallId: id, toolName: 't', output: { type: 'text', value } }) as const

/** An answer with these calls, and their results unless it is open. */
function answer(ids: readonly string[], bytes: number, open: boolean, reasons: boolean): ModelMessage[] {
  const calls = ids.map((id) => ({ type: 'tool-call', toolCallId: id, toolName: 't', input: {} }) as const)
  const reasoning = reasons ? [{ type: 'reasoning', text: 'because' } as const] : []
  const said: ModelMessage = { role: 'assistant', content: [...reasoning, { type: 'text', text: 'x' }, ...calls] }
  if (ids.length === 0 || open) return [said]
  return [said, { role: 'tool', content: ids.map((id) => result(id, 'r'.repeat(bytes))) }]
}

/** Why a conversation cannot be sent, or null: each call has one result, after it, before anything else, in order. */
function illegal(messages: readonly ModelMessage[]): string | null {
  let waiting: string[] = []
  for (const [i, message] of messages.entries()) {
    if (message.role === 'tool') {
      for (const part of message.content) {
        if (part.type !== 'tool-result') continue
        if (waiting.shift() !== part.toolCallId) return `message ${i} answers no call, or out of order`
      }
      continue
    }
    if (waiting.length > 0) return `message ${i} comes before the results of ${waiting.join()}`
    if (message.role === 'assistant')
      waiting = message.content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []))
  }
  return null
}

function played(messages: readonly ModelMessage[], next: readonly MessageOrPlace[] | null): readonly ModelMessage[] {
  if (next === null) return messages
  return next.flatMap((one) => {
    const message = typeof one === 'number' ? messages[one] : one
    return message ? [message] : []
  })
}

const turn = fc.oneof(
  fc.string({ maxLength: 5 }).map((text) => [user(text)]),
  fc
    .record({
      ids: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
      bytes: fc.nat(900),
      reasons: fc.boolean(),
    })
    .map(({ ids, bytes, reasons }) => answer(ids, bytes, false, reasons)),
)
const conversation = fc
  .record({ turns: fc.array(turn, { maxLength: 20 }), open: fc.boolean() })
  .map(({ turns, open }) => [
    system,
    user('first'),
    ...turns.flat(),
    ...(open ? answer(['z', 'z'], 0, true, true) : []),
  ])

describe('a conversation made shorter', () => {
  it('AGT-160: whatever is left out, each call that is left has exactly one result after it, in order', () => {
    fc.assert(
      fc.property(conversation, fc.nat(6), fc.nat(6), (messages, keep, more) => {
        const open = messages.at(-1)?.role === 'assistant' ? messages.at(-1) : undefined
        const legal = (some: readonly ModelMessage[]): string | null =>
          illegal(open ? some.filter((one) => one !== open) : some)
        expect(legal(messages)).toBeNull()
        const summary = (some: readonly ModelMessage[]) => {
          const groups = leftOut(some, keep + 1)
          return groups.length > 0 ? without(some, groups, summaryMessage('all')) : null
        }
        const ways = [
          (some: readonly ModelMessage[]) => shortenResults(some, keep + 1, more * 50 + 1),
          (some: readonly ModelMessage[]) => slidingWindow(some, more + 1),
          summary,
        ]
        for (const way of ways) expect(legal(played(messages, way(messages)))).toBeNull()
        // One after another, as an agent takes them.
        let now: readonly ModelMessage[] = messages
        for (const way of [...ways, ...ways]) now = played(now, way(now))
        expect(legal(now)).toBeNull()
        expect(now[0]).toBe(system)
        expect(now[1]).toBe(messages[1])
        expect(now).toContain(messages.findLast((message) => message.role === 'user'))
        if (open) expect(now.at(-1)).toBe(open)
      }),
      { numRuns: 300 },
    )
  })

  it('AGT-161: groups are the whole conversation in order; a check of legality that must fail does', () => {
    const messages = [
      system,
      user('first'),
      ...answer(['a', 'a'], 3, false, true),
      user('last'),
      ...answer(['b'], 3, true, false),
    ]
    expect(groupsOf(messages)).toEqual([
      { from: 0, to: 1, pinned: true, open: false },
      { from: 1, to: 2, pinned: true, open: false },
      { from: 2, to: 4, pinned: false, open: false },
      { from: 4, to: 5, pinned: true, open: false },
      { from: 5, to: 6, pinned: false, open: true },
    ])
    // The planted fault: a result is left out without its call.
    expect(illegal(messages.filter((_, i) => i !== 3))).toContain('comes before the results')
    expect(illegal(messages.filter((_, i) => i !== 2))).toContain('answers no call')
  })

  it('AGT-162: a long result of an older group is cut and says how long it was; one of the last groups is not', () => {
    const messages = [
      system,
      user('first'),
      ...answer(['a'], 2_000, false, false),
      ...answer(['b'], 2_000, false, false),
    ]
    const next = played(messages, shortenResults(messages, 1, 100))
    expect(JSON.stringify(next[3])).toContain('[cut: the result was 2000 bytes long]')
    expect(JSON.stringify(next[3]).length).toBeLessThan(400)
    expect(next[5]).toBe(messages[5])
    expect(shortenResults(next, 1, 100)).toBeNull()
  })
})
