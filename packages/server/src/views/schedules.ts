import type { FiringView, ScheduleView } from '@signalbox/protocol'
import type { FiringRow } from 'signalbox'
import type { ScheduleState } from '../schedules/service.ts'
import { isoOf, isoOrNull } from './runs.ts'

/** A schedule as the API tells it. The input of the runs that it starts is not told: it is content. */
export function scheduleView({ schedule, row, nextDueAt, firings }: ScheduleState): ScheduleView {
  const work = schedule.do
  return {
    name: schedule.name,
    when: schedule.when,
    does: 'job' in work ? { kind: 'job', name: work.job } : { kind: 'workflow', name: work.workflow },
    catch_up: schedule.catchUp,
    overlap: schedule.overlap,
    timeout_seconds: schedule.timeoutSeconds,
    paused: row?.paused ?? false,
    next_at: isoOrNull(nextDueAt),
    firings: firings.map(firingView),
  }
}

/** A firing as the API tells it. */
export function firingView(row: FiringRow): FiringView {
  const { startedAt, endedAt } = row
  return {
    id: row.id,
    kind: row.kind,
    due_at: isoOf(row.dueAt),
    state: row.state,
    attempt: row.attempt,
    run_id: row.runId,
    code: row.code,
    detail: row.detail,
    by: row.by,
    started_at: isoOrNull(startedAt),
    ended_at: isoOrNull(endedAt),
    duration_ms: startedAt === null || endedAt === null ? null : Math.max(0, endedAt - startedAt),
  }
}
