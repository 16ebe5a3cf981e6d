import type { ScheduleDef } from '@signalbox/server'

/** Schedules of the sample project. */
// #region schedules
export const schedules: readonly ScheduleDef[] = [
  {
    name: 'pay-rent',
    cron: '0 3 1 * *',
    timeZone: 'Europe/Berlin',
    do: { workflow: 'transfer', input: { to: 'landlord', amount: 50 }, roles: ['requester'] },
    catchUp: 'last',
    overlap: 'skip',
    timeoutSeconds: 1_800,
  },
  { name: 'weekly-report', every: { days: 7 }, do: { job: 'report' } },
]
// #endregion schedules

/** One that its policy refuses, and the other jobs. */
export const moreSchedules: readonly ScheduleDef[] = [
  { name: 'not-permitted', every: { days: 1 }, do: { workflow: 'transfer', input: { to: 'eve', amount: 5 } } },
  { name: 'check-heads', every: { days: 7 }, do: { job: 'audit.heads' } },
  { name: 'prune', every: { days: 1 }, do: { job: 'retention' } },
  { name: 'give-space-back', every: { days: 7 }, do: { job: 'store.vacuum' } },
]
