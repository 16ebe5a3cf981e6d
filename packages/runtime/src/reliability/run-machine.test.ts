import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunStatus } from '../contracts/records.ts'
import { isEnded, nextStatus, RUN_MACHINE, type RunEvent } from './run-machine.ts'

const states = Object.keys(RUN_MACHINE) as RunStatus[]
const events = Object.keys(RUN_MACHINE.queued) as RunEvent[]

/** A life as the engine writes it: to an output, with a wait and a parking in it. */
const LIFE: readonly RunEvent[] = [
  'segment',
  'wait',
  'segment',
  'park',
  'resume',
  'segment',
  'wait',
  'segment',
  'complete',
]

function play(all: readonly RunEvent[]): { status: RunStatus; ends: number; refused: number } {
  let status: RunStatus = 'queued'
  let ends = 0
  let refused = 0
  for (const event of all) {
    try {
      const next = nextStatus(status, event)
      if (isEnded(next)) ends += 1
      status = next
    } catch {
      refused += 1
    }
  }
  return { status, ends, refused }
}

describe('the states of a run', () => {
  it('ENG-160: every event has an outcome in every state, and every outcome is a state or a refusal', () => {
    for (const state of states) {
      expect(Object.keys(RUN_MACHINE[state]).sort()).toEqual([...events].sort())
      for (const event of events) {
        const next = RUN_MACHINE[state][event]
        expect(next === 'refused' || states.includes(next)).toBe(true)
        if (next === 'refused')
          expect(() => nextStatus(state, event)).toThrow(expect.objectContaining({ code: 'RUN_STATE' }))
        else expect(nextStatus(state, event)).toBe(next)
      }
    }
  })

  it('ENG-161: an end is left by a restore alone, and a terminated run by nothing', () => {
    for (const state of states.filter(isEnded)) {
      const open = events.filter((event) => RUN_MACHINE[state][event] !== 'refused')
      expect(open).toEqual(state === 'terminated' ? [] : ['branch'])
    }
  })

  it('ENG-162: a run that is queued or waits never ends without being taken up, unless it moves away, and a stopping one never completes', () => {
    for (const state of ['queued', 'waiting'] as const)
      for (const event of events) if (event !== 'move') expect(isEnded(nextOr(state, event))).toBe(false)
    expect(RUN_MACHINE.stopping.complete).toBe('refused')
  })

  it('ENG-163: duplicated, reordered and dropped events never lead past an end or to a second one', () => {
    const disturbed = fc.tuple(
      fc.shuffledSubarray([...LIFE, ...LIFE], { minLength: 0 }),
      fc.array(fc.constantFrom(...events.filter((event) => event !== 'branch')), { maxLength: 6 }),
    )
    expect(play(LIFE)).toEqual({ status: 'completed', ends: 1, refused: 0 })
    fc.assert(
      fc.property(disturbed, ([all, extra]) => {
        const { status, ends } = play([...all, ...extra])
        expect(ends).toBeLessThanOrEqual(1)
        expect(isEnded(status)).toBe(ends === 1)
      }),
    )
  })
})

function nextOr(state: RunStatus, event: RunEvent): RunStatus {
  const next = RUN_MACHINE[state][event]
  return next === 'refused' ? state : next
}
