import { describe, expect, it } from 'vitest'
import type { KillSwitch } from '../contracts/store.ts'
import { engaged, SWITCH_MACHINE, switchState } from './kill-switches.ts'

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
      expect(Object.values(SWITCH_MACHINE[state])).toEqual(['refused', 'refused'])
  })
})
