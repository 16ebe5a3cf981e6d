import { SignalboxError } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { alerts, alertsWithSwitch } from '../../test/guide/alerts.ts'
import { type AlertsDef, limitsIn, readAlertSettings, termsIn } from './settings.ts'

function faultsOf(def: unknown): string {
  try {
    // What a project written in JavaScript could hand over.
    readAlertSettings(def as AlertsDef)
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return `${thrown.code} ${thrown.message}`
  }
  return 'none'
}

const STOP = { scope: 'tool', target: 'payments.refund', mode: 'stop_now', expiresInMinutes: 60 } as const

describe('alerts as a project declares them', () => {
  it('ALR-030: what the guide shows is valid', () => {
    expect([faultsOf(alerts), faultsOf(alertsWithSwitch)]).toEqual(['none', 'none'])
  })

  it('ALR-030: every mistake is told at once: an unknown kind or limit, an end for what needs a person, a rule that stops too much', () => {
    expect(faultsOf({ kinds: { 'no.kind': {} } })).toMatch(/^CONFIG_INVALID .*no\.kind/)
    const told = faultsOf({
      kinds: { 'runs.parked': { limits: { atleast: 1 } }, 'audit.failed': { resolveAfterSeconds: 5 } },
      onAlert: [
        { name: 'stop', kind: 'denial.spike', engage: STOP },
        { name: 'stop', kind: 'effect.unknown', engage: STOP },
      ],
    })
    for (const part of [
      'alerts.kinds.runs.parked.limits.atleast is no limit of runs.parked: take atLeast',
      'a person must look at it',
      '`stop` is there twice',
    ])
      expect(told).toContain(part)
    for (const engage of [
      { ...STOP, scope: 'global' },
      { ...STOP, scope: 'tenant' },
      { ...STOP, expiresInMinutes: 0 },
    ])
      expect(faultsOf({ onAlert: [{ name: 'stop', kind: 'denial.spike', engage }] })).toMatch(/^CONFIG_INVALID/)
    expect(faultsOf({ onAlert: [{ name: 'a', kind: 'kill_switch.engaged', engage: STOP }] })).toMatch(/^CONFIG_INVALID/)
    expect(faultsOf({ overrides: [{ kind: 'runs.parked', off: true }] })).toContain('neither `tenant` nor `workflow`')
  })

  it('ALR-031: limits of a tenant and workflow go before those of the project, and those before the defaults; a kind can be off', () => {
    const settings = readAlertSettings({
      kinds: { 'runs.parked': { limits: { atLeast: 9 }, severity: 'page' }, 'outbox.dead': { off: true } },
      overrides: [
        { kind: 'runs.parked', workflow: 'desk', limits: { atLeast: 2 } },
        { kind: 'runs.parked', tenant: 'quiet', off: true },
      ],
    })
    const limits = limitsIn(settings)
    expect(limits('runs.parked')('acme', 'other')).toEqual({ atLeast: 9 })
    expect(limits('runs.parked')('acme', 'desk')).toEqual({ atLeast: 2 })
    expect(limits('runs.parked')('quiet', 'desk')).toBeNull()
    expect([limits('outbox.dead')('acme', null), limits('run.quarantined')('acme', 'desk')]).toEqual([
      null,
      { atLeast: 1 },
    ])
    const terms = termsIn(settings)
    expect([terms.severityOf('runs.parked'), terms.severityOf('effect.unknown')]).toEqual(['page', 'page'])
    expect([terms.resolveAfterMs('audit.failed'), terms.resolveAfterMs('run.quarantined')]).toEqual([null, 60_000])
  })
})
