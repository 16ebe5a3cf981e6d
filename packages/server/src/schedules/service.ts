import {
  type FiringRow,
  type Host,
  newId,
  type Principal,
  type ScheduleRow,
  SignalboxError,
  type Store,
} from 'signalbox'
import type { Schedule } from './definition.ts'
import { firstScheduleRow, newFiring } from './firings.ts'

/** A schedule as people see it. */
export interface ScheduleState {
  readonly schedule: Schedule
  /** Null until a leader has seen it. */
  readonly row: ScheduleRow | null
  /** Milliseconds since 1970; null while it is paused, or when it is never due again. */
  readonly nextDueAt: number | null
  /** Newest first. */
  readonly firings: readonly FiringRow[]
}

/** What people do with schedules. Firing itself is the leader's. */
export interface ScheduleService {
  list(tenant: string): Promise<readonly ScheduleState[]>
  /** Throws NOT_FOUND. */
  show(tenant: string, name: string, limit: number): Promise<ScheduleState>
  /** Asks for a firing now, beside the due times; a leader carries it out. Throws NOT_FOUND. */
  run(name: string, by: Principal): Promise<FiringRow>
  /** Due times pass without a firing until it is resumed. Throws NOT_FOUND, and CONFLICT when it is paused already. */
  pause(name: string, by: Principal, reason: string): Promise<void>
  /** Due times fire again from now on; those that passed meanwhile do not. Throws NOT_FOUND and CONFLICT. */
  resume(name: string, by: Principal, reason: string): Promise<void>
}

const RECENT = 5
/** A leader may change the row between a read and a write: so often it is tried again. */
const TRIES = 10

/** The service over a store, with or without a server that leads. */
export function scheduleService(options: {
  readonly store: Pick<Store, 'schedules' | 'firings' | 'commitSchedule'>
  readonly schedules: readonly Schedule[]
  readonly host: Host
}): ScheduleService {
  const { store, schedules, host } = options
  const scheduleOf = (name: string): Schedule => {
    const found = schedules.find((each) => each.name === name)
    if (found) return found
    const known = schedules.map((each) => `\`${each.name}\``).join(', ') || 'none'
    throw new SignalboxError('NOT_FOUND', `there is no schedule \`${name}\` in this project; there is ${known}`)
  }
  const stateOf = async (schedule: Schedule, row: ScheduleRow | null, tenant: string, limit: number) => ({
    schedule,
    row,
    nextDueAt: row?.paused ? null : schedule.next(Math.max(row?.decidedThrough ?? 0, row ? 0 : host.now())),
    firings: await store.firings({ tenant, schedule: schedule.name, limit }),
  })
  const change = async (name: string, by: Principal, edit: (row: ScheduleRow) => Edited): Promise<void> => {
    const schedule = scheduleOf(name)
    for (let tries = 0; tries < TRIES; tries++) {
      const known = (await store.schedules(by.tenant)).find((each) => each.name === name)
      const before = known ?? firstScheduleRow(by.tenant, schedule, host.now())
      const { row, firings } = edit(before)
      const next = { ...row, revision: before.revision + 1, updatedAt: host.now(), updatedBy: by.id }
      const commit = { lease: null, expectRevision: before.revision, row: next, firings, keep: schedule.keep }
      if ((await store.commitSchedule(commit)) === 'committed') return
    }
    throw new SignalboxError('CONFLICT', `schedule \`${name}\` changes all the time: try again`)
  }
  return {
    list: async (tenant) => {
      const rows = new Map((await store.schedules(tenant)).map((row) => [row.name, row]))
      return Promise.all(schedules.map((each) => stateOf(each, rows.get(each.name) ?? null, tenant, RECENT)))
    },
    show: async (tenant, name, limit) => {
      const schedule = scheduleOf(name)
      const row = (await store.schedules(tenant)).find((each) => each.name === name) ?? null
      return stateOf(schedule, row, tenant, limit)
    },
    run: async (name, by) => {
      const asked = { id: newId(host, 'manual'), kind: 'manual', dueAt: host.now(), by: by.id } as const
      const firing = newFiring({ tenant: by.tenant, name }, asked)
      await change(name, by, (row) => ({ row, firings: [firing] }))
      return firing
    },
    pause: (name, by, reason) =>
      change(name, by, (row) => {
        if (row.paused) throw new SignalboxError('CONFLICT', `schedule \`${name}\` is paused already`)
        return { row: { ...row, paused: true }, firings: [told(row, by, `paused: ${reason}`, host.now())] }
      }),
    resume: (name, by, reason) =>
      change(name, by, (row) => {
        if (!row.paused) throw new SignalboxError('CONFLICT', `schedule \`${name}\` is not paused`)
        const decidedThrough = Math.max(row.decidedThrough, host.now())
        const firings = [told(row, by, `resumed: ${reason}`, host.now())]
        return { row: { ...row, paused: false, decidedThrough }, firings }
      }),
  }
}

interface Edited {
  readonly row: ScheduleRow
  readonly firings: readonly FiringRow[]
}

function told(row: ScheduleRow, by: Principal, detail: string, now: number): FiringRow {
  const id = `change-${row.revision + 1}`
  return newFiring(row, { id, kind: 'change', dueAt: now, state: 'recorded', detail, by: by.id, endedAt: now })
}
