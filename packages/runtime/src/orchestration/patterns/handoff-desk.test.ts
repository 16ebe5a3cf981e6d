import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Desk,
  type DeskEvent,
  type DeskRules,
  judgeRouting,
  openDesk,
  type Routing,
  step,
} from './handoff-desk.ts'

const RULES: DeskRules = {
  start: 'triage',
  autonomousTurns: () => 0,
  hasUser: true,
  returnToPrevious: true,
  maxHandoffs: 20,
  loopAfter: 3,
}
const to = (name: string): DeskEvent => ({ kind: 'handoff', to: name, reason: `for ${name}` })
const says: DeskEvent = { kind: 'user_says', text: 'go on' }

/** Plays events until the conversation is over; gives the desk and all that was routed. */
function play(rules: DeskRules, events: readonly DeskEvent[]): { desk: Desk; routing: Routing[]; used: number } {
  let desk = openDesk(rules)
  const routing: Routing[] = []
  let used = 0
  for (const event of events) {
    if (desk.next === 'close') break
    const after = step(rules, desk, event)
    if (after.routing) routing.push(after.routing)
    desk = after.desk
    used += 1
  }
  return { desk, routing, used }
}

describe('the desk of a handoff', () => {
  it('PAT-045: equal handoffs without a new word of user or person are a loop, told as its shortest way round', () => {
    const pingPong = ['billing', 'triage', 'billing', 'triage', 'billing', 'triage'].map(to)
    const { desk, used } = play(RULES, pingPong)
    expect(desk.ending).toMatchObject({ status: 'stopped', by: 'loop' })
    expect(desk.ending?.reason).toContain('`triage` -> `billing` -> `triage` -> `billing`')
    expect(used).toBe(5)
    const ring = ['a', 'b', 'triage', 'a', 'b', 'triage', 'a'].map(to)
    expect(play(RULES, ring).desk.ending?.reason).toContain('`triage` -> `a` -> `b` -> `triage` -> `a`')
    const talking = pingPong.flatMap((event) => [event, says])
    expect(play(RULES, talking).desk.ending).toBeNull()
  })

  it('PAT-045: whatever happens, the handoffs between two words of user or person are bounded, and all of them too', () => {
    const event = fc.oneof(
      fc.constantFrom('triage', 'billing', 'carl').map(to),
      fc.constantFrom<DeskEvent>(says, { kind: 'reply', text: 'yes' }, { kind: 'escalate', reason: 'unsure' }),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), fc.integer({ min: 2, max: 4 }), (events, loopAfter) => {
        const { desk, routing } = play({ ...RULES, loopAfter, maxHandoffs: 12 }, events)
        expect(desk.recent.length).toBeLessThanOrEqual(9 * (loopAfter - 1) + 1)
        expect(routing.length).toBeLessThanOrEqual(13)
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
