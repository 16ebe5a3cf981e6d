/** What happens to the history of one schedule: due times become firings, and firings are started in their order. */
import { decideDue, type FiringRow, isoTime, type ScheduleRow } from 'signalbox'
import { definitionChange, type Schedule } from './definition.ts'

/** A due time that passed no longer ago than this is on time: a new leader has taken over by then. */
const GRACE_MS = 60_000
/** Due times of one schedule that are caught up at once. */
const MOST_AT_ONCE = 100

/** A changed schedule, not stored yet. */
export interface ScheduleChange {
  readonly row: ScheduleRow
  readonly firings: readonly FiringRow[]
}

/** A firing that waits to be started. */
export function newFiring(row: Pick<ScheduleRow, 'tenant' | 'name'>, over: Partial<FiringRow> = {}): FiringRow {
  return {
    tenant: row.tenant,
    schedule: row.name,
    id: '',
    kind: 'slot',
    dueAt: 0,
    state: 'queued',
    attempt: 0,
    epoch: 0,
    runId: null,
    code: null,
    detail: '',
    by: 'schedule',
    startedAt: null,
    endedAt: null,
    ...over,
  }
}

/** A schedule that the store does not know yet: everything up to now is decided, so nothing of the past fires. */
export function firstScheduleRow(tenant: string, schedule: Schedule, now: number): ScheduleRow {
  const { name, definition } = schedule
  return { tenant, name, revision: 0, definition, paused: false, decidedThrough: now, updatedAt: now, updatedBy: '' }
}

/** A change of the definition since the store last saw it, on record; null when there is none. */
export function definitionNews(row: ScheduleRow, schedule: Schedule, now: number): ScheduleChange | null {
  if (row.revision === 0) return { row, firings: [told(row, 'change-1', 'the schedule is new', now)] }
  if (row.definition === schedule.definition) return null
  const { text, timing } = definitionChange(row.definition, schedule.definition)
  // Due times of another rhythm begin now: those that lie back were never promised.
  const decidedThrough = timing ? Math.max(row.decidedThrough, now) : row.decidedThrough
  const changed = { ...row, definition: schedule.definition, decidedThrough }
  return { row: changed, firings: [told(row, `change-${row.revision + 1}`, `definition changed: ${text}`, now)] }
}

function told(row: ScheduleRow, id: string, detail: string, now: number): FiringRow {
  return newFiring(row, { id, kind: 'change', dueAt: now, state: 'recorded', detail, endedAt: now })
}

/** Due times that came since, as firings; null when none did. A paused schedule passes them over without a word. */
export function dueNews(
  row: ScheduleRow,
  schedule: Schedule,
  open: readonly FiringRow[],
  now: number,
): ScheduleChange | null {
  const { next, catchUp, overlap } = schedule
  const due = decideDue({
    next,
    decidedThrough: row.decidedThrough,
    now,
    catchUp,
    graceMs: GRACE_MS,
    limit: MOST_AT_ONCE,
  })
  if (due.decidedThrough === row.decidedThrough) return null
  const changed = { ...row, decidedThrough: due.decidedThrough }
  if (row.paused) return { row: changed, firings: [] }
  const busy = overlap === 'skip' && open.length > 0
  const fired = due.fire.map((dueAt) => {
    const slot = newFiring(row, { id: `slot-${dueAt}`, dueAt })
    if (!busy) return slot
    return { ...slot, state: 'skipped' as const, detail: 'the one before had not ended', endedAt: now }
  })
  return { row: changed, firings: [...passedOver(row, due.skipped, now), ...fired] }
}

function passedOver(row: ScheduleRow, skipped: ReturnType<typeof decideDue>['skipped'], now: number): FiringRow[] {
  if (skipped === null) return []
  const { count, first, last } = skipped
  const many =
    count === null ? `more than ${MOST_AT_ONCE} due times` : count === 1 ? 'one due time' : `${count} due times`
  const span = first === last ? isoTime(first) : `${isoTime(first)} to ${isoTime(last)}`
  const detail = `${many} passed while no server ran, ${span}`
  return [newFiring(row, { id: `passed-${last}`, dueAt: last, state: 'skipped', detail, endedAt: now })]
}

/** The firing to start now: the oldest that waits, when none is under way; of a paused schedule only what a person asked for. */
export function nextToStart(open: readonly FiringRow[], paused: boolean): FiringRow | null {
  if (open.some((each) => each.state === 'running')) return null
  return (
    open
      .filter((each) => !paused || each.kind === 'manual')
      .sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))[0] ?? null
  )
}
