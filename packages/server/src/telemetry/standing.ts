import type { TelemetryStanding } from '@signalbox/protocol'
import { type Host, isoTime, type Store } from 'signalbox'
import { completenessOf } from './completeness.ts'
import type { TelemetryHandle } from './exporter.ts'

/** How telemetry is delivered, as people are told. `exporter` is that of this process; null where no collector is named. */
export async function telemetryStanding(
  store: Pick<Store, 'export' | 'cursor' | 'stats'>,
  host: Pick<Host, 'now'>,
  exporter: Pick<TelemetryHandle, 'state'> | null,
): Promise<TelemetryStanding> {
  const found = await completenessOf(store, host)
  const { state, problem, acknowledgedAt } = exporter?.state() ?? { state: 'off', problem: null, acknowledgedAt: null }
  return {
    state,
    problem,
    completeness: found.ratio,
    lag_records: found.lag,
    oldest_waiting_at: found.oldestWaitingAt === null ? null : isoTime(found.oldestWaitingAt),
    waiting_effects: found.waitingEffects,
    left_out_records: found.leftOut,
    rejected_items: found.rejected,
    acknowledged_at: acknowledgedAt === null ? null : isoTime(acknowledgedAt),
  }
}
