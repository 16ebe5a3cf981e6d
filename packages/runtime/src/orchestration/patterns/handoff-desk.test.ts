import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Desk,
  type DeskEvent,
  type DeskRules,
  judgeRouting,
  openDesk,
  type Routing,
  situationOf,
  step,
} from './handoff-desk.ts'

const RULES: DeskRules = {
  start: 'triage',
  autonomousTurns: () => 0,
  hasUser: true,
  returnToPrevious: true,
  maxHandoffs: 20,
}
const to = (name: string): DeskEvent => ({ kind: 'handoff', to: name, reason: `for ${name}` })
const says: DeskEvent = { kind: 'user_says', text: 'go on' }

/** Plays events until the conversation is over; gives the desk and all that was routed. */
function play(rules: DeskRules, events: readonly DeskEvent[]): { desk: Desk; routing: Routing[] } {
  let desk = openDesk(rules)
  const routing: Routing[] = []
  for (const event of events) {
    if (desk.next === 'close') break
    const after = step(rules, desk, event)
    if (after.routing) routing.push(after.routing)
    desk = after.desk
  }
  return { desk, routing }
}

describe('the desk of a handoff', () => {
  it('PAT-045: handing over changes nothing of a situation; a word of user or person and a turn alone do', () => {
    const after = (...events: DeskEvent[]) => situationOf(play(RULES, events).desk)
    const [there, back] = [to('billing'), to('triage')]
    expect(after(there, back, there)).toEqual(after(there))
    expect(after(there, says, back, there)).not.toEqual(after(there))
    const alone = { ...RULES, autonomousTurns: () => 5 }
    const reply: DeskEvent = { kind: 'reply', text: 'on it' }
    expect(situationOf(play(alone, [reply, reply]).desk)).not.toEqual(situationOf(play(alone, [reply]).desk))
    expect(situationOf(undefined)).toBe('open')
  })

  it('PAT-045: whatever happens, handoffs are bounded, and a conversation is over exactly when it has an ending', () => {
    const event = fc.oneof(
      fc.constantFrom('triage', 'billing', 'carl').map(to),
      fc.constantFrom<DeskEvent>(says, { kind: 'reply', text: 'yes' }, { kind: 'escalate', reason: 'unsure' }),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const { desk, routing } = play({ ...RULES, maxHandoffs: 12 }, events)
        expect(routing.length).toBeLessThanOrEqual(12)
        expect(desk.handoffs).toBe(routing.length)
        expect(desk.next === 'close').toBe(desk.ending !== null)
      }),
    )
  })

  it('PAT-048: routing is judged: what was given straight back, and what user or person put right', () => {
    const redirect: DeskEvent = { kind: 'user_redirects', to: 'carl', reason: 'not billing' }
    const { routing } = play(RULES, [to('billing'), to('triage'), to('billing'), redirect])
    expect(judgeRouting(routing)).toEqual([
      { from: 'triage', to: 'billing', reason: 'for billing', bounced: true, correctedBy: null },
      { from: 'billing', to: 'triage', reason: 'for triage', bounced: true, correctedBy: null },
      { from: 'triage', to: 'billing', reason: 'for billing', bounced: false, correctedBy: 'user' },
    ])
  })
})
