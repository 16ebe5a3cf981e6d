import { SignalboxError } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { homeTenant } from '../project.ts'
import { definitionChange, readSchedules, type ScheduleDef } from './definition.ts'

const at = (text: string): number => Date.parse(text)

function dueTimes(def: Partial<ScheduleDef>, from: string, count: number): string[] {
  const [schedule] = readSchedules([{ name: 's', do: { job: 'report' }, ...def }], [])
  const found: string[] = []
  for (
    let time = schedule?.next(at(from)) ?? null;
    time !== null && found.length < count;
    time = schedule?.next(time) ?? null
  )
    found.push(new Date(time).toISOString().slice(0, 16))
  return found
}

function faultsOf(defs: readonly unknown[]): string {
  try {
    // What a project written in JavaScript could hand over.
    readSchedules(defs as ScheduleDef[], ['desk'])
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return `${thrown.code} ${thrown.message}`
  }
  return 'none'
}

describe('declared schedules', () => {
  it('SCH-017: they fire in the tenant that the project names, of its policy, of its only people, else in dev', () => {
    const of = (...tenants: string[]) => ({
      principals: tenants.map((tenant) => ({ id: `user:${tenant}`, roles: { [tenant]: ['viewer'] }, tokens: [] })),
    })
    expect(homeTenant({ ...of('acme'), policy: { tenant: 'board' }, tenant: 'shop' })).toBe('shop')
    expect(homeTenant({ ...of('acme'), policy: { tenant: 'board' } })).toBe('board')
    expect([of('acme', 'acme'), of('acme', 'other'), {}].map(homeTenant)).toEqual(['acme', 'dev', 'dev'])
  })

  it('SCH-001: every mistake is told at once, with its field and the fix', () => {
    const told = faultsOf([
      { name: 'Nightly', every: { days: 1 }, do: { job: 'report' } },
      { name: 'both', every: { days: 1 }, cron: '0 3 * * *', timeZone: 'UTC', do: { job: 'report' } },
      { name: 'zoneless', cron: '0 3 * * *', do: { job: 'report' } },
      { name: 'mars', cron: '0 3 * * *', timeZone: 'Mars/Base', do: { job: 'report' } },
      { name: 'never', cron: '0 0 31 2 *', timeZone: 'UTC', do: { job: 'report' } },
      { name: 'seconds', cron: '* * * * * *', timeZone: 'UTC', do: { job: 'report' } },
      { name: 'unknown', every: { hours: 1 }, do: { job: 'reboot' } },
      { name: 'typo', every: { hours: 1 }, do: { job: 'report' }, catchup: 'all' },
      { name: 'fine', every: { hours: 1 }, do: { workflow: 'desk', input: {} } },
      { name: 'fine', every: { hours: 2 }, do: { workflow: 'other', input: {} } },
    ])
    expect(told).toMatch(/^CONFIG_INVALID/)
    for (const part of [
      'schedules.0.name',
      'schedules.1.every',
      'schedules.2.timeZone',
      '`Mars/Base` is not a time zone',
      '`0 0 31 2 *` is never due',
      '`* * * * * *` is not five fields',
      'schedules.6.do',
      'catchup',
      '`fine` is there twice',
      '`fine` starts `other`, which this project does not have',
    ])
      expect(told).toContain(part)
  })

  it('SCH-006: a time that the start of summer time leaves out is due when the gap ends', () => {
    const def = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' }
    expect(dueTimes(def, '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00', '2026-03-30T00:30'])
  })

  it('SCH-006: a time that the end of summer time repeats is due once, an interval goes on through it', () => {
    const def = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' }
    expect(dueTimes(def, '2026-10-24T12:00:00Z', 2)).toEqual(['2026-10-25T00:30', '2026-10-26T01:30'])
    const half = { cron: '*/30 * * * *', timeZone: 'Europe/Berlin' }
    expect(dueTimes(half, '2026-10-24T23:40:00Z', 5)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T00:30',
      '2026-10-25T01:00',
      '2026-10-25T01:30',
      '2026-10-25T02:00',
    ])
  })

  it('SCH-006: over two years of clock changes due times only go forward', () => {
    for (const timeZone of [
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'America/Sao_Paulo',
      'Asia/Kolkata',
    ])
      for (const cron of ['30 2 * * *', '0 0 * * *', '*/20 1-3 * * 0', '15 2 1-7 3,11 *']) {
        const times = dueTimes({ cron, timeZone }, '2026-01-01T00:00:00Z', 400)
        expect([...new Set(times)].sort()).toEqual(times)
      }
  })

  it('SCH-013: a change is told by field; a new rhythm is told from other changes', () => {
    const of = (def: Partial<ScheduleDef>) =>
      readSchedules([{ name: 's', every: { hours: 1 }, do: { job: 'report' }, ...def }], [])[0]?.definition ?? ''
    expect(definitionChange(of({}), of({ overlap: 'queue' }))).toEqual({
      text: '`overlap` from "skip" to "queue"',
      timing: false,
    })
    const slower = definitionChange(of({}), of({ every: { hours: 2 } }))
    expect(slower).toEqual({ text: '`every` from {"hours":1} to {"hours":2}', timing: true })
  })
})
