/** What docs/guide/sensitive-data.md shows: compiled. */
import type { OutgoingDef, ScheduleDef, TelemetryDef } from '@signalbox/server'

/** Stands for a rule of the project: gives what may leave. */
declare const withoutNames: NonNullable<OutgoingDef['redact']>

// #region capture
export const telemetry: TelemetryDef = {
  capture: 'reference',
  identity: false,
}
// #endregion capture

// #region sign-off
export const signedOff: TelemetryDef = {
  capture: 'span',
  signOff: { by: 'user:ana', until: '2026-12-01T00:00:00Z', reason: 'looking for the cause of wrong totals' },
}
// #endregion sign-off

// #region outgoing
export const outgoing: OutgoingDef = {
  forms: ['secret', 'iban', 'card'],
  redact: (kind, value) => withoutNames(kind, value),
}
// #endregion outgoing

// #region schedule
export const schedules: readonly ScheduleDef[] = [
  { name: 'exposure', every: { days: 7 }, do: { job: 'exposure-audit' } },
]
// #endregion schedule
