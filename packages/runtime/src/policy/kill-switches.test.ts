import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type KillSwitch, SWITCH_MODES, SWITCH_SCOPES } from '../contracts/switches.ts'
import { engaged, stands, SWITCH_MACHINE, type SwitchAct, type SwitchState, switchState } from './kill-switches.ts'

const row = (over: Partial<KillSwitch> = {}): KillSwitch => ({
  id: 'kil_1',
  tenant: 'acme',
  scope: 'tenant',
  target: '*',
  mode: 'stop_now',
  reason: 'drill',
  by: 'user:sam',
  createdAt: 100,
  expiresAt: null,
  liftedAt: null,
  liftedBy: null,
  ...over,
})

const subject = { tenant: 'acme', workflow: 'desk', tool: 'payments.pay', class: 'payments.write' }

describe('a kill switch', () => {
  it('POL-040: stands against its own scope and purpose only', () => {
    const hit = (over: Partial<KillSwitch>, purpose: 'new' | 'send' = 'send') =>
      engaged([row(over)], subject, 200, purpose)?.id
    expect([hit({}), hit({}, 'new')]).toEqual(['kil_1', 'kil_1'])
    expect([hit({ mode: 'stop_new' }), hit({ mode: 'stop_new' }, 'new')]).toEqual([undefined, 'kil_1'])
    expect([hit({ scope: 'workflow', target: 'desk' }), hit({ scope: 'workflow', target: 'other' })]).toEqual([
      'kil_1',
      undefined,
    ])
    expect([hit({ scope: 'tool', target: 'payments.pay' }), hit({ scope: 'tool', target: 'payments' })]).toEqual([
      'kil_1',
      undefined,
    ])
    expect([hit({ scope: 'class', target: 'payments.write' }), hit({ scope: 'class', target: '*' })]).toEqual([
      'kil_1',
      undefined,
    ])
    expect(hit({ tenant: 'other' })).toBeUndefined()
    const starting = { ...subject, tool: null, class: null }
    expect(engaged([row({ scope: 'tool', target: 'payments.pay' })], starting, 200, 'new')).toBeNull()
    expect(engaged([row({ id: 'b', createdAt: 150 }), row({ id: 'a' })], subject, 200, 'send')?.id).toBe('a')
  })

  it('POL-041: ends when it is lifted or its time is over, for good', () => {
    expect(switchState(row({ expiresAt: 201 }), 200)).toBe('engaged')
    expect(engaged([row({ expiresAt: 200 })], subject, 200, 'send')).toBeNull()
    const lifted = row({ liftedAt: 150, liftedBy: 'user:sam' })
    expect(engaged([lifted], subject, 200, 'send')).toBeNull()
    // The clock was set back after it was lifted.
    expect(engaged([lifted], subject, 140, 'send')).toBeNull()
    for (const state of ['lifted', 'expired'] as const)
      expect(Object.values(SWITCH_MACHINE[state])).toEqual(['refused', 'refused', 'refused', 'refused'])
  })
})

const ACTS: readonly SwitchAct[] = ['lift', 'ask_lift', 'confirm_lift', 'expire']

/** A switch after an act, as the engine stores it. Time passes in `expire`. */
function after(switched: KillSwitch, act: SwitchAct, now: number): { readonly row: KillSwitch; readonly now: number } {
  const next = SWITCH_MACHINE[switchState(switched, now)][act]
  if (act === 'expire') return { row: switched, now: Math.max(now, switched.expiresAt ?? now) }
  if (next === 'lift_asked') return { row: { ...switched, liftAskedBy: 'user:sam' }, now }
  return { row: next === 'lifted' ? { ...switched, liftedAt: now, liftedBy: 'user:eve' } : switched, now }
}

describe('the life of a kill switch', () => {
  it('KSW-001: follows its table whatever happens in which order, twice or not at all; an end is final', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...ACTS), { maxLength: 12 }),
        fc.integer({ min: -500, max: 500 }),
        (acts, back) => {
          let [switched, now] = [row({ expiresAt: 1_000 }), 200]
          let state: SwitchState = 'engaged'
          for (const act of acts) {
            const next: SwitchState | 'refused' = SWITCH_MACHINE[state][act]
            ;({ row: switched, now } = after(switched, act, now))
            if (next !== 'refused') state = next
            expect(switchState(switched, now)).toBe(state)
            expect(stands(switched, now)).toBe(state === 'engaged' || state === 'lift_asked')
          }
          if (state === 'lifted') expect(switchState(switched, now + back)).toBe('lifted')
        },
      ),
    )
  })

  it('KSW-002: one that stops decides before one that pauses, then the oldest; no switch of another tenant ever counts', () => {
    const one = fc.record({
      tenant: fc.constantFrom('acme', 'other', '*'),
      scope: fc.constantFrom(...SWITCH_SCOPES),
      target: fc.constantFrom('*', 'desk', 'payments.pay', 'payments.write', 'run_1', 'files'),
      mode: fc.constantFrom(...SWITCH_MODES),
      createdAt: fc.integer({ min: 1, max: 9 }),
    })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 8 }), fc.constantFrom('new', 'send', 'run'), (rows, purpose) => {
        const all = rows.map((over, n) => row({ ...over, id: `kil_${n}` }))
        const about = { ...subject, server: 'files', run: 'run_1' }
        const hit = engaged(all, about, 200, purpose)
        const reaches = (one: KillSwitch) => engaged([one], about, 200, purpose) !== null
        if (hit === null) expect(all.filter(reaches)).toEqual([])
        else {
          expect(hit.tenant).not.toBe('other')
          const rank = ({ mode, createdAt }: KillSwitch) => (mode === 'pause' ? 1_000 : 0) + createdAt
          expect(rank(hit)).toBe(Math.min(...all.filter(reaches).map(rank)))
        }
        if (purpose === 'run') expect(['global', 'tenant', 'workflow', 'run', undefined]).toContain(hit?.scope)
        if (purpose !== 'new') expect(hit?.mode).not.toBe('stop_new')
      }),
    )
  })
})
