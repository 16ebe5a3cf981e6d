/** Schedules of the mock backend, and how its server stands. */
import {
  type FiringView,
  type ScheduleView,
  SignalboxError,
  type StatusView,
  type TroubleView,
} from '@signalbox/protocol'
import { RUN } from './runs.ts'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()
const ahead = (seconds: number) => ago(-seconds)

function firing(over: Partial<FiringView>): FiringView {
  const due = over.due_at ?? ago(3_600)
  return {
    id: `slot-${due}`,
    kind: 'slot',
    due_at: due,
    state: 'succeeded',
    attempt: 1,
    run_id: null,
    code: null,
    detail: 'its run completed',
    by: 'schedule',
    started_at: due,
    ended_at: due,
    duration_ms: 4_210,
    ...over,
  }
}

/** All schedules, in the order of the project. */
export function allSchedules(): ScheduleView[] {
  const rules = { catch_up: 'last', overlap: 'skip', timeout_seconds: 3_600, paused: false } as const
  return [
    {
      ...rules,
      name: 'close-the-day',
      when: '30 18 * * 1-5 Europe/Berlin',
      does: { kind: 'workflow', name: 'payables' },
      next_at: ahead(5 * 3_600),
      firings: [
        firing({ due_at: ago(3_600), run_id: RUN.completed }),
        firing({ due_at: ago(90_000), state: 'skipped', detail: 'the one before had not ended', duration_ms: null }),
        firing({
          due_at: ago(180_000),
          state: 'failed',
          code: 'KILL_SWITCH',
          detail: 'kill switch `ks_01` stops new runs',
        }),
        firing({
          id: 'change-2',
          kind: 'change',
          due_at: ago(200_000),
          state: 'recorded',
          detail: 'definition changed: `overlap` from "queue" to "skip"',
          duration_ms: null,
        }),
      ],
    },
    {
      ...rules,
      name: 'weekly-report',
      when: 'every 7 days',
      does: { kind: 'job', name: 'report' },
      paused: true,
      next_at: null,
      firings: [],
    },
  ]
}

/** A schedule by its name. */
export function findSchedule({ schedules }: { schedules: readonly ScheduleView[] }, name: string): ScheduleView {
  const found = schedules.find((each) => each.name === name)
  if (!found) throw new SignalboxError('NOT_FOUND', `there is no schedule \`${name}\` in this project`)
  return found
}

/** Fires one now. */
export function fire(schedule: ScheduleView, by: string): FiringView {
  const made = firing({
    id: 'manual-1',
    kind: 'manual',
    due_at: ago(0),
    state: 'queued',
    detail: '',
    by,
    duration_ms: null,
  })
  schedule.firings.unshift(made)
  return made
}

/** Pauses or resumes one. */
export function pause(schedule: ScheduleView, paused: boolean): { accepted: true; name: string } {
  Object.assign(schedule, { paused, next_at: paused ? null : ahead(3_600) })
  return { accepted: true, name: schedule.name }
}

/** How the server stands. */
export function statusOf({ troubles }: { troubles: readonly TroubleView[] }): StatusView {
  return { ok: troubles.length === 0, version: '0.1.0', mode: 'development', now: ago(0), troubles: [...troubles] }
}

/** A disk that is full. */
export const FULL_DISK: TroubleView = {
  code: 'STORE_FULL',
  title: 'the disk is full',
  detail: 'the disk that holds `signalbox.db` is full: free space',
  advice:
    'free space on the disk of the data folder; runs go on by themselves, or ask about an effect whose answer was lost',
  since: ago(125),
  last_at: ago(2),
  told_by: ['server', 'worker-1'],
}
