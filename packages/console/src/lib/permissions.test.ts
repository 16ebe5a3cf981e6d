import type { AlertView, Me, Permission, RunStatusView, RunSummary } from '@signalbox/protocol'
import { describe, expect, it } from 'vitest'
import {
  alertBlocked,
  cancelBlocked,
  decideBlocked,
  isQuarantined,
  killSwitchBlocked,
  restoreBlocked,
  resumeBlocked,
} from './permissions.ts'

const me = (...permissions: Permission[]): Me => ({
  principal: { id: 'user:rita', kind: 'user', tenant: 'dev', roles: [] },
  permissions,
})

const run = (status: RunStatusView, principal = 'user:rita'): RunSummary => ({
  run_id: 'run_1',
  workflow: 'payables',
  version: '1.0.0',
  status,
  code: null,
  principal,
  request_id: 'r',
  superstep: 1,
  branch: 0,
  seq: 1,
  cost_nano_usd: '0',
  created_at: '2026-03-02T12:00:00.000Z',
  updated_at: '2026-03-02T12:00:00.000Z',
  wake_at: null,
  worker: null,
})

describe('why an action is not possible', () => {
  it('CON-081: a run that is over cannot be cancelled, by nobody', () => {
    for (const status of ['completed', 'stopped', 'cancelled', 'terminated'] as const)
      expect(cancelBlocked(me('runs.cancel'), run(status))).toContain(status)
    expect(cancelBlocked(me('runs.cancel'), run('stopping'))).toContain('stopping')
  })

  it('CON-081: a requester cancels own runs only, an operator all, a viewer none', () => {
    expect(cancelBlocked(me('runs.cancel_own'), run('running'))).toBeNull()
    expect(cancelBlocked(me('runs.cancel_own'), run('running', 'user:other'))).toContain('own runs only')
    expect(cancelBlocked(me('runs.cancel'), run('running', 'user:other'))).toBeNull()
    expect(cancelBlocked(me('read'), run('running'))).toContain('operator role')
  })

  it('CON-081: only a parked run is resumed, and only by an operator', () => {
    expect(resumeBlocked(me('runs.operate'), run('parked'))).toBeNull()
    expect(resumeBlocked(me('runs.operate'), run('waiting'))).toContain('waiting')
    expect(resumeBlocked(me('read'), run('parked'))).toContain('operator')
  })

  it('DEP-016, CON-081: a quarantined run is released and not resumed, by an operator', () => {
    const set = { ...run('parked'), code: 'RUN_QUARANTINED' }
    expect([isQuarantined(set), isQuarantined(run('parked'))]).toEqual([true, false])
    expect(resumeBlocked(me('runs.operate'), set)).toBeNull()
    expect(resumeBlocked(me('read'), set)).toContain('Releasing needs the operator role')
  })

  it('CON-081: restore and kill switches need the operator', () => {
    expect(restoreBlocked(me('runs.operate'), run('completed'))).toBeNull()
    expect(restoreBlocked(me('runs.operate'), run('terminated'))).not.toBeNull()
    expect(restoreBlocked(me('read'), run('parked'))).toContain('operator')
    expect(killSwitchBlocked(me('read'))).toContain('operator')
    expect(killSwitchBlocked(me('kill_switches.write'))).toBeNull()
  })

  it('CON-081, CON-144: an alert is acted on by an operator, while it is not resolved; what still holds is not resolved', () => {
    // Only what the rule looks at.
    const alert = (state: AlertView['state'], holds: boolean) =>
      ({ state, holds, acknowledged_by: 'user:olga' }) as unknown as AlertView
    const olga = me('alerts.manage')
    expect(alertBlocked(olga, 'acknowledge', alert('open', true))).toBeNull()
    expect(alertBlocked(olga, 'acknowledge', alert('acknowledged', true))).toContain('user:olga')
    expect(alertBlocked(olga, 'resolve', alert('open', true))).toContain('still holds')
    expect(alertBlocked(olga, 'resolve', alert('silenced', false))).toBeNull()
    for (const act of ['acknowledge', 'silence', 'resolve'] as const) {
      expect(alertBlocked(olga, act, alert('resolved', false))).toContain('resolved')
      expect(alertBlocked(me('read'), act, alert('open', false))).toContain('operator')
    }
  })

  it('CON-081: the closed codes of an approval become sentences, an unknown code is shown as it is', () => {
    expect(decideBlocked({ can_decide: true, cannot_decide_code: null })).toBeNull()
    expect(decideBlocked({ can_decide: false, cannot_decide_code: 'APPROVAL_SELF' })).toContain('requester')
    expect(decideBlocked({ can_decide: false, cannot_decide_code: 'SOMETHING_NEW' })).toContain('SOMETHING_NEW')
    expect(decideBlocked({ can_decide: false, cannot_decide_code: null })).not.toBeNull()
  })
})
